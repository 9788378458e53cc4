//! [`Get::lock`] and [`Get::locked`]: writing lock files, and getting what they pin.

use std::sync::Arc;

use crate::lockfile::lock_file::{LockedFile, LockedModel, Lockfile};
use crate::registry::resolve::check_platforms;
use crate::task::blocking;
use crate::{Cache, Error, ErrorKind, Event, Get, ModelRef, Resolution, Result, Revision};

impl LockedModel {
    fn new(reference: String, target: &ModelRef, platforms: Vec<String>, resolution: &Resolution) -> Result<Self> {
        let mut files = Vec::with_capacity(resolution.files().len());
        for state in resolution.files() {
            let blob = state.blob.as_ref();
            let file = LockedFile {
                path: state.file.path.clone(),
                size: state.file.size.or(blob.map(|blob| blob.size)),
                sha256: blob.map(|blob| blob.name).or(state.file.blob_name()),
                git_sha1: state.file.digests.git_sha1,
            };
            if file.sha256.is_none() && file.git_sha1.is_none() {
                return Err(Error::new(
                    ErrorKind::Integrity,
                    format!("{reference}: {} has no checksum to lock", file.path),
                )
                .with_hint("download it first: then its own checksum is locked")
                .with_reason(crate::Reason::NothingToLock)
                .with_subject(&reference));
            }
            files.push(file);
        }
        let version = resolution.version().clone();
        Ok(Self {
            reference,
            model: version.model,
            commit: version.commit,
            path: target.path.clone(),
            variant: target.variant.clone(),
            platforms,
            files,
        })
    }
}

impl Get {
    /// The model's present commit and files, for a lock file. Downloads no file.
    ///
    /// Asks the source as [`Get::resolve`] does. A registered name for other machines is locked too: [`Get::locked`]
    /// checks the platforms.
    ///
    /// # Errors
    /// As for getting it; [`ErrorKind::Integrity`] when a file has no digest, neither from its source nor in the store.
    pub async fn lock(mut self) -> Result<LockedModel> {
        let (reference, progress) = (self.name(), Arc::clone(&self.progress));
        let platforms = std::mem::take(&mut self.constraints.platforms);
        self.constraints.unsupported = None;
        let target = self.reference.clone()?;
        let resolution = self.resolve().await?;
        resolution.warnings().iter().for_each(|warning| progress.event(&Event::Warning(warning)));
        blocking(move || LockedModel::new(reference, &target, platforms, &resolution)).await
    }

    /// Gets exactly what was locked for this reference: the commit, the files and their digests.
    ///
    /// A difference is an error, as is a lock for other platforms, and nothing is resolved anew. To be called before
    /// patterns and other options.
    pub fn locked(mut self, lockfile: &Lockfile) -> Self {
        match lockfile.find(&self.name()) {
            Err(error) => {
                self.reference = Err(error);
                self.constraints.fallbacks = Vec::new();
            }
            Ok(model) => {
                let own = self.constraints.unsupported.take().filter(|_| self.is_of(model));
                let locked = check_platforms(&format!("{} (locked)", model.reference), &model.platforms);
                self.constraints.unsupported = locked.err().or(own);
                // The secret parameters of a URL are the caller's: the lock has none.
                let own = self.reference.as_ref().ok().map(|own| own.model.clone());
                self.reference = model.commit.as_str().parse().map_err(Error::from).map(|revision| ModelRef {
                    model: own.filter(|own| *own == model.model).unwrap_or_else(|| model.model.clone()),
                    revision: Some(revision),
                    path: model.path.clone(),
                    variant: model.variant.clone(),
                });
                self.constraints.sha256 = None;
                self.constraints.fallbacks = Vec::new();
                self.constraints.expected = Some(Arc::new(model.expected()));
                self.constraints.only = Some(Arc::new(model.files.iter().map(|file| file.path.clone()).collect()));
            }
        }
        self
    }

    /// Whether the registry of this store has the locked version, too.
    fn is_of(&self, locked: &LockedModel) -> bool {
        self.reference.as_ref().is_ok_and(|reference| {
            let commit = reference.revision.as_ref().and_then(Revision::as_commit);
            reference.model == locked.model && commit.is_none_or(|commit| commit == locked.commit)
        })
    }
}

impl Cache {
    /// Locks models at their present commits: see [`Get::lock`].
    ///
    /// # Errors
    /// The first that cannot be locked.
    pub async fn lock(&self, references: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Lockfile> {
        let mut lockfile = Lockfile::default();
        for reference in references {
            lockfile.insert(self.get(reference.as_ref()).lock().await?);
        }
        Ok(lockfile)
    }
}
