//! A small file: one request, one buffer, one visit to the disk. No ranges, no journal.

use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use cache_core::{DigestVerifier, Error, ErrorKind, Hashes, Opened, Result, Retry, Verdict};
use cache_store::{Blob, Partial, PartialKey, Store};
use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::connection::{self, Pulse};
use crate::engine::{Engine, Fetched};
use crate::outcome;
use crate::pool::Buffer;
use crate::reporter::Reporter;
use crate::transfer::{What, host_limit};

/// Fetches a file that fits one buffer.
pub(crate) async fn fetch(
    engine: &Engine,
    what: &What,
    key: &PartialKey,
    backoff: &Backoff,
    reporter: &Arc<Reporter>,
) -> Result<Fetched> {
    let size = what.file.size.unwrap_or_default();
    reporter.started(Some(size), 0, &what.source.to_string());
    let buffer = loop {
        match read(engine, what, size).await {
            Ok(Read::Bytes(buffer)) => break buffer,
            Ok(Read::Local(path)) => return outcome::adopt(engine, path, &what.file, &*what.source).await,
            Err(error) => backoff.wait(error).await?,
        }
    };
    let landed = {
        let (what, key) = (what.clone(), key.clone());
        engine.blocking(move |store| land(store, &what, &key, &buffer)).await?
    };
    reporter.advanced(size);
    match landed {
        Landed::Published(blob, verdict) => Ok(outcome::fetched(blob, what, &verdict)),
        Landed::Rejected(partial, hashes, reason) => Err(outcome::reject(engine, partial, what, &hashes, reason).await),
    }
}

enum Landed {
    Published(Blob, Verdict),
    Rejected(Partial, Hashes, String),
}

/// One visit to the disk: write, judge, publish.
fn land(store: &Store, what: &What, key: &PartialKey, buffer: &Buffer) -> Result<Landed> {
    let size = buffer.as_slice().len() as u64;
    let mut hasher = DigestVerifier::hasher(&what.file, size);
    hasher.update(buffer.as_slice());
    let hashes = hasher.finish();
    let mut partial = store.partial(key, None)?;
    if !partial.recorded().is_empty() {
        partial.restart()?;
    }
    partial
        .file()
        .write_all_at(buffer.as_slice(), 0)
        .map_err(|error| Error::storage("write what was fetched", error))?;
    match outcome::judge(&what.file, &hashes) {
        Verdict::Rejected { reason } => Ok(Landed::Rejected(partial, hashes, reason)),
        verdict => Ok(Landed::Published(store.publish(partial, &hashes, what.file.digests.sha256)?, verdict)),
    }
}

enum Read {
    Bytes(Buffer),
    Local(std::path::PathBuf),
}

async fn read(engine: &Engine, what: &What, size: u64) -> Result<Read> {
    let buffer = || async { engine.pool.take().await.ok_or_else(Error::interrupted) };
    if size == 0 {
        return Ok(Read::Bytes(buffer().await?));
    }
    let options = connection::options(None, what.file.etag.clone());
    let mut body = match what.source.open(&what.version, &what.file, options).await? {
        Opened::File(path) => return Ok(Read::Local(path)),
        Opened::Stream(body) => body,
    };
    let host = body.host.clone();
    let trouble = |kind, message: String| Error::new(kind, message).with_host(&host).with_retry(Retry::Backoff);
    if let Some(stated) = body.size.filter(|&stated| stated != size) {
        let message = format!("{}: the listing says {size} bytes, the server {stated}", what.file.path);
        return Err(trouble(ErrorKind::Integrity, message));
    }
    // Only now, with its place at the host: whoever waits for a buffer holds all else that it needs.
    let mut buffer = buffer().await?;
    let mut pulse = Pulse::new(&engine.limits());
    let mut length = 0;
    while let Some(chunk) = pulse.next(&mut body).await? {
        let asked = Instant::now();
        engine.bandwidth().take(chunk.len() as u64).await;
        if let Some(limit) = host_limit(&engine.hosts, &host) {
            limit.take(chunk.len() as u64).await;
        }
        pulse.excuse(asked.elapsed());
        length += chunk.len() as u64;
        if length > size {
            let message = format!("{}: more than the {size} bytes of the listing came", what.file.path);
            return Err(trouble(ErrorKind::Integrity, message));
        }
        buffer.fill(&chunk);
    }
    if length < size {
        return Err(trouble(ErrorKind::Network, format!("the body ended at byte {length} of {size}")));
    }
    Ok(Read::Bytes(buffer))
}
