//! [`Ours`]: the programs of this workspace that are measured.

use std::path::PathBuf;

use crate::failure::Result;
use crate::shell::{self, cargo, target};
use crate::tools;

/// The programs of ours that take part.
#[derive(Debug, Clone)]
pub(crate) struct Ours {
    pub(crate) command: PathBuf,
    pub(crate) hub: PathBuf,
    pub(crate) warm: PathBuf,
    /// `hf`, where Python is.
    pub(crate) hf: Option<PathBuf>,
}

/// Builds them, or takes them as they are.
pub(crate) fn build(skip: bool) -> Result<Ours> {
    if !skip {
        shell::run(&mut cargo(&["build", "--profile", "dist", "--package", "cache-cli"]))?;
        shell::run(&mut cargo(&["build", "--profile", "dist", "--package", "cache-testkit", "--example", "hub"]))?;
        shell::run(&mut cargo(&["build", "--profile", "dist", "--package", "xtask", "--example", "warm"]))?;
    }
    let dist = target().join("dist");
    let hf = tools::venv()?.map(|venv| venv.join("bin/hf"));
    Ok(Ours { command: dist.join("model-cache"), hub: dist.join("examples/hub"), warm: dist.join("examples/warm"), hf })
}
