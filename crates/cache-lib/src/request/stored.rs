//! Resolution from the store: versions that are known without asking a source.

use crate::request::gguf_headers;
use crate::request::inspect::is_partial;
use crate::request::resolution::Resolution;
use crate::request::resolution_errors::version_not_cached;
use crate::request::spec::FetchSpec;
use crate::sources::compressed::DigestOptions;
use crate::sources::source_set::Sources;
use crate::{Cache, Error, ErrorKind, FileEntry, Manifest, ModelId, Result, Version};

impl Resolution {
    /// The version in the store, whatever the source has now.
    pub(crate) fn cached(cache: &Cache, spec: &FetchSpec) -> Result<Self> {
        match stored_manifest(cache, spec)? {
            Some(stored) => Self::new(cache, spec, stored.clone(), Some(stored), None),
            None => Err(version_not_cached(&spec.reference, &spec.revision)),
        }
    }

    /// The version in the store, if the source's answer would be the same.
    ///
    /// That is so for a commit, for a digest that the user gives, and for any revision when the source cannot be asked
    /// (`any_revision`).
    pub(crate) fn pinned(cache: &Cache, spec: &FetchSpec, any_revision: bool) -> Result<Option<Self>> {
        if let ModelId::Url(url) = &spec.reference.model
            && url.has_hidden_query()
        {
            // The source needs it next, on a thread that must not wait for the disk.
            let _ = cache.store().url_key();
        }
        let stored = match manifest_by_digest(cache, spec)? {
            None if any_revision || spec.revision.as_commit().is_some() => stored_manifest(cache, spec)?,
            by_digest => by_digest,
        };
        match stored {
            // Only the source can tell which files are requested.
            Some(stored) if !any_revision && (is_partial(&stored) || gguf_headers::needed(cache, spec, &stored)) => {
                Ok(None)
            }
            Some(stored) => Self::new(cache, spec, stored.clone(), Some(stored), None).map(Some),
            None if any_revision => Err(version_not_cached(&spec.reference, &spec.revision)),
            None => Ok(None),
        }
    }

    /// The same version for another request, without asking its source. Offline, all of it must be in the store.
    pub(crate) fn narrow(&self, cache: &Cache, spec: &FetchSpec) -> Result<Self> {
        let (manifest, stored) = (self.manifest.clone(), self.stored.clone());
        let mut narrowed = Self::new(cache, spec, manifest, stored, self.resolved_name.clone())?;
        narrowed.warnings.clone_from(&self.warnings);
        narrowed.require_complete_offline(cache, spec)
    }

    /// The version of a listing that was resolved before; otherwise as [`Self::narrow`].
    pub(crate) fn listed(cache: &Cache, spec: &FetchSpec, manifest: &Manifest) -> Result<Self> {
        let stored = cache.store().manifest(&manifest.version)?;
        let mut manifest = manifest.clone();
        manifest.recall(stored.as_ref());
        Self::new(cache, spec, manifest, stored, None)?.require_complete_offline(cache, spec)
    }

    /// The version that a source has just resolved. A missing file is recorded as such.
    pub(super) fn from_source(cache: &Cache, spec: &FetchSpec, mut manifest: Manifest) -> Result<Self> {
        let stored = cache.store().manifest(&manifest.version)?;
        manifest.recall(stored.as_ref());
        let name = spec.revision.as_commit().is_none().then(|| spec.revision.clone());
        let version = manifest.version.clone();
        let resolution = Self::new(cache, spec, manifest, stored, name);
        if let (Err(error), Some(path)) = (&resolution, &spec.selection.path)
            && error.kind() == ErrorKind::NotFound
        {
            cache.store().put_absent(&version, path)?;
        }
        resolution
    }

    /// The cached version with a warning, if all requested files are in the store; else the source's error.
    pub(super) fn stale_fallback(cache: &Cache, spec: &FetchSpec, error: Error) -> Result<Self> {
        let Ok(mut resolution) = Self::cached(cache, spec) else { return Err(error) };
        if resolution.missing().next().is_some() {
            return Err(error);
        }
        resolution.stale = true;
        resolution.warnings.push(format!(
            "{} {} ({}); using cached {}",
            if spec.reference.model.is_hub() { "hub" } else { "source" },
            if error.is_unreachable() { "unreachable" } else { "not available" },
            error.cause(),
            resolution.version().commit.short()
        ));
        Ok(resolution)
    }

    fn require_complete_offline(self, cache: &Cache, spec: &FetchSpec) -> Result<Self> {
        let local_only = cache.is_offline() || cache.store().read_only().is_some();
        if local_only && Sources::is_remote(&spec.reference.model) && self.missing().next().is_some() {
            return Err(self.not_cached(cache, spec));
        }
        Ok(self)
    }
}

/// The stored manifest of a revision; of a plain URL that of its secret parameters.
fn stored_manifest(cache: &Cache, spec: &FetchSpec) -> Result<Option<Manifest>> {
    let (store, model) = (cache.store(), &spec.reference.model);
    let Some(commit) = store.resolve_ref(model, &spec.revision)? else { return Ok(None) };
    let named = store.manifest(&Version { model: model.clone(), commit })?;
    let ModelId::Url(url) = model else { return Ok(named) };
    let hidden = if url.has_hidden_query() { url.hidden_query(&store.url_key()) } else { None };
    let same = |manifest: &Manifest| manifest.hidden_query == hidden;
    if spec.revision.as_commit().is_some() || named.as_ref().is_none_or(same) {
        return Ok(named);
    }
    for version in store.versions(model)? {
        if let Some(manifest) = store.manifest(&version)?.filter(same) {
            return Ok(Some(manifest));
        }
    }
    // Signatures change from link to link; the content does not where a digest or a strong tag says so.
    Ok(named.filter(Manifest::has_validators))
}

/// The version of a plain URL that has a file with the digests that the user gives.
fn manifest_by_digest(cache: &Cache, spec: &FetchSpec) -> Result<Option<Manifest>> {
    let (model, DigestOptions { sha256, compressed, .. }) = (&spec.reference.model, spec.digests);
    let given = sha256.is_some() || compressed.is_some();
    if !given || spec.revision.as_commit().is_some() || !matches!(model, ModelId::Url(_)) {
        return Ok(None);
    }
    let has_digests = |file: &FileEntry| {
        let recorded = || file.compressed.as_ref().and_then(|bytes| bytes.digests.sha256);
        sha256.is_none_or(|sha256| file.blob_name() == Some(sha256))
            && compressed.is_none_or(|compressed| file.blob.is_some() && recorded() == Some(compressed))
    };
    for version in cache.store().versions(model)? {
        let found = cache.store().manifest(&version)?.filter(|manifest| manifest.files.iter().any(has_digests));
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}
