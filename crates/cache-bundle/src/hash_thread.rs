//! [`HashThread`]: hashes what another thread reads and writes.

use std::sync::mpsc::{Receiver, RecvError, SyncSender, sync_channel};
use std::thread;

use cache_core::{Error, ErrorKind, Hasher, Hashes, Result};
use cache_store::SMALL_FILE;

/// Bytes of a buffer.
const BUFFER: usize = 1 << 20;
/// Buffers on their way: one is filled and written while the others wait for the hash.
const BUFFERS: usize = 6;

enum Job {
    Begin(Box<Hasher>),
    Bytes(Vec<u8>, usize),
    End,
}

/// A thread that hashes. It ends when this is dropped.
pub(crate) struct HashThread {
    jobs: SyncSender<Job>,
    free: Receiver<Vec<u8>>,
    done: Receiver<Hashes>,
}

impl HashThread {
    pub(crate) fn start() -> Result<Self> {
        let (jobs, todo) = sync_channel(BUFFERS);
        let (give_back, free) = sync_channel(BUFFERS);
        let (finished, done) = sync_channel(1);
        for _ in 0..BUFFERS {
            give_back.send(vec![0; BUFFER]).map_err(|_| gone())?;
        }
        thread::Builder::new()
            .name("hash".to_owned())
            .spawn(move || hash(&todo, &give_back, &finished))
            .map_err(|error| Error::storage("start a thread", error))?;
        Ok(Self { jobs, free, done })
    }

    /// Carries `size` bytes from one place to another. `read` fills the whole of its buffer. Not used again after an error.
    pub(crate) fn carry(
        &self,
        size: u64,
        mut hasher: Hasher,
        mut read: impl FnMut(&mut [u8]) -> Result<()>,
        mut write: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<Hashes> {
        // Handing it over would take longer.
        if size <= SMALL_FILE {
            let mut buffer = vec![0; usize::try_from(size).unwrap_or_default()];
            read(&mut buffer)?;
            hasher.update(&buffer);
            write(&buffer)?;
            return Ok(hasher.finish());
        }
        self.send(Job::Begin(Box::new(hasher)))?;
        let mut left = size;
        while left > 0 {
            let mut buffer = self.free.recv().map_err(lost)?;
            let length = usize::try_from(left).unwrap_or(BUFFER).min(BUFFER);
            let bytes = buffer.get_mut(..length).unwrap_or_default();
            read(bytes)?;
            write(bytes)?;
            left -= length as u64;
            self.send(Job::Bytes(buffer, length))?;
        }
        self.send(Job::End)?;
        self.done.recv().map_err(lost)
    }

    fn send(&self, job: Job) -> Result<()> {
        self.jobs.send(job).map_err(|_| gone())
    }
}

fn hash(todo: &Receiver<Job>, back: &SyncSender<Vec<u8>>, finished: &SyncSender<Hashes>) {
    let mut hasher = Hasher::new();
    for job in todo {
        let sent = match job {
            Job::Begin(new) => {
                hasher = *new;
                true
            }
            Job::Bytes(buffer, length) => {
                hasher.update(buffer.get(..length).unwrap_or_default());
                back.send(buffer).is_ok()
            }
            Job::End => finished.send(std::mem::take(&mut hasher).finish()).is_ok(),
        };
        if !sent {
            return;
        }
    }
}

fn lost(_: RecvError) -> Error {
    gone()
}

fn gone() -> Error {
    Error::new(ErrorKind::Storage, "the thread that hashes has ended")
}
