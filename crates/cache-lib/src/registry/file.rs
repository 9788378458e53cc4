//! [`Registry`]: names of models, and the file they are kept in.
//!
//! ```toml
//! format = 1
//!
//! [models.llama."1.2.0"]
//! reference = "org/Llama-GGUF:Q4_K_M"                          # as one writes it after `get`
//! commit = "…"                                                 # held at this commit
//! sha256 = "…"                                                 # of the one file, or by path in `files`
//! platforms = ["linux-x86_64", "avx2"]
//! fallbacks = [":Q5_K_M", "other/Llama-GGUF:Q4_K_M"]
//! tags = ["stable"]
//!
//! [models.llama."1.2.0".files]
//! "config.json" = "…"
//! ```
//!
//! A key that is not known is refused with its line: what is passed over in silence may be the limit that was meant.

use std::collections::BTreeMap;

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::registry::entry::{Entry, EntryVersion};
use crate::registry::name::{Name, NameText};
use crate::{Error, ErrorKind, Result, redact_text};

/// The format that this build writes.
const FORMAT: u32 = 1;
const HEADER: &str = "# Names of models, kept by `model-cache registry`. Comments are not kept.\n";

/// Names for models. A copy of the file; [`Cache::change_registry`](crate::Cache::change_registry) changes it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Registry {
    models: BTreeMap<Name, Entry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RegistryText {
    format: u32,
    #[serde(default)]
    models: BTreeMap<Name, Entry>,
}

/// Read where the whole cannot be, so that a newer format is not taken for a mistake.
#[derive(Deserialize)]
struct RegistryFormat {
    format: u32,
}

impl Registry {
    /// Reads a text and checks all of it. `whence` is the file, for errors.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] with the line of what makes no sense.
    pub fn parse(text: &str, whence: &str) -> Result<Self> {
        let registry = Self::parse_unchecked(text, whence)?;
        for (name, entry) in &registry.models {
            entry.check(name).map_err(|error| error.context(whence))?;
        }
        Ok(registry)
    }

    /// Reads a text without checking its entries: a lookup of one name must be quick.
    pub(crate) fn parse_unchecked(text: &str, whence: &str) -> Result<Self> {
        let wrong = |error: &dyn std::fmt::Display| {
            Error::new(
                ErrorKind::Usage,
                format!("{whence}: not a registry: {}", redact_text(error.to_string().trim_end())),
            )
            .with_hint("fix the line, or move the file away and import the names again")
        };
        let newer = |format: u32| {
            Error::new(ErrorKind::Unsupported, format!("{whence} has format {format}, this build knows {FORMAT}"))
                .with_hint("update model-cache")
        };
        match toml::from_str::<RegistryText>(text) {
            Ok(file) if file.format > FORMAT => Err(newer(file.format)),
            Ok(file) => Ok(Self { models: file.models }),
            Err(error) => match toml::from_str::<RegistryFormat>(text) {
                Ok(RegistryFormat { format }) if format > FORMAT => Err(newer(format)),
                _ => Err(wrong(&error)),
            },
        }
    }

    /// The text of the file: sorted, the same for the same names.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] when it cannot be written down.
    pub fn to_text(&self) -> Result<String> {
        let text = toml::to_string(&RegistryText { format: FORMAT, models: self.models.clone() })
            .map_err(|error| Error::new(ErrorKind::Storage, format!("the registry cannot be written: {error}")))?;
        Ok(format!("{HEADER}{text}"))
    }

    /// The names and their versions, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &Entry)> {
        self.models.iter()
    }

    /// Whether there is no name.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.models.is_empty()
    }

    /// The entry of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Entry> {
        self.models.iter().find(|(known, _)| known.as_str() == name).map(|(_, entry)| entry)
    }

    /// The entry of a name, or the one version that a text such as `name@^1.2` means.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] with the names or versions there are.
    pub fn find(&self, text: &str) -> Result<(&Name, &Version, &EntryVersion)> {
        let written = NameText::read(text).ok_or_else(|| self.unknown(text))?;
        let (name, entry) = self.entry(&written).ok_or_else(|| self.unknown(text))?;
        let (version, found) = entry.choose(&written.which).ok_or_else(|| {
            Error::new(ErrorKind::NotFound, format!("the registered name {name} has no version {}", written.which))
                .with_hint(format!(
                    "it has {}; hf://{} means the Hub's model of this name",
                    entry.choices(),
                    redact_text(text)
                ))
        })?;
        Ok((name, version, found))
    }

    pub(crate) fn entry(&self, written: &NameText<'_>) -> Option<(&Name, &Entry)> {
        self.models.iter().find(|(name, _)| name.as_str() == written.name)
    }

    fn unknown(&self, text: &str) -> Error {
        let near = self.models.keys().map(|name| (strsim::jaro_winkler(name.as_str(), text), name));
        let near = near.filter(|(score, _)| *score > 0.8).max_by(|a, b| a.0.total_cmp(&b.0));
        let error = Error::new(ErrorKind::NotFound, format!("no model is registered as {:?}", redact_text(text)));
        match near {
            Some((_, name)) => error.with_hint(format!("did you mean {name}?")),
            None => error.with_hint("list the registered names").with_reason(crate::Reason::NoSuchName),
        }
    }

    /// Adds a version of a name; `1.0.0` when none is given and the name is new. Its tags are taken from the name's
    /// other versions. The version that was added.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when something in it makes no sense, or when the version is there and not to be replaced.
    pub fn add(
        &mut self,
        name: &Name,
        version: Option<Version>,
        mut added: EntryVersion,
        replace: bool,
    ) -> Result<Version> {
        added.check_secrets()?;
        added.settle()?;
        added.check()?;
        let entry = self.models.get(name);
        let version = match (version, entry) {
            (Some(version), _) => version,
            (None, None) => Version::new(1, 0, 0),
            (None, Some(entry)) => match entry.versions.keys().next() {
                Some(only) if replace && entry.versions.len() == 1 => only.clone(),
                _ => {
                    return Err(Error::new(ErrorKind::Usage, format!("{name} exists: {}", entry.choices()))
                        .with_hint("give a version")
                        .with_reason(crate::Reason::VersionNeeded));
                }
            },
        };
        if !replace && entry.is_some_and(|entry| entry.versions.contains_key(&version)) {
            return Err(Error::new(ErrorKind::Usage, format!("{name}@{version} exists"))
                .with_hint("give another version, or replace it")
                .with_reason(crate::Reason::VersionExists));
        }
        let entry = self.models.entry(name.clone()).or_default();
        for other in entry.versions.values_mut() {
            other.tags.retain(|tag| !added.tags.contains(tag));
        }
        entry.versions.insert(version.clone(), added);
        Ok(version)
    }

    /// Removes a name, or with `name@…` one version of it. What was removed.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when it is not there.
    pub fn remove(&mut self, text: &str) -> Result<Vec<(Name, Version)>> {
        let (name, version, _) = self.find(text)?;
        let (name, version) = (name.clone(), version.clone());
        if text.contains('@') {
            if let Some(entry) = self.models.get_mut(&name) {
                entry.versions.remove(&version);
            }
            if self.models.get(&name).is_some_and(|entry| entry.versions.is_empty()) {
                self.models.remove(&name);
            }
            return Ok(vec![(name, version)]);
        }
        let entry = self.models.remove(&name).unwrap_or_default();
        Ok(entry.versions.into_keys().map(|version| (name.clone(), version)).collect())
    }

    /// Takes in all of another registry, or nothing of it. The number of versions that are new or other than before.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] with all versions that are there with another content, unless they are to be replaced.
    pub fn merge(&mut self, other: Self, replace: bool) -> Result<usize> {
        let mut conflicts = Vec::new();
        let mut changed = 0;
        let mut merged = self.clone();
        for (name, entry) in other.models {
            for (version, mut added) in entry.versions {
                added.settle()?;
                let known = self.models.get(&name).and_then(|entry| entry.versions.get(&version));
                match known {
                    Some(known) if *known == added => continue,
                    Some(_) if !replace => conflicts.push(format!("{name}@{version}")),
                    _ => {}
                }
                changed += 1;
                merged.add(&name, Some(version), added, true)?;
            }
        }
        if !conflicts.is_empty() {
            return Err(Error::new(
                ErrorKind::Usage,
                format!("registered with other contents: {}", conflicts.join(", ")),
            )
            .with_hint("nothing was imported; replace them to import all")
            .with_reason(crate::Reason::NamesConflict));
        }
        *self = merged;
        Ok(changed)
    }
}
