//! Hashing of whole files.

use std::fs::File;
use std::io::{self, Read as _};

use cache_core::{Hasher, Hashes};

/// Bytes read at a time: large enough to make calls rare, small enough to stay in the processor's cache.
const READ_BUFFER: usize = 256 << 10;

/// Hashes a file from its beginning.
pub(crate) fn hash_file(file: &File, hasher: Hasher) -> io::Result<Hashes> {
    hash_file_watched(file, hasher, &mut |_| ())
}

/// As [`hash_file`], reporting to `watch` how many bytes were read since the last call.
pub(crate) fn hash_file_watched(file: &File, mut hasher: Hasher, watch: &mut dyn FnMut(u64)) -> io::Result<Hashes> {
    read_all(file, |bytes| {
        hasher.update(bytes);
        watch(bytes.len() as u64);
    })?;
    Ok(hasher.finish())
}

fn read_all(file: &File, mut take: impl FnMut(&[u8])) -> io::Result<()> {
    // Only advice: without it the kernel reads ahead a little less.
    #[cfg(target_os = "linux")]
    let _ = rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::Sequential);
    let mut buffer = vec![0; READ_BUFFER];
    let mut reader = file;
    io::Seek::seek(&mut reader, io::SeekFrom::Start(0))?;
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(read) => take(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
