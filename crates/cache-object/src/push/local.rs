//! Reading parts of a local file, away from the runtime's own threads.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;

use bytes::Bytes;
use cache_core::{Error, ErrorKind, Hasher, RepoPath, Result, Sha256};

use crate::checksum;

/// One object to be there in the end.
pub(super) struct Object {
    /// The file that it is shown as.
    pub(super) path: RepoPath,
    pub(super) key: String,
    pub(super) sha256: Sha256,
    pub(super) size: u64,
    pub(super) local: PathBuf,
}

/// Bytes hashed at a time.
const CHUNK: usize = 256 << 10;

/// A local file that is being sent.
#[derive(Debug, Clone)]
pub(super) struct LocalFile {
    path: PathBuf,
    size: u64,
}

/// One part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PartRange {
    pub(super) start: u64,
    pub(super) length: u64,
}

impl LocalFile {
    pub(super) fn new(object: &Object) -> Self {
        Self { path: object.local.clone(), size: object.size }
    }

    /// The parts of this size, the last one shorter. An empty file has one empty part.
    pub(super) fn parts(&self, size: u64) -> Vec<PartRange> {
        let count = self.size.div_ceil(size.max(1)).max(1);
        let part = |index: u64| PartRange { start: index * size, length: size.min(self.size - index * size) };
        (0..count).map(part).collect()
    }

    /// The bytes of a part, and their digest.
    pub(super) async fn read(&self, span: PartRange) -> Result<(Bytes, Sha256)> {
        let local = self.clone();
        blocking(move || {
            let length = usize::try_from(span.length).map_err(|_| local.changed())?;
            let mut bytes = vec![0; length];
            let mut file = local.open(span)?;
            file.read_exact(&mut bytes).map_err(|error| match error.kind() {
                std::io::ErrorKind::UnexpectedEof => local.changed(),
                _ => Error::storage("read a blob", error),
            })?;
            let digest = checksum::of(&bytes);
            Ok((Bytes::from(bytes), digest))
        })
        .await
    }

    /// The digests of all parts, of which no more than a chunk is in memory.
    pub(super) async fn digests(&self, part_size: u64) -> Result<Vec<Sha256>> {
        let local = self.clone();
        blocking(move || local.parts(part_size).into_iter().map(|span| local.digest(span)).collect()).await
    }

    fn digest(&self, span: PartRange) -> Result<Sha256> {
        let mut file = self.open(span)?.take(span.length);
        let mut hasher = Hasher::new();
        let mut chunk = vec![0; CHUNK];
        loop {
            let read = file.read(&mut chunk).map_err(|error| Error::storage("read a blob", error))?;
            if read == 0 {
                break;
            }
            hasher.update(chunk.get(..read).unwrap_or_default());
        }
        if hasher.length() == span.length { Ok(hasher.finish().sha256) } else { Err(self.changed()) }
    }

    fn open(&self, span: PartRange) -> Result<fs_err::File> {
        let storage = |error| Error::storage("read a blob", error);
        let mut file = fs_err::File::open(&self.path).map_err(storage)?;
        file.seek(SeekFrom::Start(span.start)).map_err(storage)?;
        Ok(file)
    }

    fn changed(&self) -> Error {
        let message = format!("{}: wrong size", self.path.display());
        Error::new(ErrorKind::Integrity, message)
            .with_hint("repair the local copy")
            .with_reason(cache_core::Reason::Corrupted)
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) if error.is_cancelled() => Err(Error::interrupted()),
        Err(error) => Err(Error::new(ErrorKind::Storage, format!("a worker failed: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_the_file() {
        let local = |size| LocalFile { path: PathBuf::new(), size };
        let spans = |size| local(size).parts(10).into_iter().map(|s| (s.start, s.length)).collect::<Vec<_>>();
        assert_eq!(spans(0), [(0, 0)]);
        assert_eq!(spans(10), [(0, 10)]);
        assert_eq!(spans(25), [(0, 10), (10, 10), (20, 5)]);
    }
}
