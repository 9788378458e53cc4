//! Opens the cache as the settings say.

use cache_lib::{Cache, CacheBuilder, Result};

use crate::args::Shared;
use crate::output::Output;

/// The settings that every command shares. The flags are in them.
pub(super) fn builder(shared: &Shared) -> Result<CacheBuilder> {
    shared.config.loaded.cache_builder()
}

pub(super) fn open(shared: &Shared, output: &Output) -> Result<Cache> {
    build(builder(shared)?, output)
}

/// Opens the cache, with a warning if all users may write it.
pub(super) fn build(builder: CacheBuilder, output: &Output) -> Result<Cache> {
    let cache = builder.build()?;
    cache.store_warning().iter().for_each(|warning| output.status(format_args!("warning: {warning}")));
    Ok(cache)
}
