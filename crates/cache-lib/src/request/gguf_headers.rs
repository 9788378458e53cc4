//! Quantizations from GGUF headers, for files whose names do not say.
//!
//! Headers read over the network are not stored: once a file is in the store its header is read from there.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cache_core::{OpenOptions, Opened};
use cache_formats::gguf::{Header, HeaderError};
use cache_formats::variants::{self, QuantByPath};
use futures::TryStreamExt as _;

use crate::request::selection::Selection;
use crate::request::spec::FetchSpec;
use crate::task::blocking;
use crate::{ByteRange, Cache, Error, ErrorKind, FileEntry, Manifest, Result, Source, Version};

/// Most files whose headers are read.
const FILES: usize = 8;
/// How much of a file is read first, in bytes: enough where the tokens come last.
const FIRST: u64 = 64 << 10;
/// How much of a file is read at most, in bytes.
const MOST: u64 = 16 << 20;

/// Selects the requested files, with the headers of files in the store where names do not say.
pub(crate) fn select(cache: &Cache, selection: &Selection, manifest: &Manifest) -> Result<Vec<usize>> {
    let chosen = selection.choose(manifest);
    match &chosen {
        Err(error) if error.kind() == ErrorKind::NotFound && selection.variant.is_some() => {
            let mut quants = selection.header_quants.clone();
            for file in variants::unnamed(manifest, &quants).into_iter().take(FILES).cloned().collect::<Vec<_>>() {
                if let Some(blob) = cache.store().find(&file)?
                    && let Some(name) = of_file(&blob.path)?
                {
                    quants.insert(file.path, name);
                }
            }
            if quants == selection.header_quants {
                return chosen;
            }
            let mut named = selection.clone();
            named.header_quants = quants;
            named.choose(manifest)
        }
        _ => chosen,
    }
}

/// Whether the requested variant is unknown to names and stored headers, and other headers might name it.
pub(crate) fn needed(cache: &Cache, spec: &FetchSpec, manifest: &Manifest) -> bool {
    spec.selection.variant.is_some()
        && !variants::unnamed(manifest, &spec.selection.header_quants).is_empty()
        && select(cache, &spec.selection, manifest).is_err_and(|error| error.kind() == ErrorKind::NotFound)
}

/// The request, with the quantizations from headers if those are needed to select its files.
pub(crate) async fn with_header_quants(cache: &Cache, spec: &FetchSpec, manifest: &Manifest) -> Result<FetchSpec> {
    let mut named = spec.clone();
    if spec.selection.variant.is_some() {
        let (own, asked, listing) = (cache.clone(), spec.clone(), manifest.clone());
        if blocking(move || Ok(needed(&own, &asked, &listing))).await? {
            named.selection.header_quants = read_all(cache, spec, manifest).await?;
        }
    }
    Ok(named)
}

/// Quantizations of all files without a name, from headers in the store and over the network.
pub(crate) async fn read_all(cache: &Cache, spec: &FetchSpec, manifest: &Manifest) -> Result<QuantByPath> {
    let mut quants = spec.selection.header_quants.clone();
    let unnamed: Vec<FileEntry> = variants::unnamed(manifest, &quants).into_iter().take(FILES).cloned().collect();
    for file in unnamed {
        let (own, entry) = (cache.clone(), file.clone());
        let found = blocking(move || match own.store().find(&entry)? {
            Some(blob) => of_file(&blob.path).map(|name| (true, name)),
            None => Ok((false, None)),
        })
        .await?;
        let name = match found {
            (true, name) => name,
            // The beginning of a compressed file is not that of the model.
            (false, _) if cache.is_offline() || file.compressed.is_some() => None,
            (false, _) => {
                let source = cache.0.sources.of(&manifest.version.model, spec.digests)?;
                of_source(&source, &manifest.version, &file, spec).await?
            }
        };
        if let Some(name) = name {
            quants.insert(file.path, name);
        }
    }
    Ok(quants)
}

fn of_file(path: &Path) -> Result<Option<String>> {
    let mut file = fs_err::File::open(path).map_err(|error| Error::storage("read a header", error))?;
    let (mut bytes, mut wanted) = (Vec::new(), FIRST);
    loop {
        let more = wanted.saturating_sub(bytes.len() as u64);
        let read = file.by_ref().take(more).read_to_end(&mut bytes);
        let read = read.map_err(|error| Error::storage("read a header", error))?;
        match step(&bytes) {
            Step::Done(name) => return Ok(name),
            Step::More(next) if read > 0 => wanted = next,
            Step::More(_) => return Ok(None),
        }
    }
}

async fn of_source(
    source: &Arc<dyn Source>,
    version: &Version,
    file: &FileEntry,
    spec: &FetchSpec,
) -> Result<Option<String>> {
    let mut bytes = Vec::new();
    let mut end = FIRST.min(file.size.unwrap_or(FIRST));
    loop {
        let have = bytes.len() as u64;
        let options = OpenOptions::range(ByteRange { start: have, end }).budget(spec.budget.clone());
        let body = match source.open(version, file, options).await? {
            Opened::File(path) => return local(path).await,
            Opened::Stream(body) => body,
        };
        // A source without ranges sends all from the beginning: what is known already is dropped.
        let Some(mut known) = have.checked_sub(body.start) else { return Ok(None) };
        let mut stream = body.stream;
        while (bytes.len() as u64) < end {
            let Some(chunk) = stream.try_next().await? else { break };
            let dropped = usize::try_from(known).map_or(chunk.len(), |known| known.min(chunk.len()));
            known -= dropped as u64;
            let room = usize::try_from(end).unwrap_or(usize::MAX).saturating_sub(bytes.len());
            bytes.extend(chunk.iter().skip(dropped).take(room));
        }
        let grown = bytes.len() as u64 > have;
        match step(&bytes) {
            Step::Done(name) => return Ok(name),
            Step::More(next) if grown => end = next.min(file.size.unwrap_or(next)),
            Step::More(_) => return Ok(None),
        }
    }
}

async fn local(path: PathBuf) -> Result<Option<String>> {
    blocking(move || of_file(&path)).await
}

enum Step {
    /// The header was read; its quantization, if it names one.
    Done(Option<String>),
    /// Bytes needed, from the beginning of the file.
    More(u64),
}

fn step(bytes: &[u8]) -> Step {
    match Header::parse(bytes) {
        Ok(header) => Step::Done(header.file_type.and_then(|kind| kind.name()).map(str::to_owned)),
        Err(HeaderError::NeedMore { bytes: more }) if more <= MOST && (bytes.len() as u64) < MOST => {
            Step::More(more.max(bytes.len() as u64 * 4).min(MOST))
        }
        Err(_) => Step::Done(None),
    }
}
