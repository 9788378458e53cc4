//! Whether a GGUF file that comes without a digest can be one.

use std::io::Read as _;
use std::path::Path;

use cache_formats::gguf::{Header, HeaderError};

use crate::{Error, ErrorKind, Result};

/// How much of a file is read first, in bytes.
const FIRST: u64 = 64 << 10;
/// A header longer than this is believed.
const MOST: u64 = 16 << 20;

/// Reads the header.
///
/// # Errors
/// [`ErrorKind::Integrity`] when the header is none or the file ends in it; else those of reading.
pub(super) fn check(path: &Path) -> Result<()> {
    let broken = |why: &str| {
        Error::new(ErrorKind::Integrity, format!("{}: corrupted GGUF file: {why}", path.display()))
            .with_hint("delete it and download it again")
    };
    let failed = |error| Error::storage("read a header", error);
    let mut file = fs_err::File::open(path).map_err(failed)?;
    let (mut bytes, mut wanted) = (Vec::new(), FIRST);
    loop {
        let more = wanted.saturating_sub(bytes.len() as u64);
        file.by_ref().take(more).read_to_end(&mut bytes).map_err(failed)?;
        let ended = (bytes.len() as u64) < wanted;
        match Header::parse(&bytes) {
            Ok(_) => return Ok(()),
            Err(HeaderError::NeedMore { .. }) if ended => return Err(broken("it ends within its header")),
            Err(HeaderError::NeedMore { bytes: more }) if wanted < MOST => {
                wanted = more.max(wanted.saturating_mul(4)).min(MOST);
            }
            Err(HeaderError::NeedMore { .. }) => return Ok(()),
            Err(error) => return Err(broken(&error.to_string())),
        }
    }
}
