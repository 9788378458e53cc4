//! Errors of the parser, and the byte order it finds.

/// The error of a header that was not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// More input is needed: at least this many bytes from the beginning of the file.
    #[error("the first {bytes} bytes of the file are needed")]
    NeedMore {
        /// Bytes from the beginning.
        bytes: u64,
    },
    /// It is no GGUF file, or one that is broken or of another version.
    #[error("{0}")]
    Invalid(String),
}

/// The order of bytes in a file's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByteOrder {
    /// As nearly all files have it.
    Little,
    /// As files for s390x and some POWER machines have it.
    Big,
}
