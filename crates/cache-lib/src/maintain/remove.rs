//! Removal of versions from the store, and pins that prevent it.

use cache_store::EvictReport;

use crate::{Cache, Commit, Error, ErrorKind, IntoModelRef, ModelRef, Result, Version};

impl Cache {
    /// The stored versions of a reference: the named one, or all of the model's.
    ///
    /// # Errors
    /// [`ErrorKind::NotCached`] when there is none; [`ErrorKind::Usage`] when the reference names a part of a version.
    pub fn versions(&self, reference: impl IntoModelRef) -> Result<Vec<Version>> {
        let reference = self.reference(reference)?;
        if reference.path.is_some() || reference.variant.is_some() {
            return Err(Error::new(ErrorKind::Usage, format!("{reference} names part of a version")).with_hint(
                format!("name the whole version: {}", ModelRef { path: None, variant: None, ..reference }),
            ));
        }
        let versions = match &reference.revision {
            None => self.store().versions(&reference.model)?,
            Some(_) => self.commit(&reference)?.into_iter().map(|commit| version(&reference, commit)).collect(),
        };
        if versions.is_empty() {
            return Err(Error::new(ErrorKind::NotCached, format!("{reference} is not in the store"))
                .with_hint("list the models in the store")
                .with_reason(crate::Reason::NotInStore));
        }
        Ok(versions)
    }

    /// Removes a version, or all versions of a model, and the bytes that nothing else needs. Blocks.
    ///
    /// # Errors
    /// [`ErrorKind::NotCached`] when there is none; [`ErrorKind::Usage`] when it is pinned.
    pub fn remove(&self, reference: impl IntoModelRef) -> Result<Vec<(Version, EvictReport)>> {
        let mut removed = Vec::new();
        for version in self.versions(reference)? {
            let report = self.store().remove_version(&version)?;
            removed.push((version, report));
        }
        Ok(removed)
    }

    /// Keeps a model, or the one version that the reference names, from eviction and removal. Blocks.
    ///
    /// # Errors
    /// [`ErrorKind::NotCached`] when it is not in the store.
    pub fn pin(&self, reference: impl IntoModelRef) -> Result<()> {
        let reference = self.reference(reference)?;
        self.versions(&reference)?;
        let commit = self.commit(&reference)?;
        self.store().pin(&reference.model, commit.as_ref())
    }

    /// Undoes [`Cache::pin`]. Whether there was such a pin. Blocks.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] of the store.
    pub fn unpin(&self, reference: impl IntoModelRef) -> Result<bool> {
        let reference = self.reference(reference)?;
        let commit = self.commit(&reference)?;
        self.store().unpin(&reference.model, commit.as_ref())
    }

    fn commit(&self, reference: &ModelRef) -> Result<Option<Commit>> {
        match &reference.revision {
            Some(revision) => self.store().resolve_ref(&reference.model, revision),
            None => Ok(None),
        }
    }
}

fn version(reference: &ModelRef, commit: Commit) -> Version {
    Version { model: reference.model.clone(), commit }
}
