//! Arguments of the registry, the lock file, and what has moved.

use std::path::PathBuf;

use cache_lib::semver::Version;
use cache_lib::{RepoPath, Sha256};
use clap::{Args, Subcommand, ValueHint};

#[derive(Debug, Subcommand)]
pub(crate) enum RegistryCommand {
    /// Give a model a name, or a name another version.
    Add(AddArgs),
    /// List the names.
    Ls,
    /// Show what a name means, and which of its versions is meant.
    Show {
        /// NAME, NAME@1.2.0, NAME@^1.2, NAME@latest or NAME@TAG.
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Remove names, or single versions (NAME@1.2.0). The models stay in the store.
    Rm {
        /// NAME or NAME@VERSION.
        #[arg(value_name = "NAME", required = true)]
        names: Vec<String>,
    },
    /// Find models that have no name yet: in the store, below DIR, or on the Hub.
    Discover(DiscoverArgs),
    /// Take in names from a file that `export` wrote; all of them, or none.
    Import {
        /// The file, `-` for stdin.
        #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
        file: PathBuf,
        /// Replace versions that are registered as something else.
        #[arg(long)]
        replace: bool,
    },
    /// Write all names as TOML.
    Export {
        /// The file [default: stdout].
        #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
        file: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// a-z 0-9 . _ - and no slash. It wins over a bare name on the Hub; hf://NAME means the Hub's.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    #[arg(value_name = "REF", help = super::REF_HELP)]
    pub(crate) reference: String,
    /// The version of the name, as in semver [default: 1.0.0 for a new name].
    #[arg(long, value_name = "V")]
    pub(crate) version: Option<Version>,
    /// Ask the source now, and hold the name at this commit and these digests.
    #[arg(long)]
    pub(crate) pin: bool,
    /// What the one file must be, or PATH=DIGEST for a file of several; may be repeated.
    #[arg(long, value_name = "DIGEST", value_parser = digest)]
    pub(crate) digest: Vec<FileDigest>,
    /// Only on such machines: any, linux, x86_64, macos-aarch64, avx2, cuda …; may be repeated.
    #[arg(long, value_name = "WORD", value_delimiter = ',')]
    pub(crate) platform: Vec<String>,
    /// What to take if it is not to be had: a REF, or :Q5_K_M for another quantisation; may be repeated.
    #[arg(long, value_name = "REF")]
    pub(crate) fallback: Vec<String>,
    /// A moving name of this version, such as stable; may be repeated.
    #[arg(long, value_name = "TAG", value_delimiter = ',')]
    pub(crate) tag: Vec<String>,
    /// Replace the version if it is there.
    #[arg(long)]
    pub(crate) replace: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DiscoverArgs {
    /// Look below this folder [default: look in the store].
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath, conflicts_with_all = ["author", "search"])]
    pub(crate) folder: Option<PathBuf>,
    /// Models of this user or organisation on the Hub.
    #[arg(long, value_name = "NAME")]
    pub(crate) author: Option<String>,
    /// Models on the Hub with these words in their names.
    #[arg(long, value_name = "WORDS")]
    pub(crate) search: Option<String>,
    /// The most to ask the Hub for.
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub(crate) limit: u16,
    /// Register what is found, under the names shown.
    #[arg(long)]
    pub(crate) add: bool,
}

#[derive(Debug, Args)]
pub(crate) struct LockArgs {
    /// The lock file. What it holds already stays, unless it is locked again.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    #[arg(value_name = "REF", help = "Models to lock as they are now [default: all in FILE again]")]
    pub(crate) refs: Vec<String>,
    /// Lock the models in this file, one on a line, and no others; `#` begins a remark.
    #[arg(long, value_name = "LIST", conflicts_with = "refs", value_hint = ValueHint::FilePath)]
    pub(crate) from: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct OutdatedArgs {
    /// Models or registered names; everything in the store and the registry when none is named.
    #[arg(value_name = "REF")]
    pub(crate) refs: Vec<String>,
    /// Exit with 1 if anything has moved.
    #[arg(long)]
    pub(crate) exit_code: bool,
}

#[derive(Debug, Args)]
pub(crate) struct UpdateArgs {
    /// Models or registered names; everything in the store and the registry when none is named.
    #[arg(value_name = "REF")]
    pub(crate) refs: Vec<String>,
    /// Say what would be fetched, and fetch nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
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
    Ok(FileDigest { path, sha256: super::sha256(digest)? })
}
