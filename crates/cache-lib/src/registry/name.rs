//! Names, and the text after them: `NAME[:VARIANT][@WHICH[/PATH]]`.

use std::fmt;
use std::str::FromStr;

use semver::{Version, VersionReq};
use serde::{Deserialize, Serialize};

use crate::{Error, ErrorKind, RepoPath, Result, redact_text};

/// Longest name, in bytes.
const MAX_NAME: usize = 64;

/// A registered name: `[a-z0-9][a-z0-9._-]{0,63}`. It has no slash, so it never hides an `org/name`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Name(String);

impl Name {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A name made of another text, such as a model's: what no name can hold becomes a hyphen.
    pub(crate) fn derived(text: &str) -> Option<Self> {
        let last = text.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
        let fine: String = last.chars().map(|c| if is_fine(c) { c } else { '-' }).take(MAX_NAME).collect();
        fine.trim_matches(['-', '.', '_']).parse().ok()
    }
}

fn is_fine(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-')
}

fn is_name(text: &str) -> bool {
    text.len() <= MAX_NAME
        && text.chars().all(is_fine)
        && text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Name {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if is_name(text) {
            return Ok(Self(text.to_owned()));
        }
        Err(Error::new(ErrorKind::Usage, format!("{:?} cannot be a registered name", redact_text(text)))
            .with_hint("a name has up to 64 of a-z 0-9 . _ - and begins with a letter or a digit"))
    }
}

impl TryFrom<String> for Name {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Name> for String {
    fn from(name: Name) -> String {
        name.0
    }
}

/// Selects a version of a name: the text after `@`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum VersionSelector {
    /// Nothing, or `latest`: the highest version that is no pre-release, else the highest.
    Latest,
    /// One version.
    Exact(Version),
    /// The highest version that this allows.
    Requirement(VersionReq),
    /// The version with this tag.
    Tag(String),
}

impl VersionSelector {
    fn parse(text: &str) -> Self {
        if text == "latest" {
            return Self::Latest;
        }
        if let Ok(version) = Version::parse(text) {
            return Self::Exact(version);
        }
        VersionReq::parse(text).map_or_else(|_| Self::Tag(text.to_owned()), Self::Requirement)
    }
}

impl fmt::Display for VersionSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latest => f.write_str("latest"),
            Self::Exact(version) => version.fmt(f),
            Self::Requirement(requirement) => requirement.fmt(f),
            Self::Tag(tag) => f.write_str(tag),
        }
    }
}

/// Refuses a tag that reads as a version or a requirement.
///
/// # Errors
/// [`ErrorKind::Usage`] when it could be taken for one of them.
pub(crate) fn check_tag(tag: &str) -> Result<()> {
    if is_name(tag) && matches!(VersionSelector::parse(tag), VersionSelector::Tag(_)) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Usage, format!("{tag:?} cannot be a tag"))
        .with_hint("a tag is a word such as stable; latest, versions and requirements are taken"))
}

/// A text that may be a registered name, in its parts.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NameText<'a> {
    pub(crate) name: &'a str,
    pub(crate) variant: Option<&'a str>,
    pub(crate) which: VersionSelector,
    pub(crate) path: Option<&'a str>,
}

impl<'a> NameText<'a> {
    /// Reads a text. `None` when it can only be something else. Costs nothing for `org/name`.
    pub(crate) fn read(text: &'a str) -> Option<Self> {
        let (head, which, path) = match text.split_once('@') {
            None => (text, VersionSelector::Latest, None),
            Some((head, rest)) => {
                let (which, path) = rest.split_once('/').map_or((rest, None), |(which, path)| (which, Some(path)));
                (head, VersionSelector::parse(which), path)
            }
        };
        let (name, variant) = head.split_once(':').map_or((head, None), |(name, variant)| (name, Some(variant)));
        // Schemes and paths have a slash here.
        let plain = variant.is_none_or(|variant| !variant.is_empty() && !variant.contains('/'));
        (plain && is_name(name)).then_some(Self { name, variant, which, path })
    }

    /// The path inside the model, if one was written.
    pub(crate) fn path(&self) -> Result<Option<RepoPath>> {
        Ok(self.path.filter(|path| !path.is_empty()).map(RepoPath::parse).transpose()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_texts_are_parsed() {
        let read = |text| NameText::read(text).map(|w| (w.name, w.variant, w.which.to_string(), w.path));
        assert_eq!(read("llama"), Some(("llama", None, "latest".to_owned(), None)));
        assert_eq!(read("llama@1.2.0"), Some(("llama", None, "1.2.0".to_owned(), None)));
        assert_eq!(read("a:Q4_K_M@^1.2/x/y"), Some(("a", Some("Q4_K_M"), "^1.2".to_owned(), Some("x/y"))));
        assert_eq!(NameText::read("a@>=1,<2").unwrap().which, VersionSelector::Requirement(">=1, <2".parse().unwrap()));
        assert_eq!(NameText::read("a@stable").unwrap().which, VersionSelector::Tag("stable".to_owned()));
        for text in ["org/name", "org/name@1.0.0", "./x", "https://h/x", "hf://gpt2", "GPT", "", "-a", "/a", "a b"] {
            assert!(NameText::read(text).is_none(), "{text}");
        }
    }

    #[test]
    fn names_are_derived_from_models() {
        let derived = |text| Name::derived(text).map(String::from);
        assert_eq!(derived("org/Meta-Llama-3.1"), Some("meta-llama-3.1".to_owned()));
        assert_eq!(derived("s3://bucket/a b/"), Some("a-b".to_owned()));
        assert_eq!(derived("org/---"), None);
    }

    #[test]
    fn tags_that_read_as_versions_are_refused() {
        for tag in ["stable", "v2-rc", "prod.eu"] {
            check_tag(tag).unwrap();
        }
        for tag in ["latest", "1.2.3", "1", "x", "*", "Big", ""] {
            assert!(check_tag(tag).is_err(), "{tag}");
        }
    }
}
