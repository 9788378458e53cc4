//! The arguments of `push`.

use clap::Args;

use super::REF_HELP;

#[derive(Debug, Args)]
pub(crate) struct PushArgs {
    #[arg(value_name = "REF", help = REF_HELP)]
    pub(crate) reference: String,
    /// Where to: s3://bucket/prefix, gs://bucket/prefix, az://container/prefix.
    #[arg(value_name = "TARGET")]
    pub(crate) target: String,
    /// Branch, tag or commit to push; a branch or tag is also its name in the bucket.
    #[arg(long, value_name = "R")]
    pub(crate) revision: Option<String>,
    /// Objects under the names of the files, for other tools, instead of blobs: one version a prefix.
    #[arg(long)]
    pub(crate) as_files: bool,
    /// Read everything back in the end, whatever checksums the server keeps.
    #[arg(long)]
    pub(crate) read_back: bool,
}
