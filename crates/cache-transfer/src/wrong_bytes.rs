//! The mark of errors about received bytes.

use cache_core::Error;

/// Received bytes do not match the digest.
#[derive(Debug)]
pub(crate) struct WrongBytes;

impl std::fmt::Display for WrongBytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("wrong bytes")
    }
}

impl std::error::Error for WrongBytes {}

/// Whether an error is that of bytes which were judged, and not that of a file which is another one.
pub(crate) fn is_wrong_bytes(error: &Error) -> bool {
    std::error::Error::source(error).is_some_and(|source| source.is::<WrongBytes>())
}
