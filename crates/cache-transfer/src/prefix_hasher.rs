//! Hashes a file while it is being written: follows the contiguous prefix and reads it back from the page cache.
//!
//! It hashes the content of the file, from whatever source, so a resumed part is checked like any other, and there is
//! no second pass at the end: when the last gap closes, the hash is a few buffers behind.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use cache_core::{Error, ErrorKind, Hasher, Hashes, Result};
use tokio::sync::oneshot;

/// Bytes read at a time: they stay in the CPU's cache between the read and the hash.
const CHUNK: usize = 256 << 10;

#[derive(Debug, Default)]
struct State {
    prefix: u64,
    /// The file's size, once all of it is there.
    end: Option<u64>,
    cancelled: bool,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_one();
    }

    /// Waits until more than `hashed` bytes are there, or the end is reached, and returns how far to go.
    fn wait_beyond(&self, hashed: u64) -> Option<u64> {
        let mut state = self.lock();
        loop {
            if state.cancelled {
                return None;
            }
            if state.prefix > hashed || state.end.is_some() {
                return Some(state.prefix);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// A hash in the making. Dropping it ends its thread.
#[derive(Debug)]
pub(crate) struct PrefixHasher {
    shared: Arc<Shared>,
    outcome: Option<oneshot::Receiver<io::Result<Option<Hashes>>>>,
}

impl PrefixHasher {
    /// Begins to hash `file` with `hasher`. `held` is kept until the thread has let go of the file.
    ///
    /// The thread is its own: it lives as long as the transfer, and must not take a place from the writes.
    pub(crate) fn start(file: Arc<File>, hasher: Hasher, held: impl Send + 'static) -> Result<Self> {
        let shared = Arc::new(Shared::default());
        let (done, outcome) = oneshot::channel();
        let follower = Self { shared: Arc::clone(&shared), outcome: Some(outcome) };
        std::thread::Builder::new()
            .name("hash".to_owned())
            .spawn(move || {
                let hashes = follow(&shared, &file, hasher);
                drop(file);
                drop(held);
                drop(done.send(hashes));
            })
            .map_err(|error| Error::storage("start a thread that hashes", error))?;
        Ok(follower)
    }

    /// The bytes up to `prefix` are in the file.
    pub(crate) fn advance(&self, prefix: u64) {
        self.shared.change(|state| state.prefix = state.prefix.max(prefix));
    }

    /// Stops and waits until the thread has let go of the file.
    pub(crate) async fn abandon(mut self) {
        self.shared.change(|state| state.cancelled = true);
        if let Some(outcome) = self.outcome.take() {
            drop(outcome_of(outcome).await);
        }
    }

    /// All `size` bytes are in the file: hashes the rest and ends.
    pub(crate) async fn finish(mut self, size: u64) -> Result<Hashes> {
        self.shared.change(|state| {
            state.prefix = size;
            state.end = Some(size);
        });
        let lost = || Error::new(ErrorKind::Storage, "the hashing thread was lost");
        let Some(outcome) = self.outcome.take() else { return Err(lost()) };
        match outcome_of(outcome).await {
            Some(Ok(Some(hashes))) => Ok(hashes),
            Some(Ok(None)) => Err(Error::interrupted()),
            Some(Err(error)) => Err(Error::storage("read back what was fetched", error)),
            None => Err(lost()),
        }
    }
}

/// Waits on a blocking thread: a runtime whose clock is paused counts that as work, not as idle time.
async fn outcome_of<T: Send + 'static>(outcome: oneshot::Receiver<T>) -> Option<T> {
    tokio::task::spawn_blocking(move || outcome.blocking_recv()).await.ok()?.ok()
}

impl Drop for PrefixHasher {
    fn drop(&mut self) {
        self.shared.change(|state| state.cancelled = true);
    }
}

fn follow(shared: &Shared, file: &File, mut hasher: Hasher) -> io::Result<Option<Hashes>> {
    let mut buffer = vec![0; CHUNK];
    loop {
        let Some(prefix) = shared.wait_beyond(hasher.length()) else { return Ok(None) };
        if prefix <= hasher.length() {
            return Ok(Some(hasher.finish()));
        }
        while hasher.length() < prefix {
            let left = usize::try_from(prefix - hasher.length()).unwrap_or(CHUNK);
            let chunk = &mut buffer[..left.min(CHUNK)];
            file.read_exact_at(chunk, hasher.length())?;
            hasher.update(chunk);
            if shared.lock().cancelled {
                return Ok(None);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_hash_is_that_of_the_file_however_it_grew() {
        let data: Vec<u8> = (0..3_000_001_u32).map(|i| (i % 253) as u8).collect();
        let file = Arc::new(tempfile::tempfile().unwrap());
        let follower = PrefixHasher::start(Arc::clone(&file), Hasher::new(), ()).unwrap();
        file.write_all_at(&data[2_000_000..], 2_000_000).unwrap();
        file.write_all_at(&data[..700_000], 0).unwrap();
        follower.advance(700_000);
        file.write_all_at(&data[700_000..2_000_000], 700_000).unwrap();
        follower.advance(data.len() as u64);
        let mut direct = Hasher::new();
        direct.update(&data);
        assert_eq!(follower.finish(data.len() as u64).await.unwrap(), direct.finish());
    }

    #[tokio::test]
    async fn dropping_it_ends_the_thread() {
        let file = Arc::new(tempfile::tempfile().unwrap());
        let mut follower = PrefixHasher::start(Arc::clone(&file), Hasher::new(), ()).unwrap();
        // As `finish` does.
        let outcome = follower.outcome.take().unwrap();
        drop(follower);
        assert!(outcome.await.unwrap().unwrap().is_none());
    }
}
