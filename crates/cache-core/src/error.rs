//! One error type: what kind of trouble, what was tried, where, how often, and what the user can do.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Shorthand for a result with the cache's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

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
            Self::Network => 5,
            Self::Unauthorized => 6,
            Self::NoSpace => 7,
            Self::Interrupted => 130,
        }
    }

    /// Whose matter it is.
    #[must_use]
    pub fn category(self) -> Category {
        match self {
            Self::Network => Category::Network,
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
            Self::Unauthorized => "unauthorized",
            Self::NoSpace => "no-space",
            Self::Storage => "storage",
            Self::Interrupted => "interrupted",
            Self::Unsupported => "unsupported",
        }
    }
}

/// Whose matter a trouble is: the coarse kind that people sort by.
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
    /// The host said when to come back.
    After(Duration),
}

/// What went wrong. Cheap to clone, so that everyone who waited for one transfer gets the same error.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

#[derive(Clone, Serialize, Deserialize)]
struct Inner {
    kind: ErrorKind,
    message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    #[serde(default)]
    attempts: u32,
    #[serde(default)]
    elapsed: Duration,
    #[serde(default)]
    retry: Retry,
    #[serde(skip)]
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error of a kind, with what was tried and what happened.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Arc::new(Inner {
            kind,
            message: message.into(),
            hint: None,
            host: None,
            attempts: 0,
            elapsed: Duration::ZERO,
            retry: Retry::Never,
            source: None,
        }))
    }

    /// An I/O error on the store's file system; a full disk or quota becomes [`ErrorKind::NoSpace`].
    pub fn storage(action: impl fmt::Display, error: std::io::Error) -> Self {
        let kind = match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => ErrorKind::NoSpace,
            _ => ErrorKind::Storage,
        };
        let hint = match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                Some("free some space, or let `model-cache gc --max-size …` do it")
            }
            std::io::ErrorKind::PermissionDenied => {
                Some("check who owns the folder, or choose another with MODEL_CACHE_DIR")
            }
            std::io::ErrorKind::ReadOnlyFilesystem => {
                Some("the store can be read but not written; choose another with MODEL_CACHE_DIR")
            }
            _ => None,
        };
        let new = Self::new(kind, format!("{action}: {error}")).with_source(error);
        match hint {
            Some(hint) => new.with_hint(hint),
            None => new,
        }
    }

    /// Another process or task gave up for the user's sake.
    #[must_use]
    pub fn interrupted() -> Self {
        Self::new(ErrorKind::Interrupted, "interrupted; what has arrived is kept")
            .with_hint("run it again to go on from there")
    }

    fn edit(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    /// Adds what the user can do.
    #[must_use]
    pub fn with_hint(self, hint: impl Into<String>) -> Self {
        self.edit(|inner| inner.hint = Some(hint.into()))
    }

    /// Adds the host that was asked (no path, no query, no credentials).
    #[must_use]
    pub fn with_host(self, host: impl Into<String>) -> Self {
        self.edit(|inner| inner.host = Some(host.into()))
    }

    /// Adds whether a retry can help.
    #[must_use]
    pub fn with_retry(self, retry: Retry) -> Self {
        self.edit(|inner| inner.retry = retry)
    }

    /// Adds how often and for how long it was tried, and stops outer layers from trying again.
    #[must_use]
    pub fn exhausted(self, attempts: u32, elapsed: Duration) -> Self {
        self.edit(|inner| {
            inner.attempts = attempts;
            inner.elapsed = elapsed;
            inner.retry = Retry::Never;
        })
    }

    /// Adds the underlying error.
    #[must_use]
    pub fn with_source(self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.edit(|inner| inner.source = Some(Arc::new(source)))
    }

    /// Puts what was being done in front of the message.
    #[must_use]
    pub fn context(self, what: impl fmt::Display) -> Self {
        self.edit(|inner| inner.message = format!("{what}: {}", inner.message))
    }

    /// The kind of trouble.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What was tried and what happened.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What the user can do, if anything is known.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// The host that was asked, if one was.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        self.0.host.as_deref()
    }

    /// How often it was tried; 0 when nothing was repeated.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// How long all tries took together.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed
    }

    /// Whether trying again can help.
    #[must_use]
    pub fn retry(&self) -> Retry {
        self.0.retry
    }

    /// Whether the user may get further by running the same again, later and with nothing changed.
    ///
    /// True of a network whose retries are used up, and of what was interrupted. False where something has to be
    /// changed first: a certificate, a token, a name, room on the disk.
    #[must_use]
    pub fn retry_helps(&self) -> bool {
        match self.0.kind {
            ErrorKind::Interrupted => true,
            ErrorKind::Network => self.is_retryable() || self.0.attempts > 0,
            _ => self.is_retryable(),
        }
    }

    /// Whether trying again can help at all.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.0.retry != Retry::Never
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        if let Some(host) = &self.0.host {
            write!(f, " (host {host})")?;
        }
        if self.0.attempts > 1 {
            write!(f, " (tried {} times in {:.1} s)", self.0.attempts, self.0.elapsed.as_secs_f64())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.0.kind)?;
        if let Some(hint) = &self.0.hint {
            write!(f, " [{hint}]")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_ref().map(|source| &**source as _)
    }
}

/// Errors cross processes (a waiter gets its leader's) and go into JSON without their cause, which the message names.
impl Serialize for Error {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Error {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Inner::deserialize(deserializer).map(|inner| Self(Arc::new(inner)))
    }
}

impl From<crate::PathError> for Error {
    fn from(error: crate::PathError) -> Self {
        Self::new(ErrorKind::Integrity, format!("a file name in the listing is refused: {error}"))
            .with_hint("the listing would be unsafe on some file system; the source has to rename the file")
            .with_source(error)
    }
}

impl From<crate::RefError> for Error {
    fn from(error: crate::RefError) -> Self {
        Self::new(ErrorKind::Usage, error.to_string())
            .with_hint("write org/name, hf://org/name@revision/path, https://host/file, or ./folder")
            .with_source(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_survives_the_way_to_another_process() {
        let error = Error::new(ErrorKind::Network, "GET /x: connection reset")
            .with_host("hub.example:443")
            .with_hint("check the network")
            .exhausted(5, Duration::from_secs(3));
        let text = serde_json::to_string(&error).unwrap();
        let back: Error = serde_json::from_str(&text).unwrap();
        assert_eq!(back.to_string(), error.to_string());
        assert_eq!(back.kind(), ErrorKind::Network);
        assert_eq!(back.hint(), error.hint());
        assert!(back.to_string().contains("tried 5 times"));
    }

    #[test]
    fn a_retry_helps_where_nothing_has_to_be_changed() {
        let down = Error::new(ErrorKind::Network, "reset").with_retry(Retry::Backoff);
        assert!(down.retry_helps() && down.exhausted(5, Duration::ZERO).retry_helps());
        assert!(Error::interrupted().retry_helps());
        for kind in [ErrorKind::Network, ErrorKind::Integrity, ErrorKind::Unauthorized, ErrorKind::NoSpace] {
            assert!(!Error::new(kind, "no").retry_helps(), "{kind:?}");
        }
        assert_eq!(ErrorKind::Integrity.category().as_str(), "verification");
        assert_eq!(serde_json::to_value(Category::NotFound).unwrap(), Category::NotFound.as_str());
    }

    #[test]
    fn a_full_disk_is_no_ordinary_storage_error() {
        let error = Error::storage("write x", std::io::ErrorKind::StorageFull.into());
        assert_eq!(error.kind().exit_code(), 7);
    }
}
