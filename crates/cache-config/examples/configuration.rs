//! Settings from files, environment and flags, with the origin of each; and a cache that goes by them.
//!
//! `cargo run -p cache-config --example configuration -- ./model-cache.toml`

use cache_config::{Config, ConfigEntry, LoadOptions};
use cache_lib::{Cache, Result};

/// Opens a cache from the configuration files. Values set in the builder come first.
pub(crate) fn open(options: &LoadOptions) -> Result<(Config, Cache)> {
    let config = Config::load(options)?;
    let cache = config.cache_builder()?.build()?;
    Ok((config, cache))
}

/// What was set, and where: `store.quota = 100GB (…)`.
pub(crate) fn lines(config: &Config) -> Vec<String> {
    let line = |entry: &ConfigEntry| format!("{} = {} ({})", entry.name(), entry.shown, entry.origin);
    config.entries().iter().map(line).collect()
}

fn main() -> Result<()> {
    let file = std::env::args_os().nth(1).map(Into::into);
    let (config, cache) = open(&LoadOptions::default().with_file(file))?;

    #[expect(clippy::print_stdout, reason = "an example that prints its answer")]
    {
        println!("the store is {}", cache.store().root().display());
        for line in lines(&config) {
            println!("{line}");
        }
    }
    Ok(())
}
