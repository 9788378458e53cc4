//! [`EncodedAnswers`]: answers about a version, encoded once.

use std::sync::OnceLock;

use bytes::Bytes;

/// Longest answer that is kept, in bytes. The few longer ones are encoded each time.
const MAX_KEPT: usize = 1 << 20;

/// The most frequent answers about a version, as they are sent. They live as long as the cached version.
#[derive(Debug, Default)]
pub(crate) struct EncodedAnswers {
    /// `GET …/revision/{rev}`.
    pub(crate) info: Encoded<Bytes>,
    /// The same with `blobs`.
    pub(crate) blobs: Encoded<Bytes>,
    /// The first page of all files, and the position of the next one.
    pub(crate) tree: Encoded<(Bytes, Option<usize>)>,
}

/// An answer that is kept once it was encoded, unless it is too long.
#[derive(Debug)]
pub(crate) struct Encoded<T>(OnceLock<T>);

impl<T> Default for Encoded<T> {
    fn default() -> Self {
        Self(OnceLock::new())
    }
}

impl<T: Clone> Encoded<T> {
    pub(crate) fn get(&self) -> Option<T> {
        self.0.get().cloned()
    }

    /// Keeps an answer of so many bytes and returns the one that is kept.
    pub(crate) fn keep(&self, value: T, len: usize) -> T {
        if len > MAX_KEPT {
            return value;
        }
        self.0.get_or_init(|| value).clone()
    }
}
