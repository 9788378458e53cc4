//! [`Import`]: from a bundle into the store.

use std::collections::{BTreeMap, BTreeSet};
use std::future::IntoFuture;
use std::io::{Read as _, Write as _};
use std::pin::Pin;
use std::sync::Arc;

use cache_core::DigestVerifier;
use cache_store::{BlobAccess, PartialKey, Store};

use super::beside::Beside;
use super::entry::{self, Entry};
use super::index::MAX_INDEX;
use super::input::Stream;
use super::sign::{MAX_SIGNATURE, Signature};
use super::visibility;
use super::{BundledBlob, BundledVersion, Contents, Index, Input, Moving, Stop, VerifyingKey, broken, stoppable};
use crate::request::evictions::Evictions;
use crate::units::Size;
use crate::{
    Cache, Commit, Error, ErrorKind, Event, FileEntry, Get, Hasher, Hashes, Manifest, ModelRef, NoProgress, Outcome,
    Progress, Result, Revision, Sha256, Snapshot, Version,
};

/// A bundle on its way into the store. Await it.
#[must_use = "nothing is imported until it is awaited"]
pub struct Import {
    cache: Cache,
    input: Input,
    key: Option<VerifyingKey>,
    progress: Arc<dyn Progress>,
}

/// What was imported. Until it is dropped, no process evicts it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Imported {
    /// What the bundle holds.
    pub contents: Contents,
    /// The versions, in the bundle's order.
    pub snapshots: Vec<Snapshot>,
    /// Blobs that came from the bundle.
    pub taken: usize,
    /// Their bytes.
    pub taken_bytes: u64,
    /// Blobs of the bundle that were in the store already.
    pub present: usize,
    /// The refs that pointed elsewhere before.
    pub moved: Vec<MovedRef>,
    /// What the user should know although all went well.
    pub warnings: Vec<String>,
}

/// A ref of the store that an import has moved. A bundle says what its refs point to and not since when: that may be a
/// newer commit or an older one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MovedRef {
    /// The moving name.
    pub revision: Revision,
    /// What it pointed to.
    pub from: Commit,
    /// The model, and what it points to now.
    pub to: Version,
}

impl Import {
    pub(super) fn new(cache: &Cache, input: Input) -> Self {
        Self { cache: cache.clone(), input, key: None, progress: Arc::new(NoProgress) }
    }

    /// Takes it only if this key has signed it.
    pub fn verify(mut self, key: VerifyingKey) -> Self {
        self.key = Some(key);
        self
    }

    /// Who hears of progress.
    pub fn progress(mut self, progress: Arc<dyn Progress>) -> Self {
        self.progress = progress;
        self
    }

    pub(super) fn run(self, stop: &Stop) -> Result<Imported> {
        if let Some(reason) = self.cache.store().read_only() {
            return Err(Error::new(ErrorKind::Storage, format!("the store is read-only: {reason}"))
                .with_hint("choose another store with MODEL_CACHE_DIR")
                .with_reason(crate::Reason::StoreUnusable));
        }
        let (stream, Head { contents, next }) = open(self.input, self.key.as_ref())?;
        let store = self.cache.store();
        let files = contents.index.by_blob();
        let names: Vec<Sha256> = files.keys().copied().collect();
        // First the lease, then the look: what is found stays.
        let _lease = store.lease(&names)?;
        let mut work = Work {
            store,
            stream,
            next,
            beside: Beside::start()?,
            access: visibility::access(&contents.index),
            progress: &*self.progress,
            stop,
        };
        fits_the_store(store, &contents)?;
        let missing = work.missing(&contents.index)?;
        let taken_bytes = missing.values().sum();
        within_quota(&self.cache, taken_bytes)?;
        crate::request::preflight::check_free_space(&self.cache, taken_bytes)?;
        work.announce(&contents.index);
        for blob in &contents.index.blobs {
            work.take(
                *blob,
                files.get(&blob.sha256).map_or(&[][..], Vec::as_slice),
                missing.contains_key(&blob.sha256),
            )?;
        }
        work.end()?;
        for (blob, files) in files.iter().filter(|(blob, _)| !missing.contains_key(blob)) {
            check_present(store, blob, files)?;
        }
        let mut warnings = visibility::record(&self.cache, &contents)?;
        let (mut snapshots, mut moved) = (Vec::new(), Vec::new());
        for version in &contents.index.versions {
            snapshots.push(show(&self.cache, version, &mut moved)?);
        }
        warnings.extend(Evictions::make(store, &names)?.warnings);
        let present = contents.index.blobs.len() - missing.len();
        Ok(Imported { snapshots, taken: missing.len(), taken_bytes, present, moved, warnings, contents })
    }
}

/// The beginning of a bundle, up to the header of what follows.
pub(super) struct Head {
    pub(super) contents: Contents,
    next: Option<Entry>,
}

/// Reads index and signature, and checks the signature if a key is given.
pub(super) fn open(input: Input, key: Option<&VerifyingKey>) -> Result<(Stream, Head)> {
    let mut stream = Stream::open(input)?;
    let first = Entry::read(&mut stream)?.filter(|first| first.name == entry::INDEX);
    let first = first.ok_or_else(|| broken("not a bundle: it does not begin with bundle.json"))?;
    let bytes = first.read_whole(&mut stream, MAX_INDEX)?;
    let mut hasher = Hasher::new();
    hasher.update(&bytes);
    let id = hasher.finish().sha256;
    let sum = Index::sum(&id);
    let second = Entry::new(entry::SUM, sum.len() as u64);
    second.clone().expect(Entry::read(&mut stream)?)?;
    if second.read_whole(&mut stream, second.size)? != sum.as_bytes() {
        return Err(broken("the bundle's index is corrupted: checksum mismatch"));
    }
    let mut next = Entry::read(&mut stream)?;
    let mut signature = None;
    if let Some(found) = next.take_if(|next| next.name == entry::SIGNATURE) {
        signature = Some(Signature::parse(&found.read_whole(&mut stream, MAX_SIGNATURE)?)?);
        next = Entry::read(&mut stream)?;
    }
    // Before the index is believed in anything.
    if let Some(key) = key {
        key.check(&bytes, signature.as_ref())?;
    }
    let index = Index::parse(&bytes)?;
    let (signed_by, compressed) = (signature.map(|signature| signature.key), stream.compressed);
    let contents = Contents { id, index, signed_by, verified: key.is_some(), compressed };
    Ok((stream, Head { contents, next }))
}

/// Refuses what contradicts the store, or builds on what is not there.
fn fits_the_store(store: &Store, contents: &Contents) -> Result<()> {
    for version in &contents.index.versions {
        let ours = store.manifest(&version.manifest.version)?;
        if let Some(why) = ours.and_then(|ours| disagreement(&ours, &version.manifest)) {
            let text = format!("the bundle contradicts the store about {}: {why}", version.manifest.version);
            return Err(Error::new(ErrorKind::Integrity, text)
                .with_hint("a commit never changes, so one of them is wrong; remove the wrong one")
                .with_reason(crate::Reason::CommitDiffers)
                .with_subject(&version.manifest.version));
        }
    }
    let Some(base) = &contents.index.base else { return Ok(()) };
    let used = contents.index.by_blob();
    for blob in base.blobs.iter().filter(|blob| used.contains_key(&blob.sha256)) {
        if present(store, blob)?.is_none() {
            let text = format!("the bundle builds on another one that is not in the store: {}", base.index);
            return Err(Error::new(ErrorKind::NotCached, text)
                .with_hint("import that bundle first")
                .with_reason(crate::Reason::BaseNeeded)
                .with_subject(base.index.to_string().get(..12).unwrap_or_default()));
        }
    }
    Ok(())
}

/// What two listings of one version differ in; what only one of them knows is no difference.
fn disagreement(ours: &Manifest, theirs: &Manifest) -> Option<String> {
    fn differ<T: PartialEq>(a: Option<&T>, b: Option<&T>) -> bool {
        a.is_some() && b.is_some() && a != b
    }
    let lacks = |one: &Manifest, other: &Manifest| {
        let unknown = other.files.iter().find(|file| one.file(&file.path).is_none())?;
        (!one.partial).then(|| unknown.path.clone())
    };
    if let Some(path) = lacks(ours, theirs) {
        return Some(format!("the store has no file {path}"));
    }
    if let Some(path) = lacks(theirs, ours) {
        return Some(format!("the bundle has no file {path}"));
    }
    let wrong = |theirs: &&FileEntry| {
        ours.file(&theirs.path).is_some_and(|ours| {
            differ(ours.size.as_ref(), theirs.size.as_ref())
                || differ(ours.blob_name().as_ref(), theirs.blob_name().as_ref())
                || differ(ours.digests.git_sha1.as_ref(), theirs.digests.git_sha1.as_ref())
        })
    };
    theirs.files.iter().find(wrong).map(|theirs| format!("{} differs", theirs.path))
}

fn within_quota(cache: &Cache, needed: u64) -> Result<()> {
    match cache.quota() {
        Some(quota) if needed > quota => Err(Error::new(
            ErrorKind::NoSpace,
            format!("quota exceeded: the bundle has {}, the quota is {}", Size(needed), Size(quota)),
        )
        .with_hint("raise MODEL_CACHE_QUOTA")),
        _ => Ok(()),
    }
}

fn present(store: &Store, blob: &BundledBlob) -> Result<Option<cache_store::Blob>> {
    Ok(store.blob(&blob.sha256)?.filter(|there| there.size == blob.size))
}

/// The hasher that all files of one blob need.
fn hasher(files: &[&FileEntry], size: u64) -> Hasher {
    let git = files.iter().find(|file| needs_git(file));
    git.map_or_else(Hasher::new, |file| DigestVerifier::hasher(file, size))
}

fn needs_git(file: &FileEntry) -> bool {
    file.digests.sha256.is_none() && file.digests.git_sha1.is_some()
}

fn judge(file: &FileEntry, hashes: &Hashes) -> Result<()> {
    let judged = DigestVerifier::judge(file, hashes).into_result(file);
    judged.map(drop).map_err(|error| broken(error.context("the bundle contradicts itself").to_string()))
}

/// A blob that is in the store is what its name says. That it has the git ids which the bundle gives it is checked here.
fn check_present(store: &Store, name: &Sha256, files: &[&FileEntry]) -> Result<()> {
    for file in files.iter().filter(|file| needs_git(file)) {
        let mut unnamed = (*file).clone();
        unnamed.blob = None;
        if store.find(&unnamed)?.is_some_and(|known| known.name == *name) {
            continue;
        }
        let failed = |error| Error::storage("read the store", error);
        let Some(blob) = store.blob(name)? else { continue };
        let mut read = fs_err::File::open(&blob.path).map_err(failed)?;
        let mut hasher = DigestVerifier::hasher(file, blob.size);
        let mut buffer = vec![0; 64 << 10];
        loop {
            match read.read(&mut buffer).map_err(failed)? {
                0 => break,
                some => hasher.update(buffer.get(..some).unwrap_or_default()),
            }
        }
        judge(file, &hasher.finish())?;
    }
    Ok(())
}

struct Work<'a> {
    store: &'a Store,
    stream: Stream,
    next: Option<Entry>,
    beside: Beside,
    access: BTreeMap<Sha256, BlobAccess>,
    progress: &'a dyn Progress,
    stop: &'a Stop,
}

impl Work<'_> {
    fn missing(&self, index: &Index) -> Result<BTreeMap<Sha256, u64>> {
        let mut missing = BTreeMap::new();
        for blob in &index.blobs {
            if present(self.store, blob)?.is_none() {
                missing.insert(blob.sha256, blob.size);
            }
        }
        Ok(missing)
    }

    fn announce(&self, index: &Index) {
        if let Some(first) = index.versions.first() {
            let (version, files) = (&first.manifest.version, index.blobs.len());
            self.progress.event(&Event::Resolved { version, files, bytes: index.bytes() });
        }
    }

    /// The next blob: into the store if it is missing there, else it is passed over.
    fn take(&mut self, blob: BundledBlob, files: &[&FileEntry], missing: bool) -> Result<()> {
        self.stop.check()?;
        let Some(first) = files.first() else { return Ok(()) };
        Entry::new(entry::blob_name(&blob.sha256), blob.size).expect(self.next.take())?;
        if missing {
            self.publish(&Moving { blob, path: &first.path }, files)?;
            self.stream.skip(entry::padded(blob.size) - blob.size)?;
        } else {
            self.stream.skip(entry::padded(blob.size))?;
        }
        let outcome = if missing { Outcome::Fetched } else { Outcome::Hit };
        let verified = first.is_verifiable();
        self.progress.event(&Event::Finished { path: &first.path, size: blob.size, outcome, verified });
        self.next = Entry::read(&mut self.stream)?;
        Ok(())
    }

    fn publish(&mut self, moving: &Moving<'_>, files: &[&FileEntry]) -> Result<()> {
        let (path, BundledBlob { sha256, size, .. }) = (moving.path, moving.blob);
        self.progress.event(&Event::Started { path, size: Some(size), resumed: 0, source: "the bundle" });
        let mut partial = self.store.partial(&PartialKey::sha256(&sha256), Some(size))?;
        partial.set_access(self.access.get(&sha256).copied().unwrap_or_default())?;
        if !partial.recorded().is_empty() {
            partial.restart()?;
        }
        let file = Arc::clone(partial.file());
        let (stream, stop, progress) = (&mut self.stream, self.stop, self.progress);
        let read = |buffer: &mut [u8]| {
            stop.check()?;
            stream.read_exact(buffer)
        };
        let write = |bytes: &[u8]| {
            (&*file).write_all(bytes).map_err(|error| Error::storage("write the store", error))?;
            progress.event(&Event::Advanced { path, bytes: i64::try_from(bytes.len()).unwrap_or_default() });
            Ok(())
        };
        let hashes = self.beside.carry(size, hasher(files, size).with_blocks(), read, write)?;
        drop(file);
        if hashes.sha256 != sha256 {
            let text = format!(
                "{path}: checksum mismatch in the bundle: expected sha256:{sha256}, got sha256:{}",
                hashes.sha256
            );
            return Err(broken(text));
        }
        for file in files {
            judge(file, &hashes)?;
        }
        self.store.publish(partial, &hashes, Some(sha256)).map(|_| ())
    }

    fn end(mut self) -> Result<()> {
        match self.next.take() {
            Some(more) => Err(broken(format!("{:?} is in the bundle, but not in its index", more.name))),
            None => entry::read_end(&mut self.stream),
        }
    }
}

/// Makes a version visible: manifest, then refs, then view, as a get does.
fn show(cache: &Cache, version: &BundledVersion, moved: &mut Vec<MovedRef>) -> Result<Snapshot> {
    let BundledVersion { refs, manifest, .. } = version;
    let (store, name) = (cache.store(), &manifest.version);
    store.put_manifest(&manifest.clone().merge(store.manifest(name)?))?;
    for revision in refs {
        let before = store.resolve_ref(&name.model, revision)?;
        store.put_ref(&name.model, revision, &name.commit)?;
        if let Some(from) = before.filter(|before| *before != name.commit) {
            moved.push(MovedRef { revision: revision.clone(), from, to: name.clone() });
        }
    }
    let only: Arc<BTreeSet<_>> = Arc::new(version.files().map(|(file, _)| file.path.clone()).collect());
    let peek = |revision: Revision| {
        let mut get =
            Get::new(cache.clone(), Ok(ModelRef { revision: Some(revision), ..ModelRef::of(name.model.clone()) }));
        get.constraints.only = Some(Arc::clone(&only));
        get.peek()
    };
    let shown = peek(Revision::parse(name.commit.as_str())?)?;
    refs.iter().cloned().try_for_each(|revision| peek(revision).map(drop))?;
    Ok(shown)
}

impl IntoFuture for Import {
    type Output = Result<Imported>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(stoppable(move |stop| self.run(stop)))
    }
}

impl std::fmt::Debug for Import {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Import").field("input", &self.input).field("key", &self.key).finish_non_exhaustive()
    }
}
