//! The arguments of `push`.

use cache_lib::RefText;
use clap::Args;

use super::values::REF_HELP;

#[derive(Debug, Args)]
pub(crate) struct PushArgs {
    #[arg(value_name = "REF", help = REF_HELP)]
    pub(crate) reference: RefText,
    /// Destination: s3://bucket/prefix, gs://bucket/prefix or az://container/prefix.
    #[arg(value_name = "TARGET")]
    pub(crate) target: RefText,
    /// Branch, tag or commit to upload; a branch or tag keeps its name in the bucket.
    #[arg(long, value_name = "R")]
    pub(crate) revision: Option<String>,
    /// Name objects after their files, for other tools; one version for each prefix.
    #[arg(long)]
    pub(crate) as_files: bool,
    /// Download everything again at the end to verify it.
    #[arg(long)]
    pub(crate) read_back: bool,
}
