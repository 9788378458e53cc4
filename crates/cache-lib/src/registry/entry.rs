//! Entries of the registry: the versions of a name.

use std::collections::BTreeMap;

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::registry::name::{Name, VersionSelector, check_tag};
use crate::registry::platform;
use crate::{Commit, Error, ErrorKind, ModelId, ModelRef, RefText, RepoPath, Result, Sha256};

/// One version of a name: reference, digests and platforms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct EntryVersion {
    /// The reference, as a user would write it. It is not looked up in the registry again.
    pub reference: RefText,
    /// The commit, if the reference is held at one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<Commit>,
    /// The digest of the one file, for a reference to one file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Sha256>,
    /// Machines that it is for: see `registry add --platform`. Empty: for any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub platforms: Vec<String>,
    /// Fallbacks in order, if it is not available: references, or `:Q5_K_M` for another quantization.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fallbacks: Vec<RefText>,
    /// Moving names of this version, such as `stable`. A tag is on one version of a name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The digests of files, by path.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<RepoPath, Sha256>,
}

impl EntryVersion {
    /// A version that is no more than another name for a reference.
    pub fn new(reference: impl Into<RefText>) -> Self {
        Self {
            reference: reference.into(),
            commit: None,
            sha256: None,
            platforms: Vec::new(),
            fallbacks: Vec::new(),
            tags: Vec::new(),
            files: BTreeMap::new(),
        }
    }

    /// The reference, held at the commit if there is one.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when the text is no reference.
    pub fn target(&self) -> Result<ModelRef> {
        let mut reference = self.reference.parse()?;
        if let Some(commit) = &self.commit {
            reference.revision = Some(commit.as_str().parse()?);
        }
        Ok(reference)
    }

    /// The fallbacks as references.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when one is no reference.
    pub fn fallbacks(&self) -> Result<Vec<ModelRef>> {
        let read = |text: &RefText| match text.expose().strip_prefix(':') {
            None => text.parse().map_err(Error::from),
            Some(variant) => {
                let target = self.target()?;
                // Parsed in its place, so that it is checked as one that a user writes.
                let other: ModelRef = format!("name:{variant}").parse()?;
                Ok(ModelRef { variant: other.variant, path: None, ..target })
            }
        };
        self.fallbacks.iter().map(read).collect()
    }

    /// Writes relative folders out in full: what a name means must not depend on where it is used.
    pub(crate) fn settle(&mut self) -> Result<()> {
        for text in std::iter::once(&mut self.reference).chain(&mut self.fallbacks) {
            if !text.expose().starts_with(':')
                && let reference = text.parse()?
                && let ModelId::Folder(_) = reference.model
            {
                *text = reference.to_string().into();
            }
        }
        Ok(())
    }

    /// Refuses what could only be stored without its secrets, and would then lead nowhere.
    pub(crate) fn check_secrets(&self) -> Result<()> {
        match std::iter::once(&self.reference).chain(&self.fallbacks).find(|text| text.has_secrets()) {
            None => Ok(()),
            Some(text) => Err(Error::new(
                ErrorKind::Usage,
                format!("{text}: the reference has secret parameters, which the registry does not store"),
            )
            .with_hint("register the address without them, or get it by its whole address")),
        }
    }

    /// Checks all fields.
    pub(crate) fn check(&self) -> Result<()> {
        let target = self.target()?;
        let written = self.reference.parse()?.revision;
        if written.is_some() && self.commit.is_some() && written != target.revision && written_commit(&written) {
            return Err(Error::new(
                ErrorKind::Usage,
                format!("{} names another commit than the entry", self.reference),
            ));
        }
        self.fallbacks()?;
        self.platforms.iter().try_for_each(|word| platform::check(word))?;
        self.tags.iter().try_for_each(|tag| check_tag(tag))
    }
}

fn written_commit(revision: &Option<crate::Revision>) -> bool {
    revision.as_ref().is_some_and(|revision| revision.as_commit().is_some())
}

/// A name and its versions.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Entry {
    /// The versions, lowest first. Never empty in a registry.
    pub versions: BTreeMap<Version, EntryVersion>,
}

impl Entry {
    /// The default version: the highest that is no pre-release, else the highest.
    #[must_use]
    pub fn latest(&self) -> Option<&Version> {
        let released = self.versions.keys().rev().find(|version| version.pre.is_empty());
        released.or_else(|| self.versions.keys().next_back())
    }

    pub(crate) fn choose(&self, which: &VersionSelector) -> Option<(&Version, &EntryVersion)> {
        match which {
            VersionSelector::Latest => self.latest().and_then(|version| self.versions.get_key_value(version)),
            VersionSelector::Exact(version) => self.versions.get_key_value(version),
            VersionSelector::Requirement(wanted) => {
                self.versions.iter().rev().find(|(version, _)| wanted.matches(version))
            }
            VersionSelector::Tag(tag) => self.versions.iter().find(|(_, version)| version.tags.contains(tag)),
        }
    }

    /// The versions and tags, for people.
    pub(crate) fn choices(&self) -> String {
        let one = |(version, entry): (&Version, &EntryVersion)| match entry.tags.is_empty() {
            true => version.to_string(),
            false => format!("{version} ({})", entry.tags.join(", ")),
        };
        let all: Vec<String> = self.versions.iter().rev().take(12).map(one).collect();
        let more = self.versions.len().saturating_sub(all.len());
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("{}{more}", all.join(", "))
    }

    pub(crate) fn check(&self, name: &Name) -> Result<()> {
        if self.versions.is_empty() {
            return Err(Error::new(ErrorKind::Usage, format!("{name} has no version")));
        }
        let mut tags = std::collections::BTreeSet::new();
        for (version, entry) in &self.versions {
            entry.check().map_err(|error| error.context(format!("{name}@{version}")))?;
            for tag in &entry.tags {
                if !tags.insert(tag) {
                    return Err(Error::new(ErrorKind::Usage, format!("{name} has the tag {tag} twice")));
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(versions: &[&str]) -> Entry {
        let versions = versions.iter().map(|text| (text.parse().unwrap(), EntryVersion::new(format!("o/n@v{text}"))));
        Entry { versions: versions.collect() }
    }

    #[test]
    fn version_requirements_choose_the_highest() {
        let mut entry = entry(&["1.0.0", "1.2.0", "1.10.1", "2.0.0-rc.1"]);
        entry.versions.get_mut(&"1.2.0".parse().unwrap()).unwrap().tags.push("stable".to_owned());
        for (which, version) in [
            ("a", "1.10.1"),
            ("a@latest", "1.10.1"),
            ("a@^1.2", "1.10.1"),
            ("a@~1.2", "1.2.0"),
            ("a@>=1, <1.10", "1.2.0"),
            ("a@1.0.0", "1.0.0"),
            ("a@1", "1.10.1"),
            ("a@2.0.0-rc.1", "2.0.0-rc.1"),
            ("a@stable", "1.2.0"),
            ("a@^2", ""),
            ("a@main", ""),
        ] {
            let which_text = crate::registry::name::NameText::read(which).unwrap();
            let chosen = entry.choose(&which_text.which).map(|(version, _)| version.to_string());
            assert_eq!(chosen.unwrap_or_default(), version, "{which}");
        }
        let only_rc = self::entry(&["2.0.0-rc.1", "2.0.0-rc.2"]);
        assert_eq!(only_rc.latest().unwrap().to_string(), "2.0.0-rc.2");
    }

    #[test]
    fn fallbacks_are_references_or_variants() {
        let mut version = EntryVersion::new("org/name:Q4_K_M");
        version.commit = Some(Commit::parse(&"a".repeat(40)).unwrap());
        version.fallbacks = vec![":Q5_K_M".into(), "other/name".into()];
        let fallbacks: Vec<String> = version.fallbacks().unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(fallbacks, [format!("org/name:Q5_K_M@{}", "a".repeat(40)), "other/name".to_owned()]);
        version.fallbacks = vec![":a/b".into()];
        assert!(version.check().is_err());
    }
}
