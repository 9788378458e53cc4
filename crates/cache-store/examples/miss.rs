//! Measures what the store adds to a miss: `miss FOLDER BLOBS` fills a store with small blobs and prints the median time
//! of the calls around one fetched file: free space, publishing, lease, quota.

use std::os::unix::fs::FileExt as _;
use std::time::{Duration, Instant};

use cache_core::{Error, FileEntry, Hasher, ModelId, RepoPath, Result, Version};
use cache_store::{Store, StoreOptions};

const ROUNDS: u64 = 21;

#[expect(clippy::print_stdout, reason = "the figures are the answer")]
fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let root = args.next().unwrap_or_else(|| "store".to_owned());
    let blobs: u64 = args.next().and_then(|count| count.parse().ok()).unwrap_or(100_000);
    if fs_err::symlink_metadata(format!("{root}/blobs")).is_err() {
        fill(&root, blobs).map_err(|error| Error::storage("fill the store", error))?;
        println!("{blobs} blobs were made; run it again to measure");
        return Ok(());
    }
    let version = Version { model: ModelId::hub("org/m")?, commit: cache_core::Commit::parse(&"a".repeat(40))? };
    let mut times: Vec<Duration> = Vec::new();
    for round in 0..ROUNDS {
        let store = Store::open(&root, StoreOptions::default().with_quota(Some(1 << 40)))?;
        let bytes = round.to_le_bytes();
        let mut hasher = Hasher::new();
        hasher.update(&bytes);
        let hashes = hasher.finish();
        let mut file = FileEntry::new(RepoPath::parse("x")?);
        file.size = Some(hashes.length);
        file.digests.sha256 = Some(hashes.sha256);
        let begin = Instant::now();
        store.disk_space()?;
        let partial = store.partial(&Store::partial_key(&version, &file), file.size)?;
        partial.file().write_all_at(&bytes, 0).map_err(|error| Error::storage("write", error))?;
        store.publish(partial, &hashes, Some(hashes.sha256))?;
        let _lease = store.lease(&[hashes.sha256])?;
        store.enforce_quota(&[hashes.sha256])?;
        times.push(begin.elapsed());
    }
    let first = times[0];
    times.sort_unstable();
    println!(
        "{blobs} blobs: first miss {first:?}, median {:?}, worst {:?}",
        times[times.len() / 2],
        times[times.len() - 1]
    );
    Ok(())
}

/// Files with the names of blobs. Their bytes are not looked at.
fn fill(root: &str, blobs: u64) -> std::io::Result<()> {
    for shard in 0..256.min(blobs) {
        fs_err::create_dir_all(format!("{root}/blobs/{shard:02x}"))?;
    }
    for blob in 0..blobs {
        let shard = blob % 256;
        fs_err::write(format!("{root}/blobs/{shard:02x}/{shard:02x}{blob:062x}"), b"fake")?;
    }
    Ok(())
}
