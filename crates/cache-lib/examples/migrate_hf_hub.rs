//! What calls of hf-hub become: one file, a snapshot by patterns, and what is here without the network.
//!
//! `cargo run -p cache-lib --example migrate_hf_hub -- org/name`

use std::path::PathBuf;
use std::sync::Arc;

use cache_lib::{Cache, ErrorKind, Event, Progress, Result, Snapshot};

/// In place of a `ProgressHandler`.
struct Lines;

#[expect(clippy::print_stderr, reason = "an example that prints progress")]
impl Progress for Lines {
    fn event(&self, event: &Event<'_>) {
        if let Event::Finished { path, size, outcome, verified } = event {
            eprintln!("{path}: {size} bytes, {outcome:?}, verified: {verified}");
        }
    }
}

/// `repo.download_file().filename("config.json").send()`.
///
/// The path stays what it is when the snapshot is dropped; but then the file may be evicted. Keep the snapshot where
/// the file is opened later.
pub(crate) async fn config(cache: &Cache, model: &str) -> Result<PathBuf> {
    Ok(cache.get(format!("{model}/config.json")).await?.path().to_path_buf())
}

/// `repo.snapshot_download().revision(…).allow_patterns(…).ignore_patterns(…).progress(…).send()`.
pub(crate) async fn weights(cache: &Cache, model: &str, revision: &str) -> Result<Snapshot> {
    cache
        .get(model)
        .revision(revision)
        .include("*.safetensors")
        .include("*.json")
        .exclude("*.index.json")
        .progress(Arc::new(Lines))
        .await
}

/// `.local_files_only(true)`, with `HFError::LocalEntryNotFound` as `None` and other failures as errors.
pub(crate) fn cached(cache: &Cache, model: &str) -> Result<Option<Snapshot>> {
    match cache.get(model).include("*.safetensors").peek() {
        Ok(snapshot) => Ok(Some(snapshot)),
        Err(error) if error.kind() == ErrorKind::NotCached => Ok(None),
        Err(error) => Err(error),
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let model = std::env::args().nth(1).unwrap_or_else(|| "sentence-transformers/all-MiniLM-L6-v2".to_owned());
    // `HF_ENDPOINT`, `HF_TOKEN`, the token file and `HF_HUB_OFFLINE` count as before.
    let cache = Cache::builder().build()?;
    let config = config(&cache, &model).await?;
    let snapshot = weights(&cache, &model, "main").await?;

    #[expect(clippy::print_stdout, reason = "an example that prints its answer")]
    {
        println!("{}", config.display());
        println!("{} at {}", snapshot.path().display(), snapshot.version().commit);
        println!("weights without asking anybody: {}", cached(&cache, &model)?.is_some());
    }
    Ok(())
}
