//! [`Look`]: which version is meant, which of its files are wanted, and which of those are in the store.

use std::collections::HashMap;
use std::sync::Arc;

use cache_core::RetryBudget;
use cache_core::failpoints::{Mutant, mutant};
use cache_store::{Blob, Hit, Lease, SmallRecords};
use cache_transfer::Fetched;

use crate::request::get::Wanted;
use crate::request::gguf_headers as headers;
use crate::sources::compressed::Told;
use crate::sources::source_set::Sources;
use crate::task::blocking;
use crate::visibility;
use crate::{
    Cache, Digests, Error, ErrorKind, FileEntry, Manifest, ModelId, ModelRef, RepoPath, Result, Revision, Sha256,
    Version,
};

/// A wanted file, and its bytes if they are there.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct FileState {
    /// The file as its source lists it.
    pub file: FileEntry,
    /// Its blob, if it is in the store.
    pub blob: Option<Blob>,
    /// The blob in the store, if no record says that its compressed bytes had the digest that the user gives.
    unchecked: Option<Sha256>,
}

/// What a source has answered.
struct Answer {
    manifest: Manifest,
    /// What is wanted of it, with what was learned of its files.
    wish: Wanted,
    /// Warning that names the place that answered instead of the source.
    warning: Option<String>,
}

/// A version, the wanted files of it, and how much of them is in the store.
///
/// Files whose digest is known, those to come included, are not evicted while it or a clone of it lives.
#[derive(Debug, Clone)]
pub struct Look {
    manifest: Manifest,
    stored: Option<Manifest>,
    files: Vec<FileState>,
    /// The moving name that the source has just resolved to this version.
    moved: Option<Revision>,
    warnings: Vec<String>,
    stale: bool,
    /// Those of the version's small files, where enough files are wanted for it to pay.
    records: Option<Arc<SmallRecords>>,
    _lease: Arc<Lease>,
}

/// Small files up to this number are hashed at each use, which costs no more than their records.
const FEW: usize = 4;

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

    pub(crate) fn records(&self) -> Option<&SmallRecords> {
        self.records.as_deref()
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
                format!("{}: no checksum known, and one is required", state.file.path),
            )
            .with_hint("give the expected digest, or allow files without one")
            .with_reason(crate::Reason::NoDigest)),
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
        if let ModelId::Url(url) = &wanted.reference.model
            && url.has_hidden_query()
        {
            // The source needs it next, on a thread that must not wait for the disk.
            let _ = cache.store().url_key();
        }
        let stored = match by_digest(cache, wanted)? {
            None if anything || wanted.revision.as_commit().is_some() => known(cache, wanted)?,
            by_digest => by_digest,
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
                _ => {
                    let (own, wish) = (cache.clone(), wanted.clone());
                    blocking(move || Err(look.not_cached(&own, &wish))).await
                }
            };
        }
        let mut asking = Box::pin(Self::ask(cache, wanted));
        let lost = tokio::select! {
            biased;
            answer = &mut asking => Err(answer),
            lost = wanted.patience.end(), if remote => Ok(lost),
        };
        let answer = match lost {
            Err(answer) => answer,
            Ok(lost) => {
                let (own, wish) = (cache.clone(), wanted.clone());
                match blocking(move || Self::despite(&own, &wish, lost)).await {
                    Ok(look) => return Ok(look),
                    Err(_) => asking.await,
                }
            }
        };
        let own = cache.clone();
        match answer {
            // What the store takes of the time is not the source's.
            Ok(Answer { manifest, wish, warning }) => {
                blocking(move || {
                    let mut look = Self::resolved(&own, &wish, manifest)?;
                    look.warnings.extend(warning);
                    Ok(look)
                })
                .await
            }
            Err(error) if remote && error.kind() == ErrorKind::Network => {
                let wish = wanted.clone();
                blocking(move || Self::despite(&own, &wish, error)).await
            }
            Err(error) => Err(error),
        }
    }

    /// What the source says, or while it is down a mirror that is trusted.
    async fn ask(cache: &Cache, wanted: &Wanted) -> Result<Answer> {
        #[cfg(feature = "http")]
        if Sources::is_remote(&wanted.reference.model) {
            crate::task::check_io()?;
        }
        let (manifest, warning) = match Self::ask_authority(cache, wanted).await {
            Err(error) if error.kind() == ErrorKind::Network => Self::ask_trusted(cache, wanted, error).await?,
            manifest => (manifest?, None),
        };
        let wish = headers::learn(cache, wanted, &manifest).await?;
        Ok(Answer { manifest, wish, warning })
    }

    /// What the first of the trusted mirrors says that answers; else the authority's error.
    async fn ask_trusted(cache: &Cache, wanted: &Wanted, error: Error) -> Result<(Manifest, Option<String>)> {
        let model = &wanted.reference.model;
        for mirror in cache.0.sources.trusted(model)? {
            match mirror.resolve(model, &wanted.revision, &RetryBudget::new(1)).await {
                Ok(manifest) => {
                    let warning = format!("{error}; using the file list of {model} from the trusted mirror {mirror}");
                    return Ok((manifest, Some(warning)));
                }
                Err(other) => tracing::debug!(%mirror, error = %other, "a trusted mirror does not answer"),
            }
        }
        Err(error)
    }

    /// What the authority says. The visibility is recorded first, before the listing.
    async fn ask_authority(cache: &Cache, wanted: &Wanted) -> Result<Manifest> {
        let answer = Self::ask_listing(cache, wanted).await;
        if let Err(error) = &answer {
            visibility::record_refusal(cache, &wanted.reference.model, error).await?;
        }
        answer
    }

    /// The commit first, where that is a smaller question, and the listing only if it is new.
    async fn ask_listing(cache: &Cache, wanted: &Wanted) -> Result<Manifest> {
        let (model, mut revision) = (&wanted.reference.model, wanted.revision.clone());
        let sources = &cache.0.sources;
        let mut listed = None;
        let asked = cache.store().now();
        if revision.as_commit().is_none()
            && let Some((commit, seen)) = sources.pin(model, &revision, &wanted.budget).await?
        {
            visibility::record(cache, model, seen, asked).await?;
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
            return Err(look.not_cached(cache, wanted));
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
            "{} {} ({}); using cached {}",
            if wanted.reference.model.is_hub() { "hub" } else { "source" },
            if error.is_unreachable() { "unreachable" } else { "not available" },
            error.cause(),
            short(look.version().commit.as_str())
        ));
        Ok(look)
    }

    fn new(
        cache: &Cache,
        wanted: &Wanted,
        mut manifest: Manifest,
        stored: Option<Manifest>,
        moved: Option<Revision>,
    ) -> Result<Self> {
        if let Some(expected) = &wanted.expected {
            expected.check(&manifest)?;
        }
        let chosen = headers::choose(cache, &wanted.selection, &manifest)?;
        let mut files = Vec::with_capacity(chosen.len());
        let mut warnings = Vec::new();
        let digest = wanted.told.sha256;
        if (digest.is_some() || wanted.told.compressed.is_some()) && chosen.len() != 1 {
            return Err(Error::new(
                ErrorKind::Usage,
                format!("a digest is for one file, and {} are wanted", chosen.len()),
            )
            .with_hint("name the file: org/name/path"));
        }
        let mut listed = Vec::with_capacity(chosen.len());
        for at in chosen {
            let mut file = manifest.files[at].clone();
            wanted.told.fits(&file)?;
            expect_digest(&mut file, digest)?;
            expect_size(&file, wanted.size)?;
            if let Some(expected) = &wanted.expected {
                expected.check_file(&file)?;
                expected.fill(&mut file);
            }
            let name = cache.store().blob_name_of(&file);
            listed.push((at, file, name));
        }
        // What is found from now on stays.
        let lease = Arc::new(leased(cache, listed.iter().filter_map(|(.., name)| *name))?);
        let records = (listed.len() > FEW).then(|| Arc::new(cache.store().small_records(&manifest.version)));
        let known = records.clone().unwrap_or_default();
        for (at, mut file, name) in listed {
            let model = &manifest.version.model;
            let hit = match name {
                Some(name) => cache.store().hit_named(&file, name, &known)?,
                None => Hit::Missing,
            };
            let mut blob = match hit {
                Hit::Missing => None,
                Hit::Unchanged(blob) => Some(blob),
                Hit::Touched(blob) => {
                    warnings
                        .push(format!("{model}: {}: links or permissions changed since it was verified", file.path));
                    Some(blob)
                }
                Hit::Changed(_) => return Err(changed(model, &file)),
            };
            let mut unchecked = None;
            if let (Some(compressed), Some(found)) = (wanted.told.compressed, &blob)
                && !is_recorded(stored.as_ref(), &file.path, found.name, compressed)
            {
                unchecked = Some(found.name);
                blob = None;
                (file.blob, file.digests) = (None, Digests::default());
                if let Some(packed) = &mut file.compressed {
                    packed.digests.sha256 = Some(compressed);
                }
                if let Some(packed) = &mut manifest.files[at].compressed {
                    packed.digests.sha256.get_or_insert(compressed);
                }
            }
            files.push(FileState { file, blob, unchecked });
        }
        if is_partial(&manifest) {
            let model = &manifest.version.model;
            warnings.push(format!("{model}: only the adopted files are known; download it while online for the rest"));
        }
        warnings.extend(cache.store().lock_timeouts());
        Ok(Self { manifest, stored, files, moved, warnings, stale: false, records, _lease: lease })
    }

    /// The digests in the store of files whose compressed bytes were not checked.
    pub(crate) fn unchecked_files(&self) -> HashMap<RepoPath, Sha256> {
        self.files.iter().filter_map(|state| Some((state.file.path.clone(), state.unchecked?))).collect()
    }

    /// Why a file in the store does not count, whose compressed bytes are to have this digest.
    fn unchecked(&self, reference: &ModelRef, path: &RepoPath, compressed: Sha256) -> Error {
        let stored = self.stored.as_ref().and_then(|stored| stored.file(path));
        match stored.and_then(|file| file.compressed.as_ref()?.digests.sha256) {
            Some(recorded) => Error::new(
                ErrorKind::Integrity,
                format!("{path}: checksum mismatch: expected compressed bytes with sha256:{compressed}, the store has sha256:{recorded}"),
            )
            .with_hint("check the digest, or the file that it belongs to"),
            None => Error::new(
                ErrorKind::NotCached,
                format!("{path}: the store does not know the digest of its compressed bytes (sha256:{compressed})"),
            )
            .with_hint("download it again with that digest")
            .with_reason(crate::Reason::NotCached)
            .with_subject(reference),
        }
    }

    /// Why not all of it is in the store: it was not downloaded, or found corrupted.
    pub(crate) fn not_cached(&self, cache: &Cache, wanted: &Wanted) -> Error {
        let unchecked = self.files.iter().find(|state| state.unchecked.is_some());
        if let Some((state, compressed)) = unchecked.zip(wanted.told.compressed) {
            return self.unchecked(&wanted.reference, &state.file.path, compressed);
        }
        for file in self.missing() {
            match cache.store().corruption(file) {
                Ok(None) => {}
                Ok(Some(reason)) => return corrupted(&wanted.reference, file, &reason),
                Err(error) => return error,
            }
        }
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
        .with_hint("download it (needs network access)")
        .with_reason(crate::Reason::NotCached)
        .with_subject(&wanted.reference)
    }
}

/// Refuses a file whose compressed bytes are the right ones and hold something else than what is stored.
pub(crate) fn confirm(path: &RepoPath, expected: Option<Sha256>, fetched: Fetched) -> Result<Fetched> {
    match expected.filter(|expected| *expected != fetched.blob.name) {
        None => Ok(fetched),
        Some(expected) => Err(Error::new(
            ErrorKind::Integrity,
            format!(
                "{path}: checksum mismatch: expected sha256:{expected}, the compressed file contains sha256:{}",
                fetched.blob.name
            ),
        )
        .with_hint("one of the two digests is wrong, or both belong to different versions of the file")),
    }
}

/// Leases the files whose digest is known, present or not.
fn leased(cache: &Cache, names: impl Iterator<Item = Sha256>) -> Result<Lease> {
    let store = cache.store();
    if mutant(Mutant::LateLease) {
        return store.lease(&[]);
    }
    let names: Vec<Sha256> = names.collect();
    store.lease(&names).or_else(|error| {
        tracing::debug!(%error, "the wanted files are not leased yet");
        store.lease(&[])
    })
}

/// What the user says of the file must agree with what the listing says.
fn expect_digest(file: &mut FileEntry, digest: Option<Sha256>) -> Result<()> {
    let Some(digest) = digest else { return Ok(()) };
    let known = file.blob_name();
    if let Some(known) = known.filter(|known| *known != digest) {
        return Err(Error::new(
            ErrorKind::Integrity,
            format!("{}: checksum mismatch: expected sha256:{digest}, the source has sha256:{known}", file.path),
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
            format!("{}: wrong size: expected {size} bytes, the source has {listed}", file.path),
        )
        .with_hint("check the size, or the revision it belongs to")),
        _ => Ok(()),
    }
}

/// Whether its source may know of more files, and can be asked.
fn is_partial(manifest: &Manifest) -> bool {
    manifest.partial && Sources::is_remote(&manifest.version.model)
}

/// The manifest that the store has for a revision, and of a plain URL for its secret parameters.
fn known(cache: &Cache, wanted: &Wanted) -> Result<Option<Manifest>> {
    let (store, model) = (cache.store(), &wanted.reference.model);
    let Some(commit) = store.resolve_ref(model, &wanted.revision)? else { return Ok(None) };
    let named = store.manifest(&Version { model: model.clone(), commit })?;
    let ModelId::Url(url) = model else { return Ok(named) };
    let hidden = if url.has_hidden_query() { url.hidden_query(&store.url_key()) } else { None };
    let same = |manifest: &Manifest| manifest.hidden_query == hidden;
    if wanted.revision.as_commit().is_some() || named.as_ref().is_none_or(same) {
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
fn by_digest(cache: &Cache, wanted: &Wanted) -> Result<Option<Manifest>> {
    let (model, Told { sha256, compressed, .. }) = (&wanted.reference.model, wanted.told);
    let given = sha256.is_some() || compressed.is_some();
    if !given || wanted.revision.as_commit().is_some() || !matches!(model, ModelId::Url(_)) {
        return Ok(None);
    }
    let has_digests = |file: &FileEntry| {
        let packed = || file.compressed.as_ref().and_then(|packed| packed.digests.sha256);
        sha256.is_none_or(|sha256| file.blob_name() == Some(sha256))
            && compressed.is_none_or(|compressed| file.blob.is_some() && packed() == Some(compressed))
    };
    for version in cache.store().versions(model)? {
        let found = cache.store().manifest(&version)?.filter(|manifest| manifest.files.iter().any(has_digests));
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// Whether the store has recorded that a blob came from compressed bytes with this digest.
fn is_recorded(stored: Option<&Manifest>, path: &RepoPath, blob: Sha256, compressed: Sha256) -> bool {
    stored.and_then(|stored| stored.file(path)).is_some_and(|file| {
        file.blob == Some(blob)
            && file.compressed.as_ref().is_some_and(|packed| packed.digests.sha256 == Some(compressed))
    })
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

fn not_cached(reference: &ModelRef, revision: &Revision) -> Error {
    let what = if reference.revision.is_some() { reference.to_string() } else { format!("{reference} at {revision}") };
    Error::new(ErrorKind::NotCached, format!("{what} is not in the store"))
        .with_hint("download it (needs network access)")
        .with_reason(crate::Reason::NotCached)
        .with_subject(reference)
}

fn corrupted(reference: &ModelRef, file: &FileEntry, reason: &str) -> Error {
    Error::new(ErrorKind::Integrity, format!("{reference}: {}: {reason}", file.path))
        .with_hint("download it again")
        .with_reason(crate::Reason::ModelCorrupted)
        .with_subject(reference)
}

/// A large blob was written to: its bytes are not used before they were read again.
pub(crate) fn changed(model: &ModelId, file: &FileEntry) -> Error {
    Error::new(ErrorKind::Integrity, format!("{model}: {}: changed on the disk since it was verified", file.path))
        .with_hint("verify it; if it is corrupted, download it again")
        .with_reason(crate::Reason::ModelChanged)
        .with_subject(model)
}

fn read_only(reference: &ModelRef, reason: &str) -> Error {
    Error::new(
        ErrorKind::Storage,
        format!("{reference} is incomplete in the store, and the store is read-only: {reason}"),
    )
    .with_hint("choose a writable store with MODEL_CACHE_DIR")
    .with_reason(crate::Reason::StoreUnusable)
}

/// A commit's first digits, as git shows them.
pub(crate) fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}
