//! The arguments of `export`, `import` and `keygen`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::REF_HELP;

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    #[arg(value_name = "REF", required = true, help = REF_HELP)]
    pub(crate) refs: Vec<String>,
    /// The bundle to write; - for stdout.
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: PathBuf,
    /// Compress it. Weights hardly shrink.
    #[arg(long)]
    pub(crate) zstd: bool,
    /// Leave out what this earlier bundle carries, or those it builds on. They have to be imported first.
    #[arg(long, value_name = "LAST", value_hint = ValueHint::FilePath)]
    pub(crate) since: Option<PathBuf>,
    /// Sign it with this private key, as `keygen` or openssl made it.
    #[arg(long, value_name = "KEYFILE", value_hint = ValueHint::FilePath)]
    pub(crate) sign: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// The bundle; - for stdin.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) bundle: PathBuf,
    /// Take it only if the private key to this public one has signed it.
    #[arg(long, value_name = "PUBKEYFILE", value_hint = ValueHint::FilePath)]
    pub(crate) verify_key: Option<PathBuf>,
    /// Say what is in it, and change nothing.
    #[arg(long)]
    pub(crate) list: bool,
}

#[derive(Debug, Args)]
pub(crate) struct KeygenArgs {
    /// The private key's file, which must not be there; the public key goes to FILE.pub.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
}
