//! The arguments of `export`, `import` and `keygen`.

use std::path::PathBuf;

use cache_lib::RefText;
use clap::{Args, ValueHint};

use super::values::REF_HELP;

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    #[arg(value_name = "REF", required = true, help = REF_HELP)]
    pub(crate) refs: Vec<RefText>,
    /// Bundle to write; - for stdout.
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: PathBuf,
    /// Compress the bundle; weights hardly shrink.
    #[arg(long)]
    pub(crate) zstd: bool,
    /// Leave out files of this earlier bundle and its bases, which must be imported first.
    #[arg(long, value_name = "LAST", value_hint = ValueHint::FilePath)]
    pub(crate) since: Option<PathBuf>,
    /// Sign with this private key, from `keygen` or openssl.
    #[arg(long, value_name = "KEYFILE", value_hint = ValueHint::FilePath)]
    pub(crate) sign: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// Bundle to read; - for stdin.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) bundle: PathBuf,
    /// Import only if this public key verifies the signature.
    #[arg(long, value_name = "PUBKEYFILE", value_hint = ValueHint::FilePath)]
    pub(crate) verify_key: Option<PathBuf>,
    /// List the contents, without importing them.
    #[arg(long)]
    pub(crate) list: bool,
}

#[derive(Debug, Args)]
pub(crate) struct KeygenArgs {
    /// New file of the private key; the public key goes to FILE.pub.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
}
