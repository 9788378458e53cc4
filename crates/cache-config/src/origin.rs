//! [`ValueOrigin`] of a value, and [`Mistake`]: what is wrong with one, where, and what would be right.

use std::fmt;
use std::path::PathBuf;

use cache_lib::{Error, ErrorKind, redact_text};
use serde::Serialize;

use crate::keys::{KEYS, Key};

/// Below this likeness (Jaro-Winkler, 0 to 1) a guess would be no help.
pub(crate) const ALIKE: f64 = 0.8;

/// Where a value comes from. Later ones win over earlier ones.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ValueOrigin {
    /// Nobody set it.
    Default,
    /// A configuration file.
    File {
        /// Which.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
    },
    /// An environment variable.
    Environment {
        /// Its name.
        name: &'static str,
    },
    /// A flag of the command line, or its equal in code.
    Flag {
        /// As it is written.
        name: &'static str,
    },
}

impl fmt::Display for ValueOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line, .. } => write!(f, "{}:{line}", path.display()),
            Self::Environment { name } | Self::Flag { name } => f.write_str(name),
        }
    }
}

/// One mistake in a configuration. Holds nothing of a token, and no secret of an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Mistake {
    /// Where it is.
    pub place: ValueOrigin,
    /// The key, as far as it can be told.
    pub key: Option<String>,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub hint: String,
}

impl Mistake {
    /// A mistake without a hint yet.
    #[must_use]
    pub fn new(place: ValueOrigin, key: Option<String>, message: impl Into<String>) -> Self {
        Self { place, key, message: redact_text(&message.into()).into_owned(), hint: String::new() }
    }

    /// Says what would be right.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = redact_text(&hint.into()).into_owned();
        self
    }
}

impl Key {
    /// The key whose name is most like this one, if any is.
    #[must_use]
    pub fn nearest(name: &str) -> Option<&'static Self> {
        nearest(&name.split('.').collect::<Vec<_>>())
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            ValueOrigin::File { path, line, column } => write!(f, "{}:{line}:{column}", path.display())?,
            other => write!(f, "{other}")?,
        }
        match &self.key {
            Some(key) => write!(f, ": {key}: {}", self.message),
            None => write!(f, ": {}", self.message),
        }
    }
}

impl From<Mistake> for Error {
    fn from(mistake: Mistake) -> Self {
        Self::new(ErrorKind::Usage, mistake.to_string()).with_hint(mistake.hint)
    }
}

/// A key that does not exist, by its parts: the nearest that does.
pub(crate) fn nearest(parts: &[&str]) -> Option<&'static Key> {
    let name = parts.join(".").replace('_', "-").to_ascii_lowercase();
    let leaf = name.rsplit('.').next().unwrap_or_default().to_owned();
    let section = parts.first().copied().unwrap_or_default();
    let known = parts.len() > 1 && KEYS.iter().any(|key| key.section() == section);
    let likeness = |key: &Key| {
        let leaves = strsim::jaro_winkler(&leaf, key.leaf());
        match (known, key.section() == section) {
            // A slip within the right section is likelier than a key of another.
            (true, true) => leaves + 0.1,
            (true, false) => leaves,
            (false, _) => leaves.max(strsim::jaro_winkler(&name, key.name)),
        }
    };
    let mut best: Option<(f64, &Key)> = None;
    for key in KEYS {
        let likeness = likeness(key);
        if likeness >= ALIKE && best.is_none_or(|(before, _)| likeness > before) {
            best = Some((likeness, key));
        }
    }
    best.map(|(_, key)| key)
}

/// A section that does not exist: the nearest that does.
pub(crate) fn nearest_section(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    let likeness = |key: &&Key| strsim::jaro_winkler(&name, key.section());
    let best = KEYS.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(&best) >= ALIKE).then(|| best.section())
}

/// A name as it is written in a file, with nothing a terminal could obey.
pub(crate) fn written(part: &str) -> String {
    let bare = !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if bare { part.to_owned() } else { format!("{part:?}") }
}
