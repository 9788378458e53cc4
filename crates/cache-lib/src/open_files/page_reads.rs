//! Reading parts of files for many clients: without a detour over another thread where the page cache has them, and
//! without fresh memory for each. All readers of the process share [`MOST`] large buffers; beyond them reads are small.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use crate::task::blocking;
use crate::{Error, ErrorKind, Result};

/// Bytes of a buffer that is used again: no read gives more. It stays in the CPU's cache between the disk and the socket.
const BUFFER: usize = 128 << 10;
/// Up to this many bytes a buffer of just the size is cheaper.
const SMALL: usize = 16 << 10;
/// Most buffers that are kept for the next reads.
const KEPT: usize = 32;
/// Most large buffers that are in use at a time: 32 MiB.
const MOST: usize = 256;
/// Bytes of a read when all of them are in use.
const SHORT: usize = 8 << 10;

/// Large buffers in use.
static LARGE: AtomicUsize = AtomicUsize::new(0);

/// Buffers that were used and are not now. Fresh memory would be zeroed twice, by the system and by us.
static FREE: Mutex<Vec<Box<[u8]>>> = Mutex::new(Vec::new());

/// Memory to read into.
struct Buffer {
    bytes: Box<[u8]>,
    /// Bytes that a read may fill.
    room: usize,
    filled: usize,
}

impl Buffer {
    /// Room for `wanted` bytes, or for fewer while memory is short.
    fn of(wanted: usize) -> Self {
        let room = if wanted <= SMALL || take_large() { wanted } else { SHORT };
        let bytes = if room > SMALL { large() } else { vec![0; room].into_boxed_slice() };
        Self { bytes, room, filled: 0 }
    }

    fn room(&mut self) -> &mut [u8] {
        &mut self.bytes[..self.room]
    }
}

/// Whether all large buffers are in use. Then reads give little, and a body reads on when its last chunk is gone.
pub(crate) fn is_short() -> bool {
    LARGE.load(Ordering::Acquire) >= MOST
}

fn take_large() -> bool {
    let one_more = |in_use: usize| (in_use < MOST).then_some(in_use + 1);
    LARGE.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more).is_ok()
}

fn large() -> Box<[u8]> {
    let kept = FREE.lock().unwrap_or_else(PoisonError::into_inner).pop();
    kept.unwrap_or_else(|| vec![0; BUFFER].into_boxed_slice())
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.filled]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if self.bytes.len() == BUFFER {
            LARGE.fetch_sub(1, Ordering::AcqRel);
            let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
            if free.len() < KEPT {
                free.push(std::mem::take(&mut self.bytes));
            }
        }
    }
}

/// `max`, or the bytes that are available if they are fewer.
pub(crate) fn limited(max: usize, available: u64) -> usize {
    usize::try_from(available).map_or(max, |available| available.min(max))
}

/// Up to `wanted` bytes of a file that has them, from `at` on; none only if none are wanted. Fewer while memory is short.
pub(crate) async fn read(file: &Arc<File>, at: u64, wanted: usize) -> Result<Bytes> {
    if wanted == 0 {
        return Ok(Bytes::new());
    }
    let mut buffer = Buffer::of(wanted.min(BUFFER));
    buffer.filled = cached(file, at, buffer.room());
    if buffer.filled == 0 {
        let file = Arc::clone(file);
        buffer = blocking(move || {
            buffer.filled = from_disk(&file, at, buffer.room())?;
            Ok(buffer)
        })
        .await?;
    }
    Ok(Bytes::from_owner(buffer))
}

/// Reads what the page cache has, without waiting for the disk; 0 bytes where that is unknown.
#[cfg(target_os = "linux")]
fn cached(file: &File, at: u64, into: &mut [u8]) -> usize {
    let mut parts = [std::io::IoSliceMut::new(into)];
    rustix::io::preadv2(file, &mut parts, at, rustix::io::ReadWriteFlags::NOWAIT).unwrap_or(0)
}

#[cfg(not(target_os = "linux"))]
fn cached(_file: &File, _at: u64, _into: &mut [u8]) -> usize {
    0
}

fn from_disk(file: &File, at: u64, into: &mut [u8]) -> Result<usize> {
    loop {
        match file.read_at(into, at) {
            Ok(0) => {
                let words = format!("a stored file is truncated at byte {at} or before");
                return Err(Error::new(ErrorKind::Storage, words)
                    .with_hint("verify the store")
                    .with_reason(crate::Reason::Corrupted));
            }
            Ok(read) => return Ok(read),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::storage("read a stored file", error)),
        }
    }
}
