//! Arguments of `adopt`.

use std::path::PathBuf;

use cache_lib::AdoptKind;
use clap::{Args, ValueHint};

#[derive(Debug, Args)]
pub(crate) struct AdoptArgs {
    /// ~/.cache/huggingface/hub, ~/.ollama/models or ~/.lmstudio/models, or a folder above.
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) folder: PathBuf,
    /// Layout of the folder: hf, ollama or lmstudio [default: detected].
    #[arg(long, value_name = "KIND", value_parser = |text: &str| super::values::with_hint(text.parse::<AdoptKind>()))]
    pub(crate) kind: Option<AdoptKind>,
    /// Copy files that cannot be hard-linked or cloned, such as those on another disk. Files outside DIR, of another
    /// user, executable or with other hard links are always copied.
    #[arg(long)]
    pub(crate) copy: bool,
    /// Show what would be adopted, without changing anything or verifying checksums.
    #[arg(long)]
    pub(crate) dry_run: bool,
}
