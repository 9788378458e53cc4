//! Reading parts of files for many clients: without a detour over another thread where the page cache has them, and
//! without fresh memory for each.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use crate::cache::blocking;
use crate::{Error, ErrorKind, Result};

/// Bytes of a buffer that is used again: no read gives more. It stays in the CPU's cache between the disk and the socket.
const BUFFER: usize = 128 << 10;
/// Up to this many bytes a buffer of just the size is cheaper.
const SMALL: usize = 16 << 10;
/// Most buffers that are kept for the next reads.
const KEPT: usize = 32;

/// Buffers that were used and are not now. Fresh memory would be zeroed twice, by the system and by us.
static FREE: Mutex<Vec<Box<[u8]>>> = Mutex::new(Vec::new());

/// Memory to read into.
struct Buffer {
    bytes: Box<[u8]>,
    filled: usize,
}

impl Buffer {
    fn of(wanted: usize) -> Self {
        let kept = (wanted > SMALL).then(|| FREE.lock().unwrap_or_else(PoisonError::into_inner).pop()).flatten();
        let fresh = || vec![0; if wanted > SMALL { BUFFER } else { wanted }].into_boxed_slice();
        Self { bytes: kept.unwrap_or_else(fresh), filled: 0 }
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.filled]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if self.bytes.len() == BUFFER {
            let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
            if free.len() < KEPT {
                free.push(std::mem::take(&mut self.bytes));
            }
        }
    }
}

/// Up to `wanted` bytes of a file that has them, from `at` on; none only if none are wanted.
pub(super) async fn read(file: &Arc<File>, at: u64, wanted: usize) -> Result<Bytes> {
    if wanted == 0 {
        return Ok(Bytes::new());
    }
    let wanted = wanted.min(BUFFER);
    let mut buffer = Buffer::of(wanted);
    buffer.filled = cached(file, at, &mut buffer.bytes[..wanted]);
    if buffer.filled == 0 {
        let file = Arc::clone(file);
        buffer = blocking(move || {
            buffer.filled = from_disk(&file, at, &mut buffer.bytes[..wanted])?;
            Ok(buffer)
        })
        .await?;
    }
    Ok(Bytes::from_owner(buffer))
}

/// What can be had without waiting for the disk; 0 where that cannot be told.
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
                let words = format!("a stored file ends at byte {at} or before, although it is longer");
                return Err(
                    Error::new(ErrorKind::Storage, words).with_hint("`model-cache verify` looks for the damage")
                );
            }
            Ok(read) => return Ok(read),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::storage("read a stored file", error)),
        }
    }
}
