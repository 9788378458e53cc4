//! Publishing: the one place where bytes get the name of a blob.

use std::fs::File;
use std::io;
use std::path::Path;

use cache_core::{Error, ErrorKind, Hasher, Hashes, Result, Sha256};
use fs_err as fs;

use crate::blobs::Blob;
use crate::doing::Doing as _;
use crate::durable::{self, Keep};
use crate::layout::Layout;
use crate::locks;
use crate::partial::{Partial, taken};
use crate::quarantine::QuarantineRecord;
use crate::record::Identity;
use crate::store::Store;
use crate::torture::{Mutant, mutant, point};
use crate::verify::{Damage, Verified, hash_file};

/// Mode of a blob: readable by all, writable by none.
const BLOB_MODE: u32 = 0o444;

impl Store {
    /// Gives a fetched file its name among the blobs, durably. `hashes` were computed over the whole file as it is on
    /// the disk. When the blob is already there, this copy is discarded.
    ///
    /// On an error nothing is published, and the partial is gone unless another process has it.
    ///
    /// # Errors
    /// [`ErrorKind::Integrity`] when length or digest are not as promised, else a storage error.
    pub fn publish(&self, partial: Partial, hashes: &Hashes, expected: Option<Sha256>) -> Result<Blob> {
        self.writable()?;
        let blob = self.put_in_place(partial, hashes, expected, None)?;
        self.remember(&blob, hashes);
        Ok(blob)
    }

    /// Replaces a damaged blob by a mended one in one step; the damaged bytes go to quarantine, and all views
    /// lead to the mended ones. A file that has taken its place meanwhile is read first: when it is intact it is the blob,
    /// and the partial is discarded.
    ///
    /// # Errors
    /// [`ErrorKind::Integrity`] when the mended bytes do not have the blob's digest, else a storage error.
    pub fn publish_repair(&self, damaged: &Damage, partial: Partial, hashes: &Hashes) -> Result<Blob> {
        self.writable()?;
        let now = self.look_again(damaged)?;
        let blob = match (&now, self.blob(&damaged.name)?) {
            (Verified::Intact, Some(there)) => {
                partial.discard();
                there
            }
            (now, _) => {
                let damaged = if let Verified::Damaged(found) = now { found } else { damaged };
                self.forget(&damaged.name, false);
                let blob = self.put_in_place(partial, hashes, Some(damaged.name), Some(damaged))?;
                self.remember(&blob, hashes);
                blob
            }
        };
        // The views still lead to the damaged bytes.
        for manifest in self.manifests()? {
            if manifest.files.iter().any(|file| self.blob_name_of(file) == Some(damaged.name)) {
                self.materialize(&manifest, None)?;
            }
        }
        Ok(blob)
    }

    fn put_in_place(
        &self,
        partial: Partial,
        hashes: &Hashes,
        expected: Option<Sha256>,
        replaces: Option<&Damage>,
    ) -> Result<Blob> {
        point("publish.begin");
        let (file, path) = partial.close()?;
        let unfinished = Unfinished { path: Some(&path) };
        let what = || format!("publish {}", path.display());
        // Synced through the handle that wrote, so that any error since its opening is reported here.
        durable::sync_file(&file).doing(what())?;
        point("publish.synced");
        if !locks::names(&path, &file).doing(what())? {
            unfinished.keep();
            return Err(taken(&path));
        }
        if !mutant(Mutant::PublishBeforeCheck) {
            check(&file, hashes, expected)?;
        }
        point("publish.checked");
        set_mode(&file).doing(what())?;
        point("publish.mode");
        let name = match expected {
            Some(expected) if mutant(Mutant::NoDigestCheck) || mutant(Mutant::PublishBeforeCheck) => expected,
            _ => hashes.sha256,
        };
        // The handle stays open until the file has its name: with it goes the lock, and another process could claim what
        // we are about to publish. It is the only one, and nothing is written through it any more.
        let blob = self.name_blob(&path, &name, hashes.length, replaces)?;
        drop(file);
        if mutant(Mutant::PublishBeforeCheck) {
            point("publish.unchecked");
            if expected.is_some_and(|expected| expected != hashes.sha256) {
                let _ = durable::remove(&blob.path);
            }
            let file = fs::File::open(&blob.path).doing(what())?;
            check(file.file(), hashes, expected)?;
        }
        let _ = durable::remove(&Layout::journal(&path));
        unfinished.keep();
        point("publish.done");
        Ok(blob)
    }

    /// Moves a synced, checked file to the name of a blob. What is there already stays if it can be right.
    fn name_blob(&self, path: &Path, name: &Sha256, size: u64, replaces: Option<&Damage>) -> Result<Blob> {
        let to = self.layout().blob(name);
        let what = || format!("publish the blob {name}");
        if let Some(damaged) = replaces {
            self.replace_damaged(path, &to, damaged)?;
            return Ok(Blob { name: *name, path: to, size });
        }
        loop {
            match durable::rename_new(path, &to, Keep::Durable) {
                Ok(()) => {
                    point("publish.renamed");
                    return Ok(Blob { name: *name, path: to, size });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match self.blob(name)? {
                    Some(there) if there.size == size => {
                        // Whoever named it may not have come to this yet, and we are about to promise it.
                        sync_parent(&there.path).doing(what())?;
                        durable::remove(path).doing(what())?;
                        return Ok(there);
                    }
                    _ => self.clear_away(&to, name)?,
                },
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(taken(path)),
                Err(error) => return Err(Error::storage(what(), error)),
            }
        }
    }

    /// Something that cannot be the blob has its name: a file of another length, a folder, a link.
    fn clear_away(&self, at: &Path, name: &Sha256) -> Result<()> {
        tracing::warn!(path = %at.display(), "what lies at the name of a blob is not the blob; it is moved away");
        if at.is_file() && !at.is_symlink() {
            let reason = "its length is not that of the content it was named after";
            return match self.quarantine_file(at, QuarantineRecord::new(reason).with_blob(*name)) {
                Err(error) if at.exists() => Err(error),
                _ => Ok(()),
            };
        }
        match durable::rename_new(at, &self.layout().trashed_rubbish(), Keep::Derived) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::storage("clear a blob's name", error)),
            _ => Ok(()),
        }
    }

    fn replace_damaged(&self, path: &Path, to: &Path, damaged: &Damage) -> Result<()> {
        let what = || format!("replace the damaged blob {}", damaged.name);
        match durable::exchange(path, to) {
            Ok(()) => {
                point("repair.exchanged");
                // The partial's name now has the damaged bytes, unless somebody was faster: what is right is no evidence.
                if is_mended(path, damaged).doing(what())? {
                    return durable::remove(path).doing(what()).map(|_| ());
                }
                self.quarantine_file(path, damaged.record("damaged on the disk; it has been replaced"))?;
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                durable::rename_new(path, to, Keep::Durable).doing(what())
            }
            Err(_) => {
                if is_mended(to, damaged).doing(what())? {
                    return durable::remove(path).doing(what()).map(|_| ());
                }
                self.quarantine_file(to, damaged.record("damaged on the disk; it is being replaced"))?;
                durable::rename_new(path, to, Keep::Durable).doing(what())
            }
        }
    }

    fn remember(&self, blob: &Blob, hashes: &Hashes) {
        self.record_blocks(&blob.name, &hashes.blocks);
        if let Some(id) = &hashes.git_sha1 {
            self.remember_git(id, &blob.name);
        }
        if let Ok(metadata) = fs::symlink_metadata(&blob.path) {
            self.record_intact(&blob.name, &metadata);
        }
        point("publish.recorded");
    }
}

/// Length and digest, as promised. A partial that fails here is given up.
fn check(file: &File, hashes: &Hashes, expected: Option<Sha256>) -> Result<()> {
    let length = file.metadata().doing("look at the fetched file")?.len();
    if length != hashes.length {
        return Err(Error::new(
            ErrorKind::Integrity,
            format!("{} bytes were hashed, but the file has {length}", hashes.length),
        ));
    }
    match expected {
        Some(expected) if expected != hashes.sha256 && !mutant(Mutant::NoDigestCheck) => {
            Err(Error::new(ErrorKind::Integrity, format!("expected sha256:{expected}, got sha256:{}", hashes.sha256)))
        }
        _ => Ok(()),
    }
}

/// Whether this is another file than the one that was found damaged, and right.
fn is_mended(path: &Path, damaged: &Damage) -> io::Result<bool> {
    if Identity::at(path)? == Some(damaged.found) {
        return Ok(false);
    }
    Ok(hash_file(fs::File::open(path)?.file(), Hasher::new())?.sha256 == damaged.name)
}

fn set_mode(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(std::fs::Permissions::from_mode(BLOB_MODE))
}

fn sync_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), durable::sync_folder)
}

/// Removes a closed partial that did not become a blob: after a failed sync its bytes are worth nothing.
struct Unfinished<'a> {
    path: Option<&'a Path>,
}

impl Unfinished<'_> {
    fn keep(mut self) {
        self.path = None;
    }
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if let Some(path) = self.path {
            let _ = durable::remove(path);
            let _ = durable::remove(&Layout::journal(path));
        }
    }
}
