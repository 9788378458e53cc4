//! Adopting a file of this machine: shared with its owner where the file system can, else copied, and verified.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cache_core::{DigestVerifier, Error, ErrorKind, FileEntry, Hashes, Result};
use fs_err as fs;

use crate::blobs::linkable::{CopyReason, LinkError, LinkFolder};
use crate::blobs::partial::Partial;
use crate::fs::clock::nonce;
use crate::fs::durable;
use crate::fs::hashing::hash_file_watched;
use crate::fs::io_context::IoContext as _;
use crate::fs::partial_key::PartialKey;
use crate::index::blob::Blob;
use crate::locking::locks;
use crate::store::Store;

/// Bytes of the buffer with which a file is copied.
const COPY_BUFFER: usize = 1 << 20;

/// How a file may be adopted.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct AdoptOptions {
    /// A folder whose files may be hard-linked to the blob, with the exceptions of [`CopyReason`].
    ///
    /// A linked file becomes read-only; a program that writes to it all the same corrupts the blob.
    pub hard_link: Option<Arc<LinkFolder>>,
    /// Never share bytes, always copy.
    pub copy: bool,
    /// Fail rather than copy where the file system cannot share bytes.
    pub no_copy: bool,
}

impl AdoptOptions {
    /// Allows hard links to files below a folder where the file system cannot reflink.
    #[must_use]
    pub fn with_hard_link(mut self, folder: impl Into<PathBuf>) -> Self {
        self.hard_link = Some(Arc::new(LinkFolder::new(folder.into())));
        self
    }

    /// Allows a copy where bytes cannot be shared; allowed by default.
    #[must_use]
    pub fn with_copy(mut self, allowed: bool) -> Self {
        self.no_copy = !allowed;
        self
    }
}

/// An adopted file. Its blob is leased.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Adopted {
    /// The blob.
    pub blob: Blob,
    /// Whether the bytes are shared with the original (reflink or hard link).
    pub linked: bool,
    /// Why it was copied although hard links were allowed.
    pub copy_reason: Option<CopyReason>,
    /// Whether the digest was checked against the file's entry.
    pub verified: bool,
    /// What was found while reading; `None` when the blob was there already and nothing was read.
    pub hashes: Option<Hashes>,
}

/// What an adoption would do with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdoptPlan {
    /// Share its bytes.
    Link,
    /// Copy them; why, although hard links are allowed.
    Copy(Option<CopyReason>),
}

/// How the bytes are brought into the store.
enum AdoptMethod {
    Reflink,
    HardLink(Partial),
    Copy(Option<CopyReason>),
}

impl Store {
    /// Makes a file of this machine a blob, after its bytes were hashed and compared with the entry.
    ///
    /// The bytes are shared by reflink, else by hard link if allowed, else copied. The blob has at most the read
    /// permissions of the file.
    ///
    /// # Errors
    /// [`ErrorKind::Integrity`] when the bytes are not what the entry says, [`ErrorKind::NotFound`] without the file,
    /// [`ErrorKind::Unsupported`] when it could only be copied and must not be, [`ErrorKind::NoSpace`], or a storage
    /// error. The file is then as it was.
    pub fn adopt(&self, path: &Path, file: &FileEntry, options: AdoptOptions) -> Result<Adopted> {
        self.adopt_watched(path, file, options, &mut |_| ())
    }

    /// [`Store::adopt`], reporting how many bytes were read since the last time.
    ///
    /// # Errors
    /// As for [`Store::adopt`].
    #[expect(clippy::needless_pass_by_value, reason = "options are given away, as everywhere")]
    pub fn adopt_watched(
        &self,
        path: &Path,
        file: &FileEntry,
        options: AdoptOptions,
        watch: &mut dyn FnMut(u64),
    ) -> Result<Adopted> {
        self.writable()?;
        let what = || format!("take {} into the store", path.display());
        if let Some(expected) = file.digests.sha256
            && let Some(blob) = self.lease_blob(&expected)?
            && file.size.is_none_or(|size| size == blob.size)
        {
            return Ok(Adopted { blob, linked: false, copy_reason: None, verified: true, hashes: None });
        }
        let original = open(path)?;
        let before = original.metadata().context(what())?;
        let size = before.len();
        let hasher = || DigestVerifier::hasher(file, size).with_blocks();
        let key = file.digests.sha256.map_or_else(|| PartialKey::unknown(&nonce()), |name| PartialKey::sha256(&name));
        let mut partial = self.new_partial(&key)?;
        partial.set_source(before.mode())?;
        let method = self.method(path, &original, &partial, &options)?;
        if let AdoptMethod::Copy(Some(CopyReason::LinkedElsewhere)) = method {
            // One of its other names may be the blob's: it was adopted before.
            let hashes = hash_file_watched(&original, hasher(), watch).context(what())?;
            if let Some(blob) = self.lease_blob(&hashes.sha256)?.filter(|blob| blob.size == hashes.length) {
                let verified = judge(path, file, &hashes)?;
                let linked = locks::still_names(&blob.path, &original).context(what())?;
                return Ok(Adopted { blob, linked, copy_reason: None, verified, hashes: Some(hashes) });
            }
            (&original).rewind().context(what())?;
        }
        let (hashes, linked, copy_reason) = match &method {
            AdoptMethod::Reflink => (hash_file_watched(partial.file(), hasher(), watch), true, None),
            AdoptMethod::HardLink(second) => (hash_file_watched(second.file(), hasher(), watch), true, None),
            AdoptMethod::Copy(copy_reason) => {
                partial.set_size(size)?;
                (copy_hashing(&original, partial.file(), hasher(), watch), false, *copy_reason)
            }
        };
        let hashes = hashes.context(what())?;
        let verified = judge(path, file, &hashes)?;
        let after = original.metadata().context(what())?;
        let reflinked = matches!(method, AdoptMethod::Reflink);
        if !reflinked && (before.modified().ok(), size) != (after.modified().ok(), after.len()) {
            return Err(Error::new(ErrorKind::Integrity, format!("{} changed while it was read", path.display())));
        }
        let partial = if let AdoptMethod::HardLink(second) = method { second } else { partial };
        let blob = self.publish(partial, &hashes, file.digests.sha256)?;
        Ok(Adopted { blob, linked, copy_reason, verified, hashes: Some(hashes) })
    }

    /// Whether [`adopt`](Self::adopt) would link a file, or why it would copy it.
    ///
    /// Writes nothing, so that reflinks, which the file system may support, are not considered.
    ///
    /// # Errors
    /// As for [`adopt`](Self::adopt), as far as it is known without reading the file.
    pub fn plan_adopt(&self, path: &Path, options: &AdoptOptions) -> Result<AdoptPlan> {
        let original = open(path)?;
        if options.copy {
            return Ok(AdoptPlan::Copy(None));
        }
        let failed = match options.hard_link.as_ref().map(|within| within.place(path, &original)) {
            Some(Ok(_)) => {
                // Of a store that is still to be made, its folder's.
                let device = self.root().ancestors().find_map(|folder| fs::metadata(folder).ok()).map(|it| it.dev());
                let metadata = original.metadata().context("look at a file")?;
                if device.is_none_or(|device| device == metadata.dev()) {
                    return Ok(AdoptPlan::Link);
                }
                io::ErrorKind::CrossesDevices.into()
            }
            Some(Err(LinkError::NotAllowed(reason))) => return Ok(AdoptPlan::Copy(Some(reason))),
            Some(Err(LinkError::Failed(error))) => error,
            None => io::ErrorKind::Unsupported.into(),
        };
        if options.no_copy { Err(cannot_share(path, self.root(), failed)) } else { Ok(AdoptPlan::Copy(None)) }
    }

    /// Shares the bytes by reflink or hard link, or leaves them to be copied.
    fn method(&self, path: &Path, original: &File, partial: &Partial, options: &AdoptOptions) -> Result<AdoptMethod> {
        if options.copy {
            return Ok(AdoptMethod::Copy(None));
        }
        if reflink(original, partial.file()) {
            return Ok(AdoptMethod::Reflink);
        }
        let linked = match &options.hard_link {
            Some(within) => self.hard_linked(path, original, within),
            None => Err(LinkError::Failed(io::ErrorKind::Unsupported.into())),
        };
        match linked {
            Ok(second) => Ok(AdoptMethod::HardLink(second)),
            Err(LinkError::NotAllowed(copy_reason)) => Ok(AdoptMethod::Copy(Some(copy_reason))),
            Err(LinkError::Failed(error)) if options.no_copy => Err(cannot_share(path, self.root(), error)),
            Err(LinkError::Failed(_)) => Ok(AdoptMethod::Copy(None)),
        }
    }

    /// A partial that is a second name of the file which is open as `original`.
    fn hard_linked(&self, path: &Path, original: &File, within: &LinkFolder) -> Result<Partial, LinkError> {
        let place = within.place(path, original)?;
        // A key of its own: no process may claim this and write into the original.
        let key = PartialKey::unknown(&nonce());
        let second = self.layout().partial(&key);
        place.link(&second)?;
        // Its name may have been given to another file since it was opened.
        let file = match locks::open_existing(&second, false) {
            Ok(file) if locks::is_same_file(&file, original).unwrap_or(false) => file,
            _ => {
                durable::remove(&second)?;
                return Err(LinkError::NotAllowed(CopyReason::Outside));
            }
        };
        let _ = self.0.locks.try_exclusive(&file);
        let mut partial = Partial::new(self, &key, second, file, None);
        partial.keep_source(original.metadata()?.mode());
        Ok(partial)
    }
}

fn judge(path: &Path, file: &FileEntry, hashes: &Hashes) -> Result<bool> {
    DigestVerifier::judge(file, hashes)
        .into_result(file)
        .map_err(|error| error.with_hint(format!("{} is corrupted: delete it and download it again", path.display())))
}

fn cannot_share(path: &Path, store: &Path, error: io::Error) -> Error {
    let why = match error.kind() {
        io::ErrorKind::CrossesDevices => "they are on different file systems".to_owned(),
        _ => error.to_string(),
    };
    let text = format!("{} cannot be linked into the store {}: {why}", path.display(), store.display());
    Error::new(ErrorKind::Unsupported, text)
        .with_hint("choose a store on the same file system, or allow copies")
        .with_reason(cache_core::Reason::CopyNeeded)
        .with_source(error)
}

fn open(path: &Path) -> Result<File> {
    cache_fs::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Error::new(ErrorKind::NotFound, format!("{}: file not found", path.display())),
        io::ErrorKind::IsADirectory | io::ErrorKind::InvalidData => {
            Error::new(ErrorKind::Usage, format!("{} is not a regular file", path.display()))
        }
        _ => Error::storage("open the file", error),
    })
}

#[cfg(target_os = "linux")]
fn reflink(from: &File, to: &File) -> bool {
    rustix::fs::ioctl_ficlone(to, from).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn reflink(_from: &File, _to: &File) -> bool {
    false
}

fn copy_hashing(
    from: &File,
    to: &File,
    mut hasher: cache_core::Hasher,
    watch: &mut dyn FnMut(u64),
) -> io::Result<Hashes> {
    let mut buffer = vec![0; COPY_BUFFER];
    let (mut from, mut to) = (from, to);
    loop {
        match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => {
                hasher.update(&buffer[..read]);
                to.write_all(&buffer[..read])?;
                watch(read as u64);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    // The original may have become shorter since its length was taken.
    to.set_len(hasher.length())?;
    Ok(hasher.finish())
}
