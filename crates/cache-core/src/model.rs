//! Which model: its identity, its revisions and its pinned versions.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::Digest as _;

use crate::{Bucket, ModelUrl, RefError, RepoPath, Sha256};

/// Kind of a Hub repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RepoKind {
    /// A model.
    Model,
    /// A dataset.
    Dataset,
    /// A space.
    Space,
}

impl RepoKind {
    /// `models`, `datasets` or `spaces`: the word in API routes and cache folders.
    #[must_use]
    pub fn plural(self) -> &'static str {
        match self {
            Self::Model => "models",
            Self::Dataset => "datasets",
            Self::Space => "spaces",
        }
    }
}

/// A repository's name on the Hub: `org/name`, or a bare `name`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RepoName(String);

impl RepoName {
    /// Checks a name by the Hub's own rule: one or two segments of `[A-Za-z0-9._-]`, at most 96 characters a segment,
    /// no `--` and no `..`, not starting or ending in `-` or `.` (huggingface_hub, `validate_repo_id`).
    ///
    /// # Errors
    /// [`RefError::Name`] when the name breaks the rule.
    pub fn parse(text: &str) -> Result<Self, RefError> {
        let fine = |segment: &str| {
            !segment.is_empty()
                && segment.len() <= 96
                && segment.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
                && !segment.starts_with(['-', '.'])
                && !segment.ends_with(['-', '.'])
                && !segment.contains("--")
                && !segment.contains("..")
        };
        if text.split('/').count() > 2 || !text.split('/').all(fine) || RepoPath::parse(text).is_err() {
            return Err(RefError::Name(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }

    /// The name as the Hub writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RepoName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Identity of a model, independent of the revision.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
#[non_exhaustive]
pub enum ModelId {
    /// A repository on the Hugging Face Hub or a mirror of it.
    Hub {
        /// Model, dataset or space.
        kind: RepoKind,
        /// `org/name`.
        name: RepoName,
    },
    /// One file behind a plain `http` or `https` URL.
    Url(ModelUrl),
    /// A prefix, or one object, in an object store.
    Bucket(Bucket),
    /// A folder on this machine, as an absolute path.
    Folder(PathBuf),
}

impl ModelId {
    /// A model on the Hub.
    ///
    /// # Errors
    /// [`RefError::Name`] when the name is not one the Hub would accept.
    pub fn hub(name: &str) -> Result<Self, RefError> {
        Ok(Self::Hub { kind: RepoKind::Model, name: RepoName::parse(name)? })
    }

    /// Whether this is a repository on the Hugging Face Hub or a mirror of it.
    #[must_use]
    pub fn is_hub(&self) -> bool {
        matches!(self, Self::Hub { .. })
    }

    /// The word for the kind of source: `hf`, `http`, `s3`, `gs`, `az` or `local`. Names the folder in the store.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        match self {
            Self::Hub { .. } => "hf",
            Self::Url(_) => "http",
            Self::Bucket(bucket) => bucket.kind().scheme(),
            Self::Folder(_) => "local",
        }
    }

    /// The model's folder name in the store and in the view: one segment, readable, the same for ever.
    ///
    /// For the Hub it is the name that Hugging Face programs use (`models--org--name`). For the others it is the last
    /// part of the name and 16 digits of the SHA-256 of the whole.
    #[must_use]
    pub fn folder_name(&self) -> String {
        match self {
            Self::Hub { kind, name } => format!("{}--{}", kind.plural(), name.0.replace('/', "--")),
            Self::Url(url) => {
                let url = url.public();
                readable(url.path().rsplit('/').next().unwrap_or_default(), url.as_str().as_bytes())
            }
            Self::Bucket(bucket) => {
                let name = bucket.prefix().and_then(|prefix| prefix.segments().last()).unwrap_or(bucket.name());
                readable(name, bucket.to_string().as_bytes())
            }
            Self::Folder(path) => {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                readable(&name, path.as_os_str().as_encoded_bytes())
            }
        }
    }
}

fn readable(name: &str, identity: &[u8]) -> String {
    let clean: String =
        name.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')).take(80).collect();
    let digest = Sha256::from_bytes(sha2::Sha256::digest(identity).into()).to_string();
    let clean = clean.trim_matches(['.', '-']);
    format!("{}-{}", if clean.is_empty() { "file" } else { clean }, &digest[..16])
}

/// Prints the reference that leads here again. Signed queries and credentials never appear.
impl fmt::Display for ModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hub { kind: RepoKind::Model, name } => write!(f, "{name}"),
            Self::Hub { kind, name } => write!(f, "hf://{}/{name}", kind.plural()),
            Self::Url(url) => write!(f, "{url}"),
            Self::Bucket(bucket) => write!(f, "{bucket}"),
            Self::Folder(path) => write!(f, "file://{}", path.display()),
        }
    }
}

impl From<ModelId> for String {
    fn from(model: ModelId) -> String {
        model.to_string()
    }
}

/// A moving or fixed name of a version: a branch, a tag, `refs/pr/7`, or a commit.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Revision(RepoPath);

impl Revision {
    /// Checks a name. A revision becomes a path in the store, so it follows the rules of [`RepoPath`].
    ///
    /// # Errors
    /// [`RefError::Revision`] when the name could not be a path, or is over 200 bytes.
    pub fn parse(text: &str) -> Result<Self, RefError> {
        match RepoPath::parse(text) {
            Ok(path) if text.len() <= 200 => Ok(Self(path)),
            _ => Err(RefError::Revision(text.to_owned())),
        }
    }

    /// `main`: what is meant when nothing is said.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a constant that the tests parse")]
    pub fn main() -> Self {
        Self::parse("main").expect("main is a revision")
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The name as a checked path.
    #[must_use]
    pub fn as_path(&self) -> &RepoPath {
        &self.0
    }

    /// The commit, if the name is a whole one: it then never moves.
    #[must_use]
    pub fn as_commit(&self) -> Option<Commit> {
        Commit::parse(self.as_str()).ok()
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Revision {
    type Err = RefError;

    fn from_str(text: &str) -> Result<Self, RefError> {
        Self::parse(text)
    }
}

impl<'de> Deserialize<'de> for Revision {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// A pinned version: a git commit (40 hexadecimal digits), or a SHA-256 over the listing (64) for a source without
/// commits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Commit(String);

impl Commit {
    /// Checks a commit: 40 or 64 lower-case hexadecimal digits.
    ///
    /// # Errors
    /// [`RefError::Commit`] for anything else.
    pub fn parse(text: &str) -> Result<Self, RefError> {
        let hex = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if hex && matches!(text.len(), 40 | 64) {
            Ok(Self(text.to_owned()))
        } else {
            Err(RefError::Commit(text.to_owned()))
        }
    }

    /// The commit that a digest stands for.
    pub(crate) fn of_digest(digest: Sha256) -> Self {
        Self(digest.to_string())
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first twelve digits, as git shows them.
    #[must_use]
    pub fn short(&self) -> &str {
        self.0.get(..12).unwrap_or(&self.0)
    }
}

impl fmt::Display for Commit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Commit {
    type Err = RefError;

    fn from_str(text: &str) -> Result<Self, RefError> {
        Self::parse(text)
    }
}

impl<'de> Deserialize<'de> for Commit {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// A model at a commit: it never changes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Version {
    /// The model.
    pub model: ModelId,
    /// Pinned where.
    pub commit: Commit,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.model, self.commit)
    }
}
