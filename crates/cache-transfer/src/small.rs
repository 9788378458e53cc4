//! A small file: one request, one buffer, one visit to the disk. No ranges, no journal.

use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use cache_core::{DigestVerifier, Error, ErrorKind, Hashes, Opened, Result, Retry, Verdict};
use cache_store::{Blob, Partial, PartialKey, Store};
use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::connection::StallTimer;
use crate::context::host_limit;
use crate::engine::Engine;
use crate::job::{Fetched, FileSpec};
use crate::lane::options;
use crate::leadership::Leadership;
use crate::outcome;
use crate::pool::PoolBuffer;
use crate::reporter::Reporter;

/// Fetches a file that fits one buffer.
pub(crate) async fn fetch(
    engine: &Engine,
    spec: &FileSpec,
    key: &PartialKey,
    backoff: &Backoff,
    reporter: &Arc<Reporter>,
    leader: &Arc<Leadership>,
) -> Result<Fetched> {
    let size = spec.file.size.unwrap_or_default();
    reporter.started(Some(size), 0, &spec.source.to_string());
    let mut failed = false;
    let buffer = loop {
        let connected = leader.connected();
        let answer = read(engine, spec, size, failed).await;
        drop(connected);
        match answer {
            Ok(SmallBody::Bytes(buffer)) => break buffer,
            Ok(SmallBody::Local(path)) => return outcome::adopt(engine, path, &spec.file, &*spec.source).await,
            Err(error) => backoff.wait(error).await?,
        }
        failed = true;
    };
    let landed = {
        let (spec, key, leader) = (spec.clone(), key.clone(), Arc::clone(leader));
        engine.blocking(move |store| land(store, &spec, &key, &buffer, &leader)).await?
    };
    reporter.advanced(size);
    match landed {
        StoreOutcome::Published(blob, verdict) => Ok(outcome::fetched(blob, spec, &verdict)),
        StoreOutcome::Rejected(partial, hashes, reason) => {
            Err(outcome::reject(engine, partial, spec, &hashes, reason).await)
        }
    }
}

enum StoreOutcome {
    Published(Blob, Verdict),
    Rejected(Partial, Hashes, String),
}

/// One visit to the disk: write, judge, publish, give the right away.
fn land(
    store: &Store,
    spec: &FileSpec,
    key: &PartialKey,
    buffer: &PoolBuffer,
    leader: &Arc<Leadership>,
) -> Result<StoreOutcome> {
    let size = buffer.as_slice().len() as u64;
    let mut hasher = DigestVerifier::hasher(&spec.file, size);
    hasher.update(buffer.as_slice());
    let hashes = hasher.finish();
    let mut partial = store.new_partial(key)?;
    partial.set_access(spec.access)?;
    partial.hold_guard(Arc::clone(leader));
    partial
        .file()
        .write_all_at(buffer.as_slice(), 0)
        .map_err(|error| Error::storage("write what was fetched", error))?;
    match outcome::judge(&spec.file, &hashes) {
        Verdict::Rejected { reason } => Ok(StoreOutcome::Rejected(partial, hashes, reason)),
        verdict => {
            let blob = store.publish(partial, &hashes, spec.file.digests.sha256)?;
            leader.done(store, &spec.file, &blob);
            Ok(StoreOutcome::Published(blob, verdict))
        }
    }
}

enum SmallBody {
    Bytes(PoolBuffer),
    Local(std::path::PathBuf),
}

/// One request, over a new connection after a failure.
async fn read(engine: &Engine, spec: &FileSpec, size: u64, fresh: bool) -> Result<SmallBody> {
    let buffer = || async { engine.pool.take().await.ok_or_else(Error::interrupted) };
    if size == 0 {
        return Ok(SmallBody::Bytes(buffer().await?));
    }
    let options = options(None, spec.file.etag.clone()).fresh(fresh);
    let mut body = match spec.source.open(&spec.version, &spec.file, options).await? {
        Opened::File(path) => return Ok(SmallBody::Local(path)),
        Opened::Stream(body) => body,
    };
    let host = body.host.clone();
    let failure = |kind, message: String| Error::new(kind, message).with_host(&host).with_retry(Retry::Backoff);
    if let Some(stated) = body.size.filter(|&stated| stated != size) {
        let message = format!("{}: wrong size: {size} bytes listed, the server has {stated}", spec.file.path);
        return Err(failure(ErrorKind::Integrity, message));
    }
    // Only now, with its place at the host: whoever waits for a buffer holds all else that it needs.
    let mut buffer = buffer().await?;
    let mut stall_timer = StallTimer::new(&engine.limits());
    let mut length = 0;
    while let Some(chunk) = stall_timer.next(&mut body).await? {
        let asked = Instant::now();
        engine.bandwidth().take(chunk.len() as u64).await;
        if let Some(limit) = host_limit(&engine.hosts, &host) {
            limit.take(chunk.len() as u64).await;
        }
        stall_timer.extend(asked.elapsed());
        length += chunk.len() as u64;
        if length > size {
            let message = format!("{}: wrong size: more than the {size} bytes listed", spec.file.path);
            return Err(failure(ErrorKind::Integrity, message));
        }
        buffer.fill(&chunk);
    }
    if length < size {
        return Err(failure(ErrorKind::Network, format!("download ended early at byte {length} of {size}")));
    }
    Ok(SmallBody::Bytes(buffer))
}
