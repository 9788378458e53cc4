//! The entries of the tar: headers of regular files, and nothing else.

use std::io::Write;

use cache_core::{Error, ErrorKind, Result, Sha256};
use tar::{EntryType, Header};

use crate::error::broken;
use crate::input::Stream;

/// Bytes of a block.
const BLOCK: u64 = 512;
/// Mode of every entry.
const MODE: u32 = 0o644;
/// Most zeros that other tools add to the end.
const MAX_TRAILER: usize = 64 << 10;

pub(crate) const INDEX: &str = "bundle.json";
pub(crate) const SUM: &str = "bundle.json.sha256";
pub(crate) const SIGNATURE: &str = "bundle.sig";

pub(crate) fn blob_name(name: &Sha256) -> String {
    format!("blobs/{name}")
}

/// Bytes of content with what fills its last block.
pub(crate) fn padded(size: u64) -> u64 {
    size.saturating_add(padding(size))
}

fn padding(size: u64) -> u64 {
    (BLOCK - size % BLOCK) % BLOCK
}

/// An entry as its header has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) size: u64,
}

impl Entry {
    pub(crate) fn new(name: impl Into<String>, size: u64) -> Self {
        Self { name: name.into(), size }
    }

    /// Reads the next header; `None` at the end of the archive.
    pub(crate) fn read(from: &mut Stream) -> Result<Option<Self>> {
        let mut header = Header::new_old();
        from.read_exact(header.as_mut_bytes())?;
        if header.as_bytes().iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let mut again = header.clone();
        again.set_cksum();
        if header.cksum().ok() != again.cksum().ok() {
            return Err(broken("not a bundle, or corrupted: invalid tar header"));
        }
        let name = String::from_utf8_lossy(&header.path_bytes()).into_owned();
        if header.entry_type() != EntryType::Regular {
            return Err(broken(format!("{name:?} in the bundle is not a regular file")));
        }
        let size = header.entry_size().map_err(|_| broken(format!("{name:?} in the bundle has no size")))?;
        Ok(Some(Self { name, size }))
    }

    /// Refuses any other entry than this.
    pub(crate) fn expect(self, found: Option<Self>) -> Result<()> {
        match found {
            Some(found) if found == self => Ok(()),
            None => Err(broken(format!("the bundle ends before {}", self.name))),
            Some(found) if found.name == self.name => {
                Err(broken(format!("{} has {} bytes in the bundle, not {}", self.name, found.size, self.size)))
            }
            Some(found) => Err(broken(format!("the bundle has {:?} where {} should be", found.name, self.name))),
        }
    }

    pub(crate) fn write_header(&self, to: &mut dyn Write) -> Result<()> {
        let mut header = Header::new_gnu();
        header.set_path(&self.name).map_err(write_failed)?;
        header.set_size(self.size);
        header.set_mode(MODE);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_entry_type(EntryType::Regular);
        header.set_cksum();
        to.write_all(header.as_bytes()).map_err(write_failed)
    }

    /// Fills the last block of the content.
    pub(crate) fn write_padding(&self, to: &mut dyn Write) -> Result<()> {
        let zeros = [0; 512];
        let padding = usize::try_from(padding(self.size)).unwrap_or_default();
        to.write_all(zeros.get(..padding).unwrap_or_default()).map_err(write_failed)
    }

    /// Writes a small entry whole.
    pub(crate) fn write_whole(name: &str, content: &[u8], to: &mut dyn Write) -> Result<()> {
        let entry = Self::new(name, content.len() as u64);
        entry.write_header(to)?;
        to.write_all(content).map_err(write_failed)?;
        entry.write_padding(to)
    }

    /// Reads the content of a small entry, and what fills its last block.
    pub(crate) fn read_whole(&self, from: &mut Stream, most: u64) -> Result<Vec<u8>> {
        if self.size > most {
            return Err(Error::new(
                ErrorKind::Integrity,
                format!("{} has {} bytes in the bundle, at most {most} are read", self.name, self.size),
            )
            .with_hint("bundles never look like this: do not trust its origin"));
        }
        let mut content = from.read_growing(self.size)?;
        from.skip(padding(self.size))?;
        content.shrink_to_fit();
        Ok(content)
    }
}

/// Two empty blocks.
pub(crate) fn write_end(to: &mut dyn Write) -> Result<()> {
    to.write_all(&[0; 1024]).map_err(write_failed)
}

/// After the first empty block: the second one, and zeros up to the end of the input.
pub(crate) fn read_end(from: &mut Stream) -> Result<()> {
    let mut block = [0; 512];
    from.read_exact(&mut block)?;
    let mut rest = vec![0; MAX_TRAILER];
    let more = from.read_up_to(&mut rest)?;
    let zeros = block.iter().chain(rest.get(..more).unwrap_or_default()).all(|byte| *byte == 0);
    if zeros && more < MAX_TRAILER { Ok(()) } else { Err(broken("the bundle has data after its end")) }
}

pub(crate) fn write_failed(error: std::io::Error) -> Error {
    Error::storage("write the bundle", error)
}
