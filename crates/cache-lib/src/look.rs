//! [`Look`]: which version is meant, which of its files are wanted, and which of those are in the store.

use std::time::Duration;

use cache_core::RetryBudget;
use cache_store::Blob;

use crate::cache::blocking;
use crate::get::Wanted;
use crate::headers;
use crate::sources::Sources;
use crate::{
    Cache, Error, ErrorKind, FileEntry, Manifest, ModelId, ModelRef, Result, Retry, Revision, Sha256, Version,
};

/// How long a source may think before the cached version is used instead, where there is a whole one.
const PATIENCE: Duration = Duration::from_secs(8);

/// A wanted file, and its bytes if they are there.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct FileState {
    /// The file as its source lists it.
    pub file: FileEntry,
    /// Its blob, if it is in the store.
    pub blob: Option<Blob>,
}

/// A version, the wanted files of it, and how much of them is in the store.
#[derive(Debug, Clone)]
pub struct Look {
    manifest: Manifest,
    stored: Option<Manifest>,
    files: Vec<FileState>,
    /// The moving name that the source has just resolved to this version.
    moved: Option<Revision>,
    warnings: Vec<String>,
    stale: bool,
}

impl Look {
    /// The version.
    #[must_use]
    pub fn version(&self) -> &Version {
        &self.manifest.version
    }

    /// All files of the version, wanted or not.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The wanted files.
    #[must_use]
    pub fn files(&self) -> &[FileState] {
        &self.files
    }

    /// What the user should know: that the network was down and this is what was there, for one.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The wanted files that are not in the store.
    pub fn missing(&self) -> impl Iterator<Item = &FileEntry> {
        self.files.iter().filter(|state| state.blob.is_none()).map(|state| &state.file)
    }

    /// Whether this is what was in the store because the source could not be asked.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.stale
    }

    pub(crate) fn stored(&self) -> Option<&Manifest> {
        self.stored.as_ref()
    }

    pub(crate) fn moved(&self) -> Option<&Revision> {
        self.moved.as_ref()
    }

    /// Refuses files without a digest, if the cache asks for digests.
    pub(crate) fn allowed(&self, cache: &Cache) -> Result<()> {
        let bare = self.files.iter().find(|state| !state.file.is_verifiable());
        match bare.filter(|_| cache.0.config.require_digest) {
            None => Ok(()),
            Some(state) => Err(Error::new(
                ErrorKind::Integrity,
                format!("{}: there is no digest to check it against, and one is required", state.file.path),
            )
            .with_hint("give the digest with --sha256, or leave out --require-digest")),
        }
    }

    /// What the store knows, whatever the network would say.
    pub(crate) fn cached(cache: &Cache, wanted: &Wanted) -> Result<Self> {
        match known(cache, wanted)? {
            Some(stored) => Self::new(cache, wanted, stored.clone(), Some(stored), None),
            None => Err(not_cached(&wanted.reference, &wanted.revision)),
        }
    }

    /// What the store knows, if that is as good as the source's word: the revision never moves, the user gave the
    /// digest, or (`anything`) there is nobody else to ask.
    pub(crate) fn pinned(cache: &Cache, wanted: &Wanted, anything: bool) -> Result<Option<Self>> {
        let stored = if anything || wanted.revision.as_commit().is_some() {
            known(cache, wanted)?
        } else if let (ModelId::Url(_), Some(sha256)) = (&wanted.reference.model, wanted.told.sha256) {
            by_digest(cache, &wanted.reference.model, sha256)?
        } else {
            None
        };
        match stored {
            // Only the source can tell which files are meant.
            Some(stored) if !anything && (is_partial(&stored) || headers::needed(cache, wanted, &stored)) => Ok(None),
            Some(stored) => Self::new(cache, wanted, stored.clone(), Some(stored), None).map(Some),
            None if anything => Err(not_cached(&wanted.reference, &wanted.revision)),
            None => Ok(None),
        }
    }

    /// What the source says, or the store where that is as good, or where the network is down.
    pub(crate) async fn resolve(cache: &Cache, wanted: &Wanted) -> Result<Self> {
        let remote = Sources::is_remote(&wanted.reference.model);
        let only_store = remote && (cache.is_offline() || cache.store().read_only().is_some());
        let (own, wish) = (cache.clone(), wanted.clone());
        let here = blocking(move || Self::pinned(&own, &wish, only_store)).await;
        let here = match (here, cache.store().read_only()) {
            (Err(error), Some(reason)) if error.kind() == ErrorKind::NotCached && !cache.is_offline() => {
                return Err(read_only(&wanted.reference, reason));
            }
            (here, _) => here?,
        };
        if let Some(look) = here {
            let whole = look.missing().next().is_none();
            return match cache.store().read_only() {
                _ if whole || !only_store => Ok(look),
                Some(reason) if !cache.is_offline() => Err(read_only(&wanted.reference, reason)),
                _ => Err(look.not_cached(wanted)),
            };
        }
        let mut asking = Box::pin(Self::ask(cache, wanted));
        let answer = match tokio::time::timeout(PATIENCE, &mut asking).await {
            Ok(answer) => answer,
            Err(_) if remote => {
                let (own, wish) = (cache.clone(), wanted.clone());
                let slow = Error::new(ErrorKind::Network, format!("no answer within {} s", PATIENCE.as_secs()))
                    .with_hint("the network or the host is slow; --offline does not ask it")
                    .with_retry(Retry::Backoff);
                match blocking(move || Self::despite(&own, &wish, slow)).await {
                    Ok(look) => return Ok(look),
                    Err(_) => asking.await,
                }
            }
            Err(_) => asking.await,
        };
        match answer {
            Err(error) if remote && error.kind() == ErrorKind::Network => {
                let (own, wish) = (cache.clone(), wanted.clone());
                blocking(move || Self::despite(&own, &wish, error)).await
            }
            answer => answer,
        }
    }

    /// What the source says, or while it is down a mirror that is trusted.
    async fn ask(cache: &Cache, wanted: &Wanted) -> Result<Self> {
        let (manifest, warning) = match Self::ask_authority(cache, wanted).await {
            Err(error) if error.kind() == ErrorKind::Network => Self::ask_trusted(cache, wanted, error).await?,
            manifest => (manifest?, None),
        };
        let wish = headers::learn(cache, wanted, &manifest).await?;
        let own = cache.clone();
        let mut look = blocking(move || Self::resolved(&own, &wish, manifest)).await?;
        look.warnings.extend(warning);
        Ok(look)
    }

    /// What the first of the trusted mirrors says that answers; else the authority's error.
    async fn ask_trusted(cache: &Cache, wanted: &Wanted, error: Error) -> Result<(Manifest, Option<String>)> {
        let model = &wanted.reference.model;
        for mirror in cache.0.sources.trusted(model)? {
            match mirror.resolve(model, &wanted.revision, &RetryBudget::new(1)).await {
                Ok(manifest) => {
                    let warning = format!("{error}; the mirror {mirror} says what {model} consists of, and is trusted");
                    return Ok((manifest, Some(warning)));
                }
                Err(other) => tracing::debug!(%mirror, error = %other, "a trusted mirror does not answer either"),
            }
        }
        Err(error)
    }

    /// What the authority says: the commit first, where that is a smaller question, and the listing only if it is new.
    async fn ask_authority(cache: &Cache, wanted: &Wanted) -> Result<Manifest> {
        let (model, mut revision) = (&wanted.reference.model, wanted.revision.clone());
        let sources = &cache.0.sources;
        let mut listed = None;
        if revision.as_commit().is_none()
            && let Some(commit) = sources.commit(model, &revision, &wanted.budget).await?
        {
            revision = commit.as_str().parse()?;
            let version = Version { model: model.clone(), commit };
            let own = cache.clone();
            listed = blocking(move || own.store().manifest(&version)).await?;
        }
        match listed.filter(|manifest| !manifest.partial) {
            Some(manifest) => Ok(manifest),
            None => sources.of(model, wanted.told)?.resolve(model, &revision, &wanted.budget).await,
        }
    }

    /// The same version for another wish. Asks nobody. Where nobody may be asked, all of it must be in the store.
    pub(crate) fn narrow(&self, cache: &Cache, wanted: &Wanted) -> Result<Self> {
        let (manifest, stored) = (self.manifest.clone(), self.stored.clone());
        let mut look = Self::new(cache, wanted, manifest, stored, self.moved.clone())?;
        look.warnings.clone_from(&self.warnings);
        look.unless_nobody_can_be_asked(cache, wanted)
    }

    /// The version that somebody has resolved already. Asks nobody; otherwise as [`Self::narrow`].
    pub(crate) fn listed(cache: &Cache, wanted: &Wanted, manifest: &Manifest) -> Result<Self> {
        let stored = cache.store().manifest(&manifest.version)?;
        let mut manifest = manifest.clone();
        recall(&mut manifest, stored.as_ref());
        Self::new(cache, wanted, manifest, stored, None)?.unless_nobody_can_be_asked(cache, wanted)
    }

    fn unless_nobody_can_be_asked(self, cache: &Cache, wanted: &Wanted) -> Result<Self> {
        let look = self;
        let nobody = cache.is_offline() || cache.store().read_only().is_some();
        if nobody && Sources::is_remote(&wanted.reference.model) && look.missing().next().is_some() {
            return Err(look.not_cached(wanted));
        }
        Ok(look)
    }

    fn resolved(cache: &Cache, wanted: &Wanted, mut manifest: Manifest) -> Result<Self> {
        let stored = cache.store().manifest(&manifest.version)?;
        recall(&mut manifest, stored.as_ref());
        let moved = wanted.revision.as_commit().is_none().then(|| wanted.revision.clone());
        let version = manifest.version.clone();
        let look = Self::new(cache, wanted, manifest, stored, moved);
        if let (Err(error), Some(path)) = (&look, &wanted.selection.path)
            && error.kind() == ErrorKind::NotFound
        {
            cache.store().put_absent(&version, path)?;
        }
        look
    }

    /// The network is down: what was there is used, with a warning, if all that is wanted is there.
    fn despite(cache: &Cache, wanted: &Wanted, error: Error) -> Result<Self> {
        let Ok(mut look) = Self::cached(cache, wanted) else { return Err(error) };
        if look.missing().next().is_some() {
            return Err(error);
        }
        look.stale = true;
        look.warnings.push(format!(
            "{} cannot be asked ({error}); using the cached version {}",
            wanted.reference,
            short(look.version().commit.as_str())
        ));
        Ok(look)
    }

    fn new(
        cache: &Cache,
        wanted: &Wanted,
        manifest: Manifest,
        stored: Option<Manifest>,
        moved: Option<Revision>,
    ) -> Result<Self> {
        if let Some(expected) = &wanted.expected {
            expected.check(&manifest)?;
        }
        let chosen = headers::choose(cache, &wanted.selection, &manifest)?;
        let mut files = Vec::with_capacity(chosen.len());
        let digest = wanted.told.sha256;
        if (digest.is_some() || wanted.told.compressed.is_some()) && chosen.len() != 1 {
            return Err(Error::new(
                ErrorKind::Usage,
                format!("a digest is for one file, and {} are wanted", chosen.len()),
            )
            .with_hint("name the file: org/name/path"));
        }
        for at in chosen {
            let mut file = manifest.files[at].clone();
            wanted.told.fits(&file)?;
            expect_digest(&mut file, digest)?;
            expect_size(&file, wanted.size)?;
            if let Some(expected) = &wanted.expected {
                expected.fill(&mut file);
            }
            let blob = cache.store().find(&file)?;
            if blob.is_none()
                && let Some(name) = file.blob_name()
                && let Some(wrong) = cache.store().blob(&name)?
                // The right size: another process has published it since we looked.
                && file.size.is_some_and(|size| size != wrong.size)
            {
                return Err(Error::new(
                    ErrorKind::Integrity,
                    format!("{}: {} bytes are in the store, which is not its size", file.path, wrong.size),
                )
                .with_hint(format!("`model-cache verify --repair {}` mends it", manifest.version.model)));
            }
            files.push(FileState { file, blob });
        }
        let warnings = is_partial(&manifest).then(|| {
            let model = &manifest.version.model;
            format!(
                "of {model} only the files that were adopted are known; `model-cache get {model}` asks for the rest"
            )
        });
        Ok(Self { manifest, stored, files, moved, warnings: warnings.into_iter().collect(), stale: false })
    }

    pub(crate) fn not_cached(&self, wanted: &Wanted) -> Error {
        let missing: Vec<&str> = self.missing().map(|file| file.path.as_str()).collect();
        let mut names = missing.iter().take(3).copied().collect::<Vec<_>>().join(", ");
        if missing.len() > 3 {
            names = format!("{names} and {} more", missing.len() - 3);
        }
        Error::new(
            ErrorKind::NotCached,
            format!(
                "{}: {} of {} files are not in the store: {names}",
                wanted.reference,
                missing.len(),
                self.files.len()
            ),
        )
        .with_hint(fetch_hint(&wanted.reference))
    }
}

/// What the user says of the file must agree with what the listing says.
fn expect_digest(file: &mut FileEntry, digest: Option<Sha256>) -> Result<()> {
    let Some(digest) = digest else { return Ok(()) };
    let known = file.blob_name();
    if let Some(known) = known.filter(|known| *known != digest) {
        return Err(Error::new(
            ErrorKind::Integrity,
            format!("{}: expected sha256:{digest}, and the source has sha256:{known}", file.path),
        )
        .with_hint("check the digest, or the revision it belongs to"));
    }
    file.digests.sha256 = Some(digest);
    Ok(())
}

/// What the user says of the size must agree with what the listing says, if it says anything.
fn expect_size(file: &FileEntry, size: Option<u64>) -> Result<()> {
    match (size, file.size) {
        (Some(size), Some(listed)) if size != listed => Err(Error::new(
            ErrorKind::Integrity,
            format!("{}: expected {size} bytes, and the source has {listed}", file.path),
        )
        .with_hint("check the size, or the revision it belongs to")),
        _ => Ok(()),
    }
}

/// Whether its source may know of more files, and can be asked.
fn is_partial(manifest: &Manifest) -> bool {
    manifest.partial && Sources::is_remote(&manifest.version.model)
}

/// The manifest that the store has for a revision.
fn known(cache: &Cache, wanted: &Wanted) -> Result<Option<Manifest>> {
    let model = &wanted.reference.model;
    let Some(commit) = cache.store().resolve_ref(model, &wanted.revision)? else { return Ok(None) };
    cache.store().manifest(&Version { model: model.clone(), commit })
}

/// The version of a plain URL that has a file with this digest.
fn by_digest(cache: &Cache, model: &ModelId, sha256: Sha256) -> Result<Option<Manifest>> {
    for version in cache.store().versions(model)? {
        let manifest = cache.store().manifest(&version)?;
        let found = manifest.filter(|manifest| manifest.files.iter().any(|file| file.blob_name() == Some(sha256)));
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// Fills in the blobs that are known from this version as it is stored.
pub(crate) fn recall(manifest: &mut Manifest, stored: Option<&Manifest>) {
    for file in &mut manifest.files {
        let before = stored.and_then(|stored| stored.file(&file.path));
        if let Some(before) = before.filter(|before| before.digests == file.digests && before.etag == file.etag) {
            file.blob = file.blob.or(before.blob);
        }
    }
}

fn fetch_hint(reference: &ModelRef) -> String {
    format!("`model-cache get {reference}` fetches it, once the network may be asked")
}

fn not_cached(reference: &ModelRef, revision: &Revision) -> Error {
    let what = if reference.revision.is_some() { reference.to_string() } else { format!("{reference} at {revision}") };
    Error::new(ErrorKind::NotCached, format!("{what} is not in the store")).with_hint(fetch_hint(reference))
}

fn read_only(reference: &ModelRef, reason: &str) -> Error {
    Error::new(
        ErrorKind::Storage,
        format!("{reference} is not whole in the store, and the store is read-only: {reason}"),
    )
    .with_hint("choose a store that you may write, with --store or MODEL_CACHE_DIR")
}

/// A commit's first digits, as git shows them.
pub(crate) fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}
