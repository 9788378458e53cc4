//! A name of one's own for a model, and a lock file that another machine fetches exactly.
//!
//! `cargo run -p cache-lib --example registry_lock -- org/name models.lock`

use std::path::Path;

use cache_lib::registry::Name;
use cache_lib::{Cache, EntryVersion, Lockfile, Result, Snapshot, semver};

/// Gives a reference a name. From then on the name is understood wherever a reference is.
pub(crate) fn register(cache: &Cache, name: &str, reference: &str) -> Result<()> {
    let name: Name = name.parse()?;
    cache.change_registry(|registry| {
        let mut version = EntryVersion::new(reference);
        version.tags = vec!["stable".to_owned()];
        // Said again, it is the same entry again.
        registry.add(&name, Some(semver::Version::new(1, 0, 0)), version, true).map(drop)
    })
}

/// Writes down the commit and the digests that a reference has now. Fetches no file.
pub(crate) async fn write_lock(cache: &Cache, reference: &str, file: &Path) -> Result<Lockfile> {
    let lock = cache.lock([reference]).await?;
    lock.write(file)?;
    Ok(lock)
}

/// Fetches exactly what was locked, or fails.
pub(crate) async fn get_locked(cache: &Cache, reference: &str, file: &Path) -> Result<Snapshot> {
    let lock = Lockfile::read(file)?;
    cache.get(reference).locked(&lock).await
}

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let reference = arguments.next().unwrap_or_else(|| "sentence-transformers/all-MiniLM-L6-v2".to_owned());
    let file = arguments.next().unwrap_or_else(|| "models.lock".to_owned());
    let cache = Cache::builder().build()?;
    register(&cache, "embedder", &reference)?;
    let lock = write_lock(&cache, "embedder@stable", Path::new(&file)).await?;
    let model = get_locked(&cache, "embedder@stable", Path::new(&file)).await?;

    #[expect(clippy::print_stdout, reason = "an example that prints its answer")]
    for locked in lock.models() {
        println!("{file}: {} is {} with {} files", locked.reference, locked.commit, locked.files.len());
        println!("{}", model.path().display());
    }
    Ok(())
}
