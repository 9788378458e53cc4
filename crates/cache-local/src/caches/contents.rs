//! What a folder of another program holds, and how it is read.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use cache_core::{Error, ErrorKind, Manifest, ModelId, RepoPath, Result, Revision};

use crate::error;

/// The program it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CacheKind {
    /// `~/.cache/huggingface/hub`: repositories with refs, snapshots and blobs.
    HuggingFace,
    /// `~/.ollama/models`: OCI manifests and blobs.
    Ollama,
    /// `~/.lmstudio/models`: `<publisher>/<repository>/<file>`.
    LmStudio,
}

impl CacheKind {
    /// The word for it: `hf`, `ollama` or `lmstudio`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HuggingFace => "hf",
            Self::Ollama => "ollama",
            Self::LmStudio => "lmstudio",
        }
    }
}

impl fmt::Display for CacheKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for CacheKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let known = [Self::HuggingFace, Self::Ollama, Self::LmStudio];
        known.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| {
            Error::new(ErrorKind::Usage, format!("{text:?} is not a known layout"))
                .with_hint("write hf, ollama or lmstudio")
        })
    }
}

/// Name of a model in its program.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CachedName {
    /// `llama3.2`, or `publisher/repository`.
    pub name: String,
    /// `1b` or `latest`, where the program has such tags.
    pub tag: Option<String>,
}

/// A version in another program's folder.
#[derive(Debug)]
#[non_exhaustive]
pub struct CachedVersion {
    /// Manifest; partial if its program knows only the files it has.
    pub manifest: Manifest,
    /// Paths of the files, or why they cannot be adopted. Files that the program lacks are missing.
    pub files: BTreeMap<RepoPath, Result<PathBuf>>,
    /// The moving names that lead to it.
    pub revisions: Vec<Revision>,
    /// Its name in its program, where that is no reference to it.
    pub called: Option<CachedName>,
}

/// Content of another program's folder.
#[derive(Debug)]
#[non_exhaustive]
pub struct CacheContents {
    /// The program it belongs to.
    pub kind: CacheKind,
    /// The versions in it, in the order of their names.
    pub versions: Vec<CachedVersion>,
    /// Invalid versions and their errors.
    pub refused: Vec<(PathBuf, Error)>,
}

impl CacheContents {
    pub(super) fn new(kind: CacheKind) -> Self {
        Self { kind, versions: Vec::new(), refused: Vec::new() }
    }

    pub(super) fn take(&mut self, path: PathBuf, found: Result<Option<CachedVersion>>) {
        match found {
            Ok(found) => self.versions.extend(found),
            Err(error) => self.refused.push((path, error)),
        }
    }
}

/// The names in a folder that are text, in order; none if it is no folder.
pub(super) fn names(folder: &Path) -> Result<Vec<String>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut names = Vec::new();
    for entry in fs_err::read_dir(folder).map_err(error::read)? {
        names.extend(entry.map_err(error::read)?.file_name().into_string().ok());
    }
    names.sort_unstable();
    Ok(names)
}

/// The folder as a model of this machine.
pub(super) fn as_model(folder: &Path) -> Result<ModelId> {
    Ok(ModelId::try_from(format!("file://{}", folder.display()))?)
}
