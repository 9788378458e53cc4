//! Arguments of `registry`, `lock`, `outdated` and `update`.

use std::path::PathBuf;

use cache_lib::semver::Version;
use cache_lib::{RefText, RepoPath, Sha256};
use clap::{Args, Subcommand, ValueHint};

#[derive(Debug, Subcommand)]
pub(crate) enum RegistryCommand {
    /// Add a name, or a version of a name.
    Add(AddArgs),
    /// List all names.
    Ls,
    /// Show the version that a name resolves to.
    Show {
        /// NAME, NAME@1.2.0, NAME@^1.2, NAME@latest or NAME@TAG.
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Remove names or versions of names; the models stay in the store.
    Rm {
        /// NAME or NAME@VERSION, such as mine@1.2.0.
        #[arg(value_name = "NAME", required = true)]
        names: Vec<String>,
    },
    /// Find models without a name: in the store, in a folder or on the Hub.
    Discover(DiscoverArgs),
    /// Add all names from a file that `registry export` wrote, or none.
    Import {
        /// File to read; - for stdin.
        #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
        file: PathBuf,
        /// Replace versions that exist with other contents.
        #[arg(long)]
        replace: bool,
    },
    /// Write all names as TOML.
    Export {
        /// File to write [default: stdout].
        #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
        file: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// Name of a-z 0-9 . _ - without a slash; hf://NAME still means the Hub's model.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    #[arg(value_name = "REF", help = super::values::REF_HELP)]
    pub(crate) reference: RefText,
    /// Version, as in semver [default: 1.0.0 for a new name].
    #[arg(long, value_name = "V")]
    pub(crate) version: Option<Version>,
    /// Resolve now, and keep the name at this commit and these checksums.
    #[arg(long)]
    pub(crate) pin: bool,
    /// Expected SHA-256 of the one file, or PATH=DIGEST of one of several; may be repeated.
    #[arg(long, value_name = "DIGEST", value_parser = digest)]
    pub(crate) digest: Vec<FileDigest>,
    /// Only on these platforms: any, linux, x86_64, macos-aarch64, avx2, cuda …; may be repeated.
    #[arg(long, value_name = "WORD", value_delimiter = ',')]
    pub(crate) platform: Vec<String>,
    /// Alternative if it is not available: a REF, or :Q5_K_M for another quantization; may be repeated.
    #[arg(long, value_name = "REF")]
    pub(crate) fallback: Vec<RefText>,
    /// Tag of this version, such as stable; may be repeated.
    #[arg(long, value_name = "TAG", value_delimiter = ',')]
    pub(crate) tag: Vec<String>,
    /// Replace an existing version.
    #[arg(long)]
    pub(crate) replace: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DiscoverArgs {
    /// Folder to search [default: the store].
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath, conflicts_with_all = ["author", "search"])]
    pub(crate) folder: Option<PathBuf>,
    /// Models of this user or organization on the Hub.
    #[arg(long, value_name = "NAME")]
    pub(crate) author: Option<String>,
    /// Models on the Hub with these words in their name.
    #[arg(long, value_name = "WORDS")]
    pub(crate) search: Option<String>,
    /// Maximum number of models to list from the Hub.
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub(crate) limit: u16,
    /// Add the models found, under the names shown.
    #[arg(long)]
    pub(crate) add: bool,
}

#[derive(Debug, Args)]
pub(crate) struct LockArgs {
    /// Lock file to write; models already in it stay.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    #[arg(value_name = "REF", help = "Models to lock at their current commit [default: all in FILE]")]
    pub(crate) refs: Vec<RefText>,
    /// Lock exactly the models that this file lists, one on each line, # for comments.
    #[arg(long, value_name = "LIST", conflicts_with = "refs", value_hint = ValueHint::FilePath)]
    pub(crate) from: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct OutdatedArgs {
    /// Models or registered names [default: all in the store and the registry].
    #[arg(value_name = "REF")]
    pub(crate) refs: Vec<RefText>,
    /// Exit with 1 if there are newer commits.
    #[arg(long)]
    pub(crate) exit_code: bool,
}

#[derive(Debug, Args)]
pub(crate) struct UpdateArgs {
    /// Models or registered names [default: all in the store and the registry].
    #[arg(value_name = "REF")]
    pub(crate) refs: Vec<RefText>,
    /// Show what would be downloaded, without downloading it.
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) time: super::time::TimeArgs,
}

/// A digest, and the file that it is of where several are meant.
#[derive(Debug, Clone)]
pub(crate) struct FileDigest {
    pub(crate) path: Option<RepoPath>,
    pub(crate) sha256: Sha256,
}

fn digest(text: &str) -> Result<FileDigest, String> {
    let (path, digest) = match text.rsplit_once('=') {
        Some((path, digest)) => (Some(RepoPath::parse(path).map_err(|error| error.to_string())?), digest),
        None => (None, text),
    };
    Ok(FileDigest { path, sha256: super::values::sha256(digest)? })
}
