//! What the caller of a failed operation can do about it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The kind of trouble, by what the caller can do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// A wrong argument, name or configuration.
    Usage,
    /// The authority says there is no such model, revision or file.
    NotFound,
    /// Not in the store, and the network may not be asked.
    NotCached,
    /// Bytes do not have the digest or the size they should have.
    Integrity,
    /// A host could not be reached, broke off, was too slow or answered nonsense.
    Network,
    /// The deadline of the caller has passed.
    TimedOut,
    /// The host wants a token, or refuses the one it got.
    Unauthorized,
    /// The disk or the quota has no room.
    NoSpace,
    /// The file system failed or the store is in the way (read-only, unknown version).
    Storage,
    /// Cancelled by the user.
    Interrupted,
    /// Not built in, or not offered by the source.
    Unsupported,
}

impl ErrorKind {
    /// The process exit code of this kind.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Storage | Self::Unsupported => 1,
            Self::Usage => 2,
            Self::NotFound | Self::NotCached => 3,
            Self::Integrity => 4,
            Self::Network | Self::TimedOut => 5,
            Self::Unauthorized => 6,
            Self::NoSpace => 7,
            Self::Interrupted => 130,
        }
    }

    /// Its category.
    #[must_use]
    pub fn category(self) -> Category {
        match self {
            Self::Network | Self::TimedOut => Category::Network,
            Self::NoSpace | Self::Storage => Category::Storage,
            Self::Integrity => Category::Verification,
            Self::Usage | Self::Unsupported => Category::Configuration,
            Self::Unauthorized => Category::Auth,
            Self::NotFound | Self::NotCached => Category::NotFound,
            Self::Interrupted => Category::Interrupted,
        }
    }

    /// The name used in JSON and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::NotFound => "not-found",
            Self::NotCached => "not-cached",
            Self::Integrity => "integrity",
            Self::Network => "network",
            Self::TimedOut => "timed-out",
            Self::Unauthorized => "unauthorized",
            Self::NoSpace => "no-space",
            Self::Storage => "storage",
            Self::Interrupted => "interrupted",
            Self::Unsupported => "unsupported",
        }
    }
}

/// Coarse class of an error, by the party that can act on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Category {
    /// The way to a host, or the host.
    Network,
    /// The disk, the store, or room on it.
    Storage,
    /// Bytes that are not what they should be.
    Verification,
    /// Arguments, settings, or what this build can do.
    Configuration,
    /// Tokens and permissions at a host.
    Auth,
    /// It does not exist, or is not in the store while only that may be asked.
    NotFound,
    /// The user stopped it.
    Interrupted,
}

impl Category {
    /// The name used in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Storage => "storage",
            Self::Verification => "verification",
            Self::Configuration => "configuration",
            Self::Auth => "auth",
            Self::NotFound => "not-found",
            Self::Interrupted => "interrupted",
        }
    }
}

/// Whether trying the same thing again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Retry {
    /// The answer will be the same, or the retries are used up: outer layers must not try again.
    #[default]
    Never,
    /// Try again after the usual back-off.
    Backoff,
    /// Try again within a few seconds, for a server that restarts: the host refuses connections, or has no address.
    Briefly,
    /// The host said when to come back.
    After(Duration),
}
