//! What is wrong with a compressed stream, in words.

use std::io;

use cache_core::{Error, ErrorKind, Packed, Packing, Retry};

use crate::InflateLimits;

/// What libzstd and liblzma say of a stream that wants more memory than it may have. They tell it in no other way.
const TOO_MUCH_MEMORY: [&str; 3] = ["too much memory", "memory limit", "memory usage limit"];

const KEEP: &str = "--keep-compressed fetches it as it is";

/// The decoder's error, or the feed's that it carries.
pub(crate) fn decoding(packed: &Packed, limits: InflateLimits, error: io::Error) -> Error {
    let error = match error.downcast::<Error>() {
        Ok(ours) => return ours,
        Err(error) => error,
    };
    let Packed { path, packing, .. } = packed;
    let text = error.to_string();
    if TOO_MUCH_MEMORY.iter().any(|part| text.contains(part)) {
        let most = limits.max_memory >> 20;
        return Error::new(
            ErrorKind::Unsupported,
            format!("{path}: unpacking this {packing} stream takes more than the {most} MiB of memory allowed"),
        )
        .with_hint(format!("{KEEP}; then unpack it with `{}`", tool(*packing)));
    }
    let message = match error.kind() {
        // What liblzma calls a lack of room (LZMA_BUF_ERROR) is here a lack of input: there is always room.
        io::ErrorKind::UnexpectedEof | io::ErrorKind::OutOfMemory => {
            format!("{path}: the {packing} stream ends in the middle")
        }
        _ => format!("{path}: not a valid {packing} stream: {text}"),
    };
    Error::new(ErrorKind::Integrity, message)
        .with_hint(format!("the file is damaged at its source, or no {packing} file at all; {KEEP}"))
        .with_source(error)
}

/// The command that unpacks with as much memory as the stream wants.
fn tool(packing: Packing) -> &'static str {
    match packing {
        Packing::Zstd => "zstd -d --long=31",
        Packing::Xz => "xz -d",
        Packing::Bzip2 => "bzip2 -d",
        _ => "gzip -d",
    }
}

/// More came out than may.
pub(crate) fn too_long(packed: &Packed, most: u64, known: bool) -> Error {
    let Packed { path, packing, .. } = packed;
    let message = if known {
        format!("{path}: the {packing} stream holds more than the {most} bytes it should")
    } else {
        format!("{path}: the {packing} stream does not end after {most} plain bytes")
    };
    Error::new(ErrorKind::Integrity, message).with_hint(format!("do not trust this source; {KEEP}"))
}

/// Less came out than should.
pub(crate) fn too_short(packed: &Packed, expected: u64, actual: u64) -> Error {
    let Packed { path, packing, .. } = packed;
    Error::new(ErrorKind::Integrity, format!("{path}: expected {expected} bytes in the {packing} stream, got {actual}"))
        .with_hint("the file at the source is not the one that was listed; run it again")
}

/// A bomb.
pub(crate) fn too_dense(packed: &Packed, ratio: u64, plain: u64, taken: u64) -> Error {
    let Packed { path, packing, .. } = packed;
    Error::new(
        ErrorKind::Integrity,
        format!(
            "{path}: {taken} bytes of {packing} became {plain}, more than {ratio} to 1: taken for a decompression bomb"
        ),
    )
    .with_hint(format!("do not trust this source; {KEEP}"))
}

/// Much goes in and nothing comes out.
pub(crate) fn barren(packed: &Packed, bytes: u64) -> Error {
    let Packed { path, packing, .. } = packed;
    Error::new(ErrorKind::Integrity, format!("{path}: {bytes} bytes of {packing} in a row hold nothing"))
        .with_hint(format!("do not trust this source; {KEEP}"))
}

/// The compressed bytes are not those of the digest or the size.
pub(crate) fn rejected(packed: &Packed, reason: &str) -> Error {
    Error::new(ErrorKind::Integrity, format!("{}: the compressed bytes are wrong: {reason}", packed.path))
        .with_hint("the file changed or was damaged at its source; check the digest, or run it again")
}

/// A compressed file that is another one now.
pub(crate) fn changed(packed: &Packed) -> Error {
    Error::new(ErrorKind::Integrity, format!("{}: the file at the source changed while it was fetched", packed.path))
        .with_hint("run it again to fetch the new one")
}

/// The plain bytes of a second reading differ from those of the first.
pub(crate) fn inconsistent(packed: &Packed) -> Error {
    Error::new(ErrorKind::Integrity, format!("{}: the source sent other bytes the second time", packed.path))
        .with_hint("the file changed or the source is broken; run it again")
}

/// The compressed body ended before its stated end.
pub(crate) fn cut(packed: &Packed, position: u64, promised: u64) -> Error {
    Error::new(
        ErrorKind::Network,
        format!("{}: the body ended at byte {position} of {promised} compressed ones", packed.path),
    )
    .with_retry(Retry::Backoff)
    .with_hint("the connection was cut; run it again")
}
