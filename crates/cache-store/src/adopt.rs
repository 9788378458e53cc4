//! Adopting a file of this machine: shared with its owner where the file system can, else copied, and verified.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use cache_core::{DigestVerifier, Error, ErrorKind, FileEntry, Hashes, Result};
use fs_err as fs;

use crate::PartialKey;
use crate::blobs::Blob;
use crate::clock::nonce;
use crate::doing::Doing as _;
use crate::durable;
use crate::partial::Partial;
use crate::store::Store;
use crate::verify::hash_file_watched;

/// Bytes of the buffer with which a file is copied.
const COPY_BUFFER: usize = 1 << 20;

/// How a file may be adopted.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct AdoptOptions {
    /// The file may become a second name of the blob. It becomes read-only; whoever writes into
    /// it all the same damages the blob.
    pub may_hard_link: bool,
    /// Never share bytes, always copy.
    pub copy: bool,
    /// Fail rather than copy where bytes cannot be shared.
    pub no_copy: bool,
}

impl AdoptOptions {
    /// Allows a hard link where the file system cannot share bytes otherwise.
    #[must_use]
    pub fn with_hard_link(mut self, allowed: bool) -> Self {
        self.may_hard_link = allowed;
        self
    }

    /// Allows a copy where bytes cannot be shared, which is what happens unless this says otherwise.
    #[must_use]
    pub fn with_copy(mut self, allowed: bool) -> Self {
        self.no_copy = !allowed;
        self
    }
}

/// An adopted file.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Adopted {
    /// The blob.
    pub blob: Blob,
    /// Whether the bytes are shared with the original (reflink or hard link) and take no room of their own.
    pub linked: bool,
    /// Whether the digest was checked against the file's entry.
    pub verified: bool,
    /// What was found while reading; `None` when the blob was there already and nothing was read.
    pub hashes: Option<Hashes>,
}

impl Store {
    /// Makes a file of this machine a blob. It gets its name only after its bytes were hashed and judged against the
    /// entry: shared by reflink, else by hard link if allowed, else copied, hashed on the way.
    ///
    /// # Errors
    /// [`ErrorKind::Integrity`] when the bytes are not what the entry says, [`ErrorKind::NotFound`] without the file,
    /// [`ErrorKind::Unsupported`] when it could only be copied and must not be, [`ErrorKind::NoSpace`], or a storage
    /// error. The file is then as it was.
    pub fn adopt(&self, path: &Path, file: &FileEntry, options: AdoptOptions) -> Result<Adopted> {
        self.adopt_watched(path, file, options, &mut |_| ())
    }

    /// [`Store::adopt`], with somebody who hears how many bytes were read since the last time.
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
            && let Some(blob) = self.blob(&expected)?
            && file.size.is_none_or(|size| size == blob.size)
        {
            return Ok(Adopted { blob, linked: false, verified: true, hashes: None });
        }
        let original = open(path)?;
        let before = original.metadata().doing(what())?;
        let size = before.len();
        let hasher = || DigestVerifier::hasher(file, size).with_blocks();
        let key = file.digests.sha256.map_or_else(|| PartialKey::unknown(&nonce()), |name| PartialKey::sha256(&name));
        let mut partial = self.new_partial(&key)?;
        let reflinked = !options.copy && reflink(&original, partial.file());
        let mut linked = reflinked;
        let mut hard_linked = None;
        let second = if reflinked || options.copy || !options.may_hard_link {
            Err(io::ErrorKind::Unsupported.into())
        } else {
            self.hard_linked(path)
        };
        let hashes = match second {
            _ if reflinked => hash_file_watched(partial.file(), hasher(), watch).doing(what())?,
            Ok(second) => {
                linked = true;
                let hashes = hash_file_watched(second.file(), hasher(), watch).doing(what())?;
                hard_linked = Some(second);
                hashes
            }
            Err(error) if options.no_copy => return Err(cannot_share(path, self.root(), error)),
            Err(_) => {
                partial.set_size(size)?;
                copy_hashing(&original, partial.file(), hasher(), watch).doing(what())?
            }
        };
        let verified = DigestVerifier::judge(file, &hashes).into_result(file).map_err(|error| {
            error.with_hint(format!("{} is damaged: delete it and have it fetched again", path.display()))
        })?;
        let after = original.metadata().doing(what())?;
        if !reflinked && (before.modified().ok(), size) != (after.modified().ok(), after.len()) {
            return Err(Error::new(ErrorKind::Integrity, format!("{} changed while it was read", path.display())));
        }
        let partial = hard_linked.unwrap_or(partial);
        let blob = self.publish(partial, &hashes, file.digests.sha256)?;
        Ok(Adopted { blob, linked, verified, hashes: Some(hashes) })
    }

    /// A partial that is a second name of the file.
    fn hard_linked(&self, path: &Path) -> io::Result<Partial> {
        let resolved = fs::canonicalize(path)?;
        // A blob is read-only, and only its owner can make it so.
        let (owner, user) = (fs::metadata(&resolved)?.uid(), rustix::process::geteuid());
        if owner != user.as_raw() && !user.is_root() {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it belongs to another user"));
        }
        // A key of its own: nobody may take this over and write into the original.
        let key = PartialKey::unknown(&nonce());
        let second = self.layout().partial(&key);
        durable::hard_link(self.layout(), &resolved, &second)?;
        let file = fs::File::open(&second)?.into_file();
        let _ = self.0.locks.try_exclusive(&file);
        Ok(Partial::new(self, &key, second, file, None))
    }
}

fn cannot_share(path: &Path, store: &Path, error: io::Error) -> Error {
    let why = match error.kind() {
        io::ErrorKind::CrossesDevices => "they are on different file systems".to_owned(),
        _ => error.to_string(),
    };
    let text = format!("{} cannot be shared with the store {}: {why}", path.display(), store.display());
    Error::new(ErrorKind::Unsupported, text)
        .with_hint("choose a store on the same file system with --store, or allow copies with --copy")
        .with_source(error)
}

fn open(path: &Path) -> Result<File> {
    let opened = fs::File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Error::new(ErrorKind::NotFound, format!("there is no file {}", path.display())),
        _ => Error::storage("open the file", error),
    })?;
    let file = opened.into_file();
    if !file.metadata().doing("look at the file")?.is_file() {
        return Err(Error::new(ErrorKind::Usage, format!("{} is no regular file", path.display())));
    }
    Ok(file)
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
