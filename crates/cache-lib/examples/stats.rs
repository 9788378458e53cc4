//! What the gets of a store did, by all processes together.
//!
//! `cargo run -p cache-lib --example stats`

use cache_lib::units::Size;
use cache_lib::{Cache, Result, Stats};

/// A page for people.
pub(crate) fn page(stats: &Stats) -> String {
    let mut text = format!(
        "{} gets, {} files were here, {} were fetched: {}\n",
        stats.gets,
        stats.hits,
        stats.misses,
        Size(stats.fetched_bytes)
    );
    for source in &stats.sources {
        let rate = source.bytes_per_second.map_or_else(String::new, |rate| format!(", {}/s", Size(rate)));
        text += &format!("  {}: {}{rate}\n", source.source, Size(source.bytes));
    }
    for model in &stats.models {
        text += &format!("  {}: {} on disk, {} gets\n", model.model, Size(model.disk_bytes), model.gets);
    }
    text
}

#[expect(clippy::print_stdout, reason = "an example that prints its answer")]
fn main() -> Result<()> {
    let cache = Cache::builder().build()?;
    print!("{}", page(&cache.stats()?));
    Ok(())
}
