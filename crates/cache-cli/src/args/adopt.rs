//! Arguments of `adopt`.

use std::path::PathBuf;

use cache_lib::AdoptKind;
use clap::{Args, ValueHint};

#[derive(Debug, Args)]
pub(crate) struct AdoptArgs {
    /// ~/.cache/huggingface/hub, ~/.ollama/models or ~/.lmstudio/models, or the folder above.
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) folder: PathBuf,
    /// Whose folder it is: hf, ollama or lmstudio [default: found out by looking].
    #[arg(long, value_name = "KIND", value_parser = |text: &str| super::told(text.parse::<AdoptKind>()))]
    pub(crate) kind: Option<AdoptKind>,
    /// Copy files that cannot be shared with the store, such as those on another disk.
    #[arg(long)]
    pub(crate) copy: bool,
    /// Say what would be adopted, and change nothing. Digests are not checked.
    #[arg(long)]
    pub(crate) dry_run: bool,
}
