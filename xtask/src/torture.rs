//! torture
use crate::Result;
use clap::Args;
#[derive(Debug, Args)]
pub(crate) struct Arguments {}
pub(crate) fn run(_: &Arguments) -> Result<()> {
    Ok(())
}
pub(crate) fn quick() -> Result<()> {
    Ok(())
}
