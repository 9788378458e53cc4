//! Folders in which other programs keep their models: what lies in them, version by version.
//!
//! Nothing is written and no model file is read: whoever takes a file compares it with the digest that its entry gives.

mod hub;
mod lm_studio;
mod ollama;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use cache_core::{Error, ErrorKind, Manifest, ModelId, RepoPath, Result, Revision};

pub(crate) use ollama::Image;

use crate::trouble;

/// Whose folder it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// `~/.cache/huggingface/hub`: repositories with refs, snapshots and blobs.
    HuggingFace,
    /// `~/.ollama/models`: OCI manifests and blobs.
    Ollama,
    /// `~/.lmstudio/models`: `<publisher>/<repository>/<file>`.
    LmStudio,
}

impl Kind {
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

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Kind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let known = [Self::HuggingFace, Self::Ollama, Self::LmStudio];
        known.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| {
            Error::new(ErrorKind::Usage, format!("{text:?} is no kind of folder"))
                .with_hint("there are hf, ollama and lmstudio")
        })
    }
}

/// What its program calls a model.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Called {
    /// `llama3.2`, or `publisher/repository`.
    pub name: String,
    /// `1b` or `latest`, where the program has such tags.
    pub tag: Option<String>,
}

/// A version in another program's folder.
#[derive(Debug)]
#[non_exhaustive]
pub struct Found {
    /// What it consists of; partial where its program says only what it has of it.
    pub manifest: Manifest,
    /// Where the bytes of files lie, or why they cannot be taken. A file that the program never had is not in it.
    pub files: BTreeMap<RepoPath, Result<PathBuf>>,
    /// The moving names that lead to it.
    pub revisions: Vec<Revision>,
    /// Its name in its program, where that is no reference to it.
    pub called: Option<Called>,
}

/// What another program's folder holds.
#[derive(Debug)]
#[non_exhaustive]
pub struct Contents {
    /// Whose folder it is.
    pub kind: Kind,
    /// The versions in it, in the order of their names.
    pub versions: Vec<Found>,
    /// What should be a version and is none, and why.
    pub refused: Vec<(PathBuf, Error)>,
}

impl Contents {
    fn new(kind: Kind) -> Self {
        Self { kind, versions: Vec::new(), refused: Vec::new() }
    }

    fn take(&mut self, path: PathBuf, found: Result<Option<Found>>) {
        match found {
            Ok(found) => self.versions.extend(found),
            Err(error) => self.refused.push((path, error)),
        }
    }
}

/// Looks into a folder, or into the folder in it that its program keeps the models in. Blocks.
///
/// # Errors
/// [`ErrorKind::NotFound`] without the folder; [`ErrorKind::Usage`] when it is not of the kind, or of none that is known.
pub fn look(folder: &Path, kind: Option<Kind>) -> Result<Contents> {
    let folder = std::path::absolute(folder).map_err(trouble::read)?;
    if folder.to_str().is_none() {
        return Err(Error::new(ErrorKind::Usage, format!("{} is not UTF-8", folder.display()))
            .with_hint("rename the folder, or give a link to it"));
    }
    if !folder.is_dir() {
        return Err(trouble::no_folder(&folder));
    }
    let found = match kind {
        Some(kind) => find(&folder, kind)?.map(|top| (kind, top)),
        None => {
            let mut found = None;
            for kind in [Kind::HuggingFace, Kind::Ollama, Kind::LmStudio] {
                found = match found {
                    None => find(&folder, kind)?.map(|top| (kind, top)),
                    found => found,
                };
            }
            found
        }
    };
    let Some((kind, top)) = found else {
        let what = kind.map_or("of no program that is known".to_owned(), |kind| format!("no folder of {kind}"));
        return Err(Error::new(ErrorKind::Usage, format!("{} is {what}", folder.display())).with_hint(
            "known are a Hugging Face cache (~/.cache/huggingface/hub), Ollama's models (~/.ollama/models) and \
             LM Studio's (~/.lmstudio/models); --kind says which it is",
        ));
    };
    match kind {
        Kind::HuggingFace => hub::contents(&top),
        Kind::Ollama => ollama::contents(&top),
        Kind::LmStudio => lm_studio::contents(&top),
    }
}

/// The folder itself or one in it, whichever is of the kind.
fn find(folder: &Path, kind: Kind) -> Result<Option<PathBuf>> {
    let (inside, is): (&str, fn(&Path) -> Result<bool>) = match kind {
        Kind::HuggingFace => ("hub", hub::is_cache),
        Kind::Ollama => ("models", |folder| Ok(ollama::is_store(folder))),
        Kind::LmStudio => ("models", lm_studio::is_store),
    };
    for top in [folder.to_path_buf(), folder.join(inside)] {
        if is(&top)? {
            return Ok(Some(top));
        }
    }
    Ok(None)
}

/// The names in a folder that are text, in order; none if it is no folder.
fn names(folder: &Path) -> Result<Vec<String>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut names = Vec::new();
    for entry in fs_err::read_dir(folder).map_err(trouble::read)? {
        names.extend(entry.map_err(trouble::read)?.file_name().into_string().ok());
    }
    names.sort_unstable();
    Ok(names)
}

/// The folder as a model of this machine.
fn as_model(folder: &Path) -> Result<ModelId> {
    Ok(ModelId::try_from(format!("file://{}", folder.display()))?)
}
