//! [`Lockfile`]: commits and digests of models, so that another machine gets exactly those.
//!
//! ```toml
//! format = 1
//!
//! [[models]]
//! reference = "org/name"      # as it is written after `get`
//! model = "org/name"
//! commit = "…"
//!
//! [[models.files]]
//! path = "model.safetensors"
//! size = 1234
//! sha256 = "…"                # for small files of the Hub git_sha1, and sha256 if the file was in the store
//! ```

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::registry::expected::{Expected, ExpectedFile};
use crate::{
    Commit, Digests, Error, ErrorKind, GitSha1, ModelId, ModelRef, RepoPath, Result, Revision, Sha256, place,
    redact_text,
};

/// The format that this build writes.
const FORMAT: u32 = 1;
/// Largest lock file that is read, in bytes: some three hundred thousand files.
const MAX_LOCK: u64 = 64 << 20;
const HEADER: &str = "# Written by `model-cache lock`; `model-cache get --locked` fetches exactly this.\n";

/// A file of a [`LockedModel`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct LockedFile {
    /// Path of the file in the version.
    pub path: RepoPath,
    /// Its size in bytes, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// SHA-256 of its bytes, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Sha256>,
    /// Its git blob id, if it is known. At least one of the two is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git_sha1: Option<GitSha1>,
}

/// A model at one commit, and its files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct LockedModel {
    /// The reference as the user wrote it, without secrets; may be a registered name.
    pub reference: String,
    /// The model that was locked.
    pub model: ModelId,
    /// The commit that was locked.
    pub commit: Commit,
    /// The file or folder of the model, if one was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<RepoPath>,
    /// The quantization, if one was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// Platforms of the registered name: see `registry add --platform`. Empty: for any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub platforms: Vec<String>,
    /// The files, sorted by path.
    pub files: Vec<LockedFile>,
}

/// Models, each at the commit and with the files that were locked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lockfile {
    models: BTreeMap<String, LockedModel>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LockfileText {
    format: u32,
    #[serde(default)]
    models: Vec<LockedModel>,
}

/// Read before the rest, so that a newer format is not taken for a mistake.
#[derive(Deserialize)]
struct LockfileFormat {
    format: u32,
}

impl Lockfile {
    /// Reads a text and checks all of it. `whence` is the file, for errors.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] with the line of what makes no sense.
    pub fn parse(text: &str, whence: &str) -> Result<Self> {
        let wrong = |why: &str| {
            Error::new(ErrorKind::Usage, format!("{whence}: not a lock file: {}", redact_text(why.trim_end())))
                .with_hint("name a lock file")
                .with_reason(crate::Reason::NotLockFile)
        };
        let format = toml::from_str::<LockfileFormat>(text).map_err(|error| wrong(&error.to_string()))?.format;
        if format > FORMAT {
            let text = format!("{whence} has format {format}, this build knows {FORMAT}");
            return Err(Error::new(ErrorKind::Unsupported, text).with_hint("update model-cache"));
        }
        let file: LockfileText = toml::from_str(text).map_err(|error| wrong(&error.to_string()))?;
        let mut lockfile = Self::default();
        for mut model in file.models {
            model.reference = redact_text(&model.reference).into_owned();
            if model.files.is_empty() {
                return Err(wrong(&format!("{} has no files", model.reference)));
            }
            if let Some(why) = model.contradiction() {
                return Err(wrong(&why));
            }
            if let Some(bare) = model.files.iter().find(|file| file.sha256.is_none() && file.git_sha1.is_none()) {
                return Err(wrong(&format!("{} of {} has no digest", bare.path, model.reference)));
            }
            if let Some(twice) = lockfile.models.insert(model.reference.clone(), model) {
                return Err(wrong(&format!("{} is there twice", twice.reference)));
            }
        }
        Ok(lockfile)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// As [`Lockfile::parse`]; [`ErrorKind::NotFound`] when there is no such file.
    pub fn read(path: &Path) -> Result<Self> {
        let failed = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::NotFound => {
                Error::new(ErrorKind::NotFound, format!("{}: lock file not found", path.display()))
                    .with_hint("lock models into it first")
                    .with_reason(crate::Reason::NoLockFile)
                    .with_subject(path.display())
            }
            std::io::ErrorKind::InvalidData | std::io::ErrorKind::IsADirectory => {
                Error::new(ErrorKind::Usage, format!("not a lock file: {error}"))
                    .with_hint("name a lock file")
                    .with_reason(crate::Reason::NotLockFile)
            }
            _ => Error::storage(format_args!("read {}", path.display()), error),
        };
        Self::parse(&cache_fs::read_text(path, MAX_LOCK).map_err(failed)?, &path.display().to_string())
    }

    /// Writes the file in one step.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] or [`ErrorKind::NoSpace`] of the file system.
    pub fn write(&self, path: &Path) -> Result<()> {
        let text = self.to_text()?;
        place::place_text(&text, path).map_err(|error| Error::storage(format_args!("write {}", path.display()), error))
    }

    /// The text of the file: sorted, the same for the same models.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] when it cannot be written down.
    pub fn to_text(&self) -> Result<String> {
        let file = LockfileText { format: FORMAT, models: self.models.values().cloned().collect() };
        let text = toml::to_string(&file)
            .map_err(|error| Error::new(ErrorKind::Storage, format!("the lock cannot be written down: {error}")))?;
        Ok(format!("{HEADER}{text}"))
    }

    /// Adds a model, or replaces what was locked for the same reference.
    pub fn insert(&mut self, model: LockedModel) {
        self.models.insert(model.reference.clone(), model);
    }

    /// The models, sorted by reference.
    pub fn models(&self) -> impl Iterator<Item = &LockedModel> {
        self.models.values()
    }

    /// What was locked for a reference, however it is written.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when nothing was.
    pub fn find(&self, reference: &str) -> Result<&LockedModel> {
        let same = |model: &&LockedModel| {
            let parsed: Option<ModelRef> = model.reference.parse().ok();
            parsed.is_some() && parsed == reference.parse().ok()
        };
        let shown = redact_text(reference);
        self.models.get(&*shown).or_else(|| self.models.values().find(same)).ok_or_else(|| {
            let known: Vec<&str> = self.models.keys().take(12).map(String::as_str).collect();
            Error::new(ErrorKind::NotFound, format!("{shown} is not in the lock file"))
                .with_hint(format!("the lock file has {}", known.join(", ")))
                .with_reason(crate::Reason::NotLocked)
                .with_subject(known.join(", "))
        })
    }
}

impl LockedModel {
    /// Why the locked model is not the one of its reference. A registered name may mean any model.
    fn contradiction(&self) -> Option<String> {
        // Only a text with a slash before any @ is no registered name.
        let is_name = !self.reference.split('@').next().unwrap_or_default().contains('/');
        let named: ModelRef = self.reference.parse().ok().filter(|_| !is_name)?;
        // A relative folder is another one elsewhere.
        let relative = !self.reference.starts_with(['/', '~']) && !self.reference.contains("://");
        let same = match (&named.model, &self.model) {
            (ModelId::Folder(_), ModelId::Folder(_)) if relative => true,
            (named, locked) => named.to_string() == locked.to_string(),
        };
        if !same {
            return Some(format!("{} is locked to another model: {}", self.reference, self.model));
        }
        let commit = named.revision.as_ref().and_then(Revision::as_commit);
        if commit.is_some_and(|commit| commit != self.commit) {
            return Some(format!("{} is locked to another commit: {}", self.reference, self.commit));
        }
        let moved = named.path.is_some() && named.path != self.path;
        moved.then(|| format!("{} is locked to another path", self.reference))
    }

    pub(crate) fn expected(&self) -> Expected {
        let file = |file: &LockedFile| {
            let digests = Digests { sha256: file.sha256, git_sha1: file.git_sha1, ..Digests::default() };
            (file.path.clone(), ExpectedFile { size: file.size, digests })
        };
        Expected::new("the lock file".to_owned(), self.files.iter().map(file).collect())
    }
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "format = 1\n\n[[models]]\nreference = \"o/n\"\nmodel = \"o/n\"\ncommit = \"COMMIT\"\n\n\
                        [[models.files]]\npath = \"x\"\nsize = 1\nsha256 = \"DIGEST\"\n";

    fn text() -> String {
        TEXT.replace("COMMIT", &"a".repeat(40)).replace("DIGEST", &"b".repeat(64))
    }

    #[test]
    fn lockfile_text_round_trips() {
        let lockfile = Lockfile::parse(&text(), "it").unwrap();
        assert_eq!(lockfile.to_text().unwrap(), format!("{HEADER}{}", text()));
        assert_eq!(lockfile.find("hf://o/n").unwrap().reference, "o/n");
        assert_eq!(lockfile.find("o/m").unwrap_err().kind(), ErrorKind::NotFound);
    }

    #[test]
    fn lock_of_another_model_is_refused() {
        let other = format!("o/n@{}", "c".repeat(40));
        let of = |reference: &str, model: &str| {
            let text = text().replace("model = \"o/n\"", &format!("model = {model:?}"));
            text.replace("reference = \"o/n\"", &format!("reference = {reference:?}"))
        };
        for (reference, model, said) in [
            ("o/n", "evil/n", "another model: evil/n"),
            ("hf://o/n", "evil/n", "another model"),
            ("./folder", "o/n", "another model"),
            ("/a/folder", "file:///b/folder", "another model"),
            ("https://host/a.gguf", "https://evil/a.gguf", "another model"),
            (other.as_str(), "o/n", "another commit"),
            ("o/n/x", "o/n", "another path"),
        ] {
            let text = of(reference, model);
            let error = Lockfile::parse(&text, "it").unwrap_err();
            assert!(error.message().contains(said), "{reference}: {error}");
        }
        for (reference, model) in
            [("mine", "o/n"), ("mine@2", "o/n"), ("./folder", "file:///b/folder"), ("hf://o/n", "o/n")]
        {
            let text = of(reference, model);
            assert!(Lockfile::parse(&text, "it").is_ok(), "{reference}");
        }
    }

    #[test]
    fn what_could_not_be_held_to_is_refused() {
        for (from, to, part) in [
            ("sha256 = ", "# ", "no digest"),
            ("size = 1", "size = -1", "line"),
            ("path = \"x\"", "path = \"../x\"", "line"),
            ("format = 1", "format = 9", "format 9"),
            ("size", "siez", "siez"),
        ] {
            let error = Lockfile::parse(&text().replace(from, to), "it").unwrap_err();
            assert!(error.message().contains(part), "{to}: {error}");
        }
        let twice = format!("{}{}", text(), text().replace("format = 1", ""));
        assert!(Lockfile::parse(&twice, "it").unwrap_err().message().contains("twice"));
    }
}
