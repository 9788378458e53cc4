//! What is wrong with a compressed stream, in words.

use std::io;

use cache_core::{CompressedFile, Compression, Error, ErrorKind, Retry};

use crate::InflateLimits;

/// Texts of libzstd and liblzma for an exceeded memory limit; there is no error code.
const TOO_MUCH_MEMORY: [&str; 3] = ["too much memory", "memory limit", "memory usage limit"];

const KEEP: &str = "keep the file compressed to download it as it is";

/// The decoder's error, or the feed's that it carries.
pub(crate) fn decoding(compressed: &CompressedFile, limits: InflateLimits, error: io::Error) -> Error {
    let error = match error.downcast::<Error>() {
        Ok(ours) => return ours,
        Err(error) => error,
    };
    let CompressedFile { path, compression, .. } = compressed;
    let text = error.to_string();
    if TOO_MUCH_MEMORY.iter().any(|part| text.contains(part)) {
        let most = limits.max_memory >> 20;
        return Error::new(
            ErrorKind::Unsupported,
            format!("{path}: decompressing this {compression} stream needs more than the allowed {most} MiB of memory"),
        )
        .with_hint(format!("{KEEP}; then decompress it with `{}`", tool(*compression)))
        .with_reason(cache_core::Reason::CannotDecompress)
        .with_subject(tool(*compression));
    }
    let message = match error.kind() {
        // What liblzma calls a lack of room (LZMA_BUF_ERROR) is here a lack of input: there is always room.
        io::ErrorKind::UnexpectedEof | io::ErrorKind::OutOfMemory => {
            format!("{path}: the {compression} stream ends in the middle")
        }
        _ => format!("{path}: not a valid {compression} stream: {text}"),
    };
    Error::new(ErrorKind::Integrity, message)
        .with_hint(format!("the file is corrupted at its source, or not a {compression} file; {KEEP}"))
        .with_reason(cache_core::Reason::NotDecompressible)
        .with_source(error)
}

/// The command that unpacks with as much memory as the stream wants.
fn tool(compression: Compression) -> &'static str {
    match compression {
        Compression::Zstd => "zstd -d --long=31",
        Compression::Xz => "xz -d",
        Compression::Bzip2 => "bzip2 -d",
        _ => "gzip -d",
    }
}

/// More came out than may.
pub(crate) fn too_long(compressed: &CompressedFile, most: u64, known: bool) -> Error {
    let CompressedFile { path, compression, .. } = compressed;
    let message = if known {
        format!("{path}: the {compression} stream holds more than the {most} bytes it should")
    } else {
        format!("{path}: the {compression} stream does not end after {most} plain bytes")
    };
    Error::new(ErrorKind::Integrity, message)
        .with_hint(format!("do not trust this source; {KEEP}"))
        .with_reason(cache_core::Reason::UntrustedCompression)
}

/// Less came out than should.
pub(crate) fn too_short(compressed: &CompressedFile, expected: u64, actual: u64) -> Error {
    let CompressedFile { path, compression, .. } = compressed;
    Error::new(
        ErrorKind::Integrity,
        format!("{path}: expected {expected} bytes in the {compression} stream, got {actual}"),
    )
    .with_hint("the file at the source has changed; run the same command again")
}

/// A bomb.
pub(crate) fn too_dense(compressed: &CompressedFile, ratio: u64, plain: u64, taken: u64) -> Error {
    let CompressedFile { path, compression, .. } = compressed;
    Error::new(
        ErrorKind::Integrity,
        format!(
            "{path}: {taken} bytes of {compression} became {plain}, more than {ratio} to 1: refused as a decompression bomb"
        ),
    )
    .with_hint(format!("do not trust this source; {KEEP}"))
        .with_reason(cache_core::Reason::UntrustedCompression)
}

/// Much goes in and nothing comes out.
pub(crate) fn no_output(compressed: &CompressedFile, bytes: u64) -> Error {
    let CompressedFile { path, compression, .. } = compressed;
    Error::new(ErrorKind::Integrity, format!("{path}: {bytes} bytes of {compression} in a row decompress to nothing"))
        .with_hint(format!("do not trust this source; {KEEP}"))
        .with_reason(cache_core::Reason::UntrustedCompression)
}

/// The compressed bytes are not those of the digest or the size.
pub(crate) fn rejected(compressed: &CompressedFile, reason: &str) -> Error {
    Error::new(ErrorKind::Integrity, format!("{}: checksum mismatch of the compressed file: {reason}", compressed.path))
        .with_hint("the file changed or is corrupted at its source; check the digest, or run the same command again")
}

/// A compressed file that is another one now.
pub(crate) fn changed(compressed: &CompressedFile) -> Error {
    Error::new(ErrorKind::Integrity, format!("{}: the file at the source changed during the download", compressed.path))
        .with_hint("run the same command again to download the new one")
}

/// The plain bytes of a second reading differ from those of the first.
pub(crate) fn inconsistent(compressed: &CompressedFile) -> Error {
    Error::new(ErrorKind::Integrity, format!("{}: the source sent different bytes the second time", compressed.path))
        .with_hint("the file changed, or the source is faulty; run the same command again")
}

/// The compressed body ended before its stated end.
pub(crate) fn cut(compressed: &CompressedFile, position: u64, promised: u64) -> Error {
    Error::new(
        ErrorKind::Network,
        format!("{}: the body ended at byte {position} of {promised} compressed ones", compressed.path),
    )
    .with_retry(Retry::Backoff)
    .with_hint("the connection was closed early; run the same command again to resume")
}
