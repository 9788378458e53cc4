//! [`ModelRef`]: what a user writes.

use std::fmt;
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;

use url::Url;

use crate::{
    Bucket, BucketKind, ModelId, ModelUrl, RefError, RepoKind, RepoName, RepoPath, Revision, has_secrets, redact_text,
};

/// A model, and optionally which revision, which file and which quantization of it.
///
/// `org/name`, `org/name@rev`, `org/name/path`, `hf://org/name@rev/path`, `hf://datasets/org/name`, `org/name:Q4_K_M`,
/// `s3://bucket/prefix`, `gs://…`, `az://…`, `https://host/file.gguf`, `file:///dir`, `./dir`, and the Hub's own web addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelRef {
    /// The model.
    pub model: ModelId,
    /// The revision, if one was written.
    pub revision: Option<Revision>,
    /// One file of it, if one was written.
    pub path: Option<RepoPath>,
    /// The quantization after the colon, as in llama.cpp.
    pub variant: Option<String>,
}

impl ModelRef {
    /// The whole of a model at its default revision.
    #[must_use]
    pub fn of(model: ModelId) -> Self {
        Self { model, revision: None, path: None, variant: None }
    }

    /// The revision, `main` when none was written.
    #[must_use]
    pub fn revision_or_main(&self) -> Revision {
        self.revision.clone().unwrap_or_else(Revision::main)
    }
}

impl From<ModelId> for ModelRef {
    fn from(model: ModelId) -> Self {
        Self::of(model)
    }
}

impl FromStr for ModelRef {
    type Err = RefError;

    fn from_str(text: &str) -> Result<Self, RefError> {
        read(text).map_err(RefError::redacted)
    }
}

impl RefError {
    /// The error with the secrets of the text in it taken out.
    fn redacted(self) -> Self {
        let shown = |text: String| redact_text(&text).into_owned();
        match self {
            Self::Name(text) => Self::Name(shown(text)),
            Self::Revision(text) => Self::Revision(shown(text)),
            Self::Commit(text) => Self::Commit(shown(text)),
            Self::Url(text) => Self::Url(shown(text)),
            Self::Path(error) if has_secrets(&error.to_string()) => Self::Url(SECRET.to_owned()),
            other => other,
        }
    }
}

/// Said of a reference that is no URL and has what looks like a secret parameter or password.
const SECRET: &str = "a reference must not carry a password or a secret parameter: it would be stored and shown";

fn read(text: &str) -> Result<ModelRef, RefError> {
    if let Some(path) = text.strip_prefix("file://") {
        return folder(path);
    }
    if let Some((scheme, rest)) = text.split_once("://") {
        return match scheme {
            "hf" if has_credentials(rest) => Err(RefError::Credentials),
            "hf" => hub(rest),
            "http" | "https" => web(text),
            other => match BucketKind::of_scheme(other) {
                Some(kind) => Ok(ModelRef::of(ModelId::Bucket(Bucket::parse(kind, rest)?))),
                None => Err(RefError::Scheme(other.to_owned())),
            },
        };
    }
    let folder_like = text == "." || text == ".." || ["/", "./", "../"].iter().any(|start| text.starts_with(start));
    if folder_like { folder(text) } else { hub(text) }
}

/// Whether `user:password@` is in front of a name. `name:variant@revision` without an organization reads the same, and is
/// written without `hf://`.
fn has_credentials(text: &str) -> bool {
    let first = text.split('/').next().unwrap_or_default();
    first.find(':').is_some_and(|colon| text[colon..].contains('@'))
}

/// A folder, made absolute by its text alone: nothing is looked up on the disk.
fn folder(text: &str) -> Result<ModelRef, RefError> {
    let path = std::path::absolute(Path::new(text)).map_err(|error| RefError::Url(format!("{text:?}: {error}")))?;
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    Ok(ModelRef::of(ModelId::Folder(plain)))
}

/// `[datasets/|spaces/]org/name[:variant][@revision][/path]`
fn hub(text: &str) -> Result<ModelRef, RefError> {
    if has_secrets(text) {
        return Err(RefError::Url(SECRET.to_owned()));
    }
    let (kind, text) = if let Some(rest) = text.strip_prefix("datasets/") {
        (RepoKind::Dataset, rest)
    } else if let Some(rest) = text.strip_prefix("spaces/") {
        (RepoKind::Space, rest)
    } else {
        (RepoKind::Model, text.strip_prefix("models/").unwrap_or(text))
    };
    let (name, revision, path) = match text.split_once('@') {
        Some((name, rest)) => {
            let (revision, path) = split_revision(rest)?;
            (name, Some(revision), path)
        }
        None => match text.match_indices('/').nth(1) {
            Some((at, _)) => (&text[..at], None, Some(RepoPath::parse(&text[at + 1..])?)),
            None => (text, None, None),
        },
    };
    let (name, variant) = match name.split_once(':') {
        Some((name, variant)) if is_variant(variant) => (name, Some(variant.to_owned())),
        Some(_) => return Err(RefError::Name(text.to_owned())),
        None => (name, None),
    };
    Ok(ModelRef { model: ModelId::Hub { kind, name: RepoName::parse(name)? }, revision, path, variant })
}

fn is_variant(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
}

/// A revision may hold slashes only as `refs/pr/N` and `refs/convert/X`, or percent-encoded, as huggingface_hub has it.
fn split_revision(text: &str) -> Result<(Revision, Option<RepoPath>), RefError> {
    let segments = if text.starts_with("refs/pr/") || text.starts_with("refs/convert/") { 3 } else { 1 };
    let cut = text.match_indices('/').nth(segments - 1).map(|(at, _)| at);
    let (revision, path) = match cut {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let revision = revision.replace("%2F", "/").replace("%2f", "/");
    let path = path.filter(|path| !path.is_empty()).map(RepoPath::parse).transpose()?;
    Ok((Revision::parse(&revision)?, path))
}

fn web(text: &str) -> Result<ModelRef, RefError> {
    let url = ModelUrl::parse(text)?;
    match url.public().host_str() {
        Some("huggingface.co" | "hf.co" | "www.huggingface.co") => hub_page(url.public()),
        _ => Ok(ModelRef::of(ModelId::Url(url))),
    }
}

/// `https://huggingface.co/[datasets/]org/name[/(tree|blob|resolve)/rev[/path]]`, as copied from a browser.
fn hub_page(url: &Url) -> Result<ModelRef, RefError> {
    let path = url.path().trim_matches('/');
    for verb in ["/resolve/", "/blob/", "/tree/", "/raw/"] {
        if let Some((name, rest)) = path.split_once(verb) {
            return hub(&format!("{name}@{rest}"));
        }
    }
    hub(path)
}

impl fmt::Display for ModelRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.model)?;
        if let Some(variant) = &self.variant {
            write!(f, ":{variant}")?;
        }
        if let Some(revision) = &self.revision {
            write!(f, "@{revision}")?;
        }
        if let Some(path) = &self.path {
            write!(f, "/{path}")?;
        }
        Ok(())
    }
}

impl TryFrom<String> for ModelId {
    type Error = RefError;

    fn try_from(text: String) -> Result<Self, RefError> {
        if let Some(path) = text.strip_prefix("file://") {
            let path = Path::new(path);
            return if path.is_absolute() { Ok(Self::Folder(path.to_path_buf())) } else { Err(RefError::Name(text)) };
        }
        text.parse::<ModelRef>().map(|reference| reference.model)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> ModelRef {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn what_people_write() {
        for (text, shown) in [
            ("org/name", "org/name"),
            ("gpt2", "gpt2"),
            ("hf://org/name@v1.0/sub/x.bin", "org/name@v1.0/sub/x.bin"),
            ("org/name/sub/x.bin", "org/name/sub/x.bin"),
            ("hf://datasets/org/name", "hf://datasets/org/name"),
            ("hf://spaces/o/n@refs/pr/7", "hf://spaces/o/n@refs/pr/7"),
            ("org/name@refs%2Fpr%2F7/x", "org/name@refs/pr/7/x"),
            ("org/name:Q4_K_M", "org/name:Q4_K_M"),
            ("https://host/a/b.gguf", "https://host/a/b.gguf"),
            ("https://huggingface.co/org/name", "org/name"),
            ("https://huggingface.co/datasets/org/name/resolve/main/d.csv", "hf://datasets/org/name@main/d.csv"),
            ("s3://bucket/a/b/", "s3://bucket/a/b"),
            ("gs://bucket", "gs://bucket"),
            ("/data/model", "file:///data/model"),
            ("file:///data/x/../model", "file:///data/model"),
        ] {
            assert_eq!(parse(text).to_string(), shown, "{text}");
            assert_eq!(parse(&parse(text).model.to_string()).model, parse(text).model);
        }
    }

    #[test]
    fn what_is_refused() {
        for text in [
            "",
            "a/b@",
            "a--b/c",
            "-x/y",
            "../../etc/../x@",
            "a/b@../x",
            "a/b/../c",
            "ftp://x/y",
            "https://user:pw@host/x",
            "a/b:",
            "http://",
            "a/b@x\0",
            "org/na me",
            "org/name@main/../../x",
            "s3://bucket/../x",
            "s3:///x",
            "a/b/c//d",
        ] {
            if !text.starts_with("..") {
                assert!(text.parse::<ModelRef>().is_err(), "{text:?} was let through");
            }
        }
    }

    #[test]
    fn credentials_of_a_hub_reference_are_refused() {
        for text in ["hf://me:hush@org/name", "hf://me:hu$h@org/name", "hf://me:@org/name", "hf://me:hu/sh@org/name@v1"]
        {
            let error = crate::Error::from(text.parse::<ModelRef>().unwrap_err());
            assert_eq!(error.message(), "credentials in a reference are not supported", "{text}");
            assert_eq!(error.kind(), crate::ErrorKind::Usage);
            assert!(error.hint().is_some_and(|hint| hint.contains("hf auth login")), "{error:?}");
        }
        assert_eq!(parse("hf://org/name:Q4@main/x").to_string(), "org/name:Q4@main/x");
        assert_eq!(parse("gpt2:Q4@main/x").to_string(), "gpt2:Q4@main/x");
    }

    #[test]
    fn folder_names_are_one_safe_segment() {
        for text in [
            "org/name",
            "https://host/%2e%2e/a:b?x=1",
            "https://host/",
            "/",
            "/tmp/äö",
            "hf://datasets/a/b",
            "az://c/x/y",
        ] {
            let name = parse(text).model.folder_name();
            assert!(RepoPath::parse(&name).is_ok_and(|path| path.segments().count() == 1), "{name}");
        }
    }
}
