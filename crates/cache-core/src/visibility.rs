//! [`Visibility`]: read access to a repository, as its source last reported it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Read access to a repository. What is not known to be public is not public.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Visibility {
    /// Everyone.
    Public,
    /// The owner, and accounts with granted access. Hidden from all others.
    Private,
    /// Accounts that have accepted the conditions. Listed for everyone.
    Gated,
    /// Not reported, or the source has no such notion.
    #[default]
    Unknown,
}

impl Visibility {
    /// Reads the fields `private` and `gated` of the Hub's API; `None` for one that is missing.
    ///
    /// Public takes both fields, both false.
    #[must_use]
    pub fn of_fields(private: Option<bool>, gated: Option<bool>) -> Self {
        match (private, gated) {
            (Some(true), _) => Self::Private,
            (_, Some(true)) => Self::Gated,
            (Some(false), Some(false)) => Self::Public,
            _ => Self::Unknown,
        }
    }

    /// Whether everyone may read it.
    #[must_use]
    pub fn is_public(self) -> bool {
        self == Self::Public
    }

    /// Whether it is known to be private or gated.
    #[must_use]
    pub fn is_restricted(self) -> bool {
        matches!(self, Self::Private | Self::Gated)
    }

    /// The name used in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Private => "private",
            Self::Gated => "gated",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Visibility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Origin of a visibility record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Evidence {
    /// Reported by the source's API to a request without a token.
    Anonymous,
    /// Reported by the source's API to a request with a token.
    Token,
    /// Inferred from a refusal of the source.
    Refused,
    /// Stated by an imported bundle.
    Bundle,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_field_is_not_public() {
        for (private, gated, is) in [
            (Some(false), Some(false), Visibility::Public),
            (Some(false), None, Visibility::Unknown),
            (None, Some(false), Visibility::Unknown),
            (None, None, Visibility::Unknown),
            (Some(true), None, Visibility::Private),
            (Some(true), Some(true), Visibility::Private),
            (Some(false), Some(true), Visibility::Gated),
            (None, Some(true), Visibility::Gated),
        ] {
            assert_eq!(Visibility::of_fields(private, gated), is, "{private:?} {gated:?}");
        }
    }
}
