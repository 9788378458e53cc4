//! [`Export`]: from the store into a bundle.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::{self, BufWriter, Read as _, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cache_core::{
    Error, ErrorKind, Event, Hasher, ModelId, NoProgress, Outcome, Progress, Reason, RepoPath, Result, Revision,
    Sha256, Version, Visibility,
};
use cache_fs::NewFile;
use cache_lib::{Cache, Get, Snapshot};
use cache_store::Blob;

use crate::carried::Carried;
use crate::entry::{self, TarEntry, write_failed};
use crate::hash_thread::HashThread;
use crate::head;
use crate::index::{Base, BundledBlob, BundledVersion, Contents, Index};
use crate::input::BundleInput;
use crate::sign::SigningKey;
use crate::stop::{Stop, stoppable};

/// How hard zstd tries: weights hardly shrink, whatever it does.
const LEVEL: i32 = 3;
/// Where the folders of a bundle lie by their names. No such place has to exist.
const BUNDLED_FOLDERS: &str = "/bundle";
/// Bytes of the buffer before the file, for headers; blobs pass by it.
const BUFFER: usize = 64 << 10;

/// Models on their way into a bundle. Await [`write_to`](Self::write_to).
#[must_use = "nothing is written until write_to is awaited"]
pub struct Export {
    cache: Cache,
    gets: Vec<Get>,
    since: Option<BundleInput>,
    key: Option<SigningKey>,
    zstd: bool,
    progress: Arc<dyn Progress>,
}

/// Where a bundle is written.
pub struct BundleOutput(OutputKind);

enum OutputKind {
    File(PathBuf),
    Writer(Box<dyn Write + Send>),
}

impl BundleOutput {
    /// A file. It appears under this name when it is whole and synced, and replaces what was there.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(OutputKind::File(path.into()))
    }

    /// A stream, such as stdout. After a failure it has a beginning that no import takes.
    pub fn writer(writer: impl Write + Send + 'static) -> Self {
        Self(OutputKind::Writer(Box::new(writer)))
    }
}

impl fmt::Debug for BundleOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            OutputKind::File(path) => f.debug_tuple("File").field(path).finish(),
            OutputKind::Writer(_) => f.write_str("Writer"),
        }
    }
}

/// What was written.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct BundleReport {
    /// What the bundle holds.
    pub contents: Contents,
    /// Bytes of the bundle as it was written, compressed if so.
    pub written: u64,
}

impl Export {
    pub(crate) fn new(cache: &Cache, gets: Vec<Get>) -> Self {
        let progress = Arc::new(NoProgress);
        Self { cache: cache.clone(), gets, since: None, key: None, zstd: false, progress }
    }

    /// Leaves out the blobs that an earlier bundle carries, or one that it builds on itself. Only its index is read.
    pub fn since(mut self, last: BundleInput) -> Self {
        self.since = Some(last);
        self
    }

    /// Signs it.
    pub fn sign(mut self, key: SigningKey) -> Self {
        self.key = Some(key);
        self
    }

    /// Compresses it.
    pub fn zstd(mut self, zstd: bool) -> Self {
        self.zstd = zstd;
        self
    }

    /// Receives progress events.
    pub fn progress(mut self, progress: Arc<dyn Progress>) -> Self {
        self.progress = progress;
        self
    }

    /// Writes it. When the future is dropped the writing stops, and no file is left.
    ///
    /// # Errors
    /// [`ErrorKind::NotCached`] when a wanted file is not in the store, [`ErrorKind::Integrity`] when one is damaged,
    /// [`ErrorKind::NoSpace`] and [`ErrorKind::Storage`] of the target.
    pub async fn write_to(self, output: BundleOutput) -> Result<BundleReport> {
        stoppable(move |stop| self.run(output, stop)).await
    }

    pub(crate) fn run(self, output: BundleOutput, stop: &Stop) -> Result<BundleReport> {
        // Looked at before the work, which may take long.
        if let OutputKind::File(path) = &output.0 {
            replaceable(path)?;
        }
        let base = self.since.map(|last| head::list(last, None)).transpose()?.map(Base::of);
        // Their leases keep the blobs until the end.
        let snapshots = self.gets.into_iter().map(Get::peek).collect::<Result<Vec<_>>>()?;
        let (index, plan) = plan(&self.cache, &snapshots, base)?;
        let bytes = index.to_bytes()?;
        let mut hasher = Hasher::new();
        hasher.update(&bytes);
        let signature = self.key.as_ref().map(|key| key.sign(&bytes)).transpose()?;
        let contents = Contents {
            id: hasher.finish().sha256,
            signed_by: self.key.as_ref().map(|key| key.verifying_key().id()),
            verified: self.key.is_some(),
            compressed: self.zstd,
            index,
        };
        let sum = Index::sum(&contents.id);
        let is_restricted = |version: &BundledVersion| version.visibility.is_some_and(Visibility::is_restricted);
        let restricted = contents.index.versions.iter().any(is_restricted);
        let bundle =
            BundleWriter { bytes, sum, signature, plan, zstd: self.zstd, restricted, progress: &*self.progress, stop };
        bundle.announce(&contents);
        let written = match output.0 {
            OutputKind::Writer(mut writer) => bundle.write(&mut writer)?,
            OutputKind::File(path) => bundle.write_file(&path)?,
        };
        Ok(BundleReport { contents, written })
    }
}

/// The index of some snapshots, and the blobs to carry.
fn plan<'a>(
    cache: &Cache,
    snapshots: &'a [Snapshot],
    base: Option<Base>,
) -> Result<(Index, Vec<(Carried<'a>, &'a Blob)>)> {
    let mut versions: BTreeMap<&Version, (BTreeSet<Revision>, BTreeMap<&RepoPath, Sha256>)> = BTreeMap::new();
    let mut blobs: BTreeMap<Sha256, (&RepoPath, &Blob)> = BTreeMap::new();
    for snapshot in snapshots {
        let (refs, files) = versions.entry(snapshot.version()).or_default();
        refs.extend(Some(snapshot.revision().clone()).filter(|revision| revision.as_commit().is_none()));
        for file in snapshot.files() {
            files.insert(&file.path, file.blob.name);
            // The same path for the same blob, in whatever order the references were given.
            let path = blobs.get(&file.blob.name).map_or(&file.path, |(path, _)| (*path).min(&file.path));
            blobs.insert(file.blob.name, (path, &file.blob));
        }
    }
    if let Some(base) = &base {
        for blob in &base.blobs {
            blobs.remove(&blob.sha256);
        }
    }
    let mut bundled = Vec::with_capacity(versions.len());
    let mut portable = Portable::default();
    for (version, (refs, files)) in versions {
        let mut manifest = cache.store().manifest(version)?.ok_or_else(|| {
            Error::new(ErrorKind::NotCached, format!("{version} was removed from the store during the export"))
                .with_hint("download it again")
                .with_reason(Reason::NotCached)
                .with_subject(&version.model)
        })?;
        // What else happens to be in this store is no part of the bundle.
        for file in &mut manifest.files {
            file.blob = files.get(&file.path).copied();
        }
        let visibility = cache.visibility(&version.model);
        manifest.version.model = portable.of(&version.model);
        bundled.push(BundledVersion::new(refs.into_iter().collect(), manifest, visibility));
    }
    bundled.sort_by(|a, b| a.manifest.version.cmp(&b.manifest.version));
    let carried: Vec<(Carried<'_>, &Blob)> = blobs
        .into_values()
        .map(|(path, blob)| (Carried { blob: BundledBlob::new(blob.name, blob.size), path }, blob))
        .collect();
    let index = Index::new(bundled, carried.iter().map(|(carried, _)| carried.blob).collect(), base);
    Ok((index, carried))
}

/// Names of models for another machine, without the paths of this one.
#[derive(Default)]
struct Portable {
    folders: BTreeMap<PathBuf, PathBuf>,
}

impl Portable {
    fn of(&mut self, model: &ModelId) -> ModelId {
        let ModelId::Folder(path) = model else { return model.clone() };
        if let Some(known) = self.folders.get(path) {
            return ModelId::Folder(known.clone());
        }
        let top = Path::new(BUNDLED_FOLDERS);
        let name = path.file_name().map_or("folder".into(), std::ffi::OsStr::to_string_lossy);
        let numbered = (2..).map(|number| format!("{name}-{number}"));
        let mut names = std::iter::once(name.to_string()).chain(numbered).map(|name| top.join(name));
        let free = names.find(|path| self.folders.values().all(|taken| taken != path)).unwrap_or(top.to_path_buf());
        self.folders.insert(path.clone(), free.clone());
        ModelId::Folder(free)
    }
}

/// Refuses to replace what is no file.
fn replaceable(path: &Path) -> Result<()> {
    match fs_err::symlink_metadata(path) {
        Ok(there) if !there.is_file() => {
            Err(Error::new(ErrorKind::Usage, format!("{} exists, and is not a regular file", path.display()))
                .with_hint("choose another name"))
        }
        _ => Ok(()),
    }
}

struct BundleWriter<'a> {
    bytes: Vec<u8>,
    sum: String,
    signature: Option<Vec<u8>>,
    plan: Vec<(Carried<'a>, &'a Blob)>,
    zstd: bool,
    /// Whether a model in it is private or gated: then the file is its owner's alone.
    restricted: bool,
    progress: &'a dyn Progress,
    stop: &'a Stop,
}

impl BundleWriter<'_> {
    fn announce(&self, contents: &Contents) {
        if let Some(first) = contents.index.versions.first() {
            let (version, files) = (&first.manifest.version, self.plan.len());
            self.progress.event(&Event::Resolved { version, files, bytes: contents.index.bytes() });
        }
    }

    fn write_file(&self, path: &Path) -> Result<u64> {
        let failed = |error: io::Error| Error::storage(format_args!("write {}", path.display()), error);
        let mode = if self.restricted { 0o600 } else { 0o666 };
        let mut file = NewFile::create(path, mode).map_err(failed)?;
        let written = self.write(file.file())?;
        file.keep().map_err(failed)?;
        Ok(written)
    }

    /// Writes the bundle, and says how many bytes it has.
    fn write(&self, to: &mut (dyn Write + Send)) -> Result<u64> {
        let mut counted = CountingWriter { to: BufWriter::with_capacity(BUFFER, to), bytes: 0 };
        if self.zstd {
            let mut encoder = zstd::Encoder::new(&mut counted, LEVEL).map_err(write_failed)?;
            encoder.include_checksum(true).map_err(write_failed)?;
            self.write_tar(&mut encoder)?;
            encoder.finish().map_err(write_failed)?;
        } else {
            self.write_tar(&mut counted)?;
        }
        counted.flush().map_err(write_failed)?;
        Ok(counted.bytes)
    }

    fn write_tar(&self, to: &mut dyn Write) -> Result<()> {
        TarEntry::write_whole(entry::INDEX, &self.bytes, to)?;
        TarEntry::write_whole(entry::SUM, self.sum.as_bytes(), to)?;
        if let Some(signature) = &self.signature {
            TarEntry::write_whole(entry::SIGNATURE, signature, to)?;
        }
        let hash_thread = HashThread::start()?;
        for (carried, blob) in &self.plan {
            self.write_blob(carried, blob, &hash_thread, to)?;
        }
        entry::write_end(to)
    }

    fn write_blob(
        &self,
        carried: &Carried<'_>,
        blob: &Blob,
        hash_thread: &HashThread,
        to: &mut dyn Write,
    ) -> Result<()> {
        let (path, size) = (carried.path, blob.size);
        let damaged = |why: String| {
            Error::new(ErrorKind::Integrity, format!("{path}: corrupted in the store: {why}"))
                .with_hint("repair the store; no bundle was written")
                .with_reason(Reason::Corrupted)
        };
        self.progress.event(&Event::Started { path, size: Some(size), resumed: 0, source: "the store" });
        let entry = TarEntry::new(entry::blob_name(&blob.name), size);
        entry.write_header(to)?;
        let mut file = fs_err::File::open(&blob.path).map_err(|error| Error::storage("read the store", error))?;
        let read = |buffer: &mut [u8]| {
            self.stop.check()?;
            file.read_exact(buffer).map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => damaged(format!("shorter than {size} bytes")),
                _ => Error::storage("read the store", error),
            })
        };
        let write = |bytes: &[u8]| {
            to.write_all(bytes).map_err(write_failed)?;
            let bytes = i64::try_from(bytes.len()).unwrap_or_default();
            self.progress.event(&Event::Advanced { path, bytes });
            Ok(())
        };
        let hashes = hash_thread.carry(size, Hasher::new(), read, write)?;
        if hashes.sha256 != blob.name {
            return Err(damaged(format!(
                "checksum mismatch: expected sha256:{}, got sha256:{}",
                blob.name, hashes.sha256
            )));
        }
        entry.write_padding(to)?;
        self.progress.event(&Event::Finished { path, size, outcome: Outcome::Fetched, verified: true });
        Ok(())
    }
}

struct CountingWriter<W> {
    to: W,
    bytes: u64,
}

impl<W: Write> Write for CountingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

impl fmt::Debug for Export {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Export")
            .field("gets", &self.gets)
            .field("since", &self.since)
            .field("key", &self.key)
            .field("zstd", &self.zstd)
            .finish_non_exhaustive()
    }
}
