//! One error type: what kind of trouble, what was tried, where, how often, and what the user can do.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Reason;

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

/// An error and its kind. Cheap to clone: all waiters of one transfer get the same error.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

#[derive(Clone, Serialize, Deserialize)]
struct Inner {
    kind: ErrorKind,
    message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<Reason>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    #[serde(default)]
    attempts: u32,
    #[serde(default)]
    elapsed: Duration,
    #[serde(default)]
    retry: Retry,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    unreachable: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    rate_limited: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    denied: bool,
    #[serde(skip)]
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

/// The hint where no more files can be opened.
const RAISE_LIMIT: &str = "raise the limit of open files: `ulimit -n 1024`";

impl Error {
    /// An error of a kind, with what was tried and what happened.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Arc::new(Inner {
            kind,
            message: message.into(),
            hint: None,
            reason: None,
            subject: None,
            host: None,
            attempts: 0,
            elapsed: Duration::ZERO,
            retry: Retry::Never,
            unreachable: false,
            rate_limited: false,
            denied: false,
            source: None,
        }))
    }

    /// An I/O error on the store's file system; a full disk or quota becomes [`ErrorKind::NoSpace`]. It is retryable where
    /// file descriptors have run out: other work of the process gives some back.
    pub fn storage(action: impl fmt::Display, error: std::io::Error) -> Self {
        let exhausted = is_out_of_descriptors(&error);
        let kind = match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => ErrorKind::NoSpace,
            _ => ErrorKind::Storage,
        };
        let hint = match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                Some("free disk space, or choose another disk with MODEL_CACHE_DIR")
            }
            std::io::ErrorKind::PermissionDenied => {
                Some("check who owns the folder, or choose another with MODEL_CACHE_DIR")
            }
            std::io::ErrorKind::ReadOnlyFilesystem => {
                Some("the store is read-only; choose another with MODEL_CACHE_DIR")
            }
            _ => exhausted.then_some(RAISE_LIMIT),
        };
        let retry = if exhausted { Retry::Backoff } else { Retry::Never };
        let new = Self::new(kind, format!("{action}: {error}")).with_source(error).with_retry(retry);
        let new = match hint {
            Some(hint) => new.with_hint(hint),
            None => new,
        };
        if kind == ErrorKind::NoSpace { new.with_reason(Reason::DiskFull) } else { new }
    }

    /// Another process or task gave up for the user's sake.
    #[must_use]
    pub fn interrupted() -> Self {
        Self::new(ErrorKind::Interrupted, "interrupted; downloaded data is kept")
            .with_hint("run the same command again to resume")
    }

    fn edit(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    /// Adds what the user can do. A reason that belongs to an earlier hint goes with it.
    #[must_use]
    pub fn with_hint(self, hint: impl Into<String>) -> Self {
        self.edit(|inner| {
            inner.hint = Some(hint.into());
            inner.reason = None;
            inner.subject = None;
        })
    }

    /// Adds a code by which a program words its own hint.
    #[must_use]
    pub fn with_reason(self, reason: Reason) -> Self {
        self.edit(|inner| inner.reason = Some(reason))
    }

    /// Adds what the reason is about: a model, an id or a file.
    #[must_use]
    pub fn with_subject(self, subject: impl fmt::Display) -> Self {
        self.edit(|inner| inner.subject = Some(subject.to_string()))
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

    /// Marks that this host cannot be reached, whatever the authority says of the model.
    #[must_use]
    pub fn with_unreachable(self) -> Self {
        self.edit(|inner| inner.unreachable = true)
    }

    /// Marks that the host counts requests and has had too many (429), unlike one that is broken or busy.
    #[must_use]
    pub fn with_rate_limited(self) -> Self {
        self.edit(|inner| inner.rate_limited = true)
    }

    /// Marks that the authority refuses the whole repository: it is absent, private or gated to this caller.
    #[must_use]
    pub fn with_denied(self) -> Self {
        self.edit(|inner| inner.denied = true)
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

    /// Adds the underlying error. One that says that no file can be opened brings its hint, unless there is another.
    #[must_use]
    pub fn with_source(self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        let exhausted = is_out_of_descriptors(&source);
        self.edit(|inner| {
            if exhausted {
                inner.hint.get_or_insert_with(|| RAISE_LIMIT.to_owned());
            }
            inner.source = Some(Arc::new(source));
        })
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

    /// The message: what was tried and what failed.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The hint for the user, if there is one.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// The code by which a program words its own hint.
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        self.0.reason
    }

    /// What the reason is about, if it is about one thing.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.0.subject.as_deref()
    }

    /// The last part of the message, without numbers of the system: `connection refused`.
    #[must_use]
    pub fn cause(&self) -> String {
        let last = self.0.message.rsplit(": ").next().unwrap_or_default();
        let text = last.split(" (os error ").next().unwrap_or(last);
        let mut letters = text.chars();
        let is_word = text.chars().nth(1).is_some_and(char::is_lowercase);
        match letters.next() {
            Some(first) if is_word => first.to_lowercase().chain(letters).collect(),
            _ => text.to_owned(),
        }
    }

    /// The host that was asked, if one was.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        self.0.host.as_deref()
    }

    /// Number of attempts; 0 without retries.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// Total time of all attempts.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed
    }

    /// Whether trying again can help.
    #[must_use]
    pub fn retry(&self) -> Retry {
        self.0.retry
    }

    /// Whether this host cannot be reached: its name, the network, the port or TLS failed, or it refuses what the
    /// authority has granted. Another place may serve the same.
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        self.0.unreachable
    }

    /// Whether the host has answered that there were too many requests (429).
    #[must_use]
    pub fn is_rate_limited(&self) -> bool {
        self.0.rate_limited
    }

    /// Whether the authority refuses the whole repository, and neither a revision, a file nor the token as such.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        self.0.denied
    }

    /// Whether the user may get further by running the same again, later and with nothing changed.
    ///
    /// True of a network whose retries are used up, and of what was interrupted or ran out of time. False where something has to be
    /// changed first: a certificate, a token, a name, room on the disk.
    #[must_use]
    pub fn retry_helps(&self) -> bool {
        match self.0.kind {
            ErrorKind::Interrupted | ErrorKind::TimedOut => true,
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

/// Whether an error says that the process, or the machine, can open no more files.
///
/// An [`io::Error`](std::io::Error) that wraps another in a text, as those of `fs-err` do, hides the number from all but
/// its text.
#[must_use]
pub fn is_out_of_descriptors(error: &(dyn std::error::Error + 'static)) -> bool {
    // ENFILE and EMFILE, the same numbers on Linux, macOS and the BSDs.
    let is_it = |error: &std::io::Error| match error.raw_os_error() {
        Some(number) => matches!(number, 23 | 24),
        None => {
            let text = error.to_string();
            text.ends_with("(os error 23)") || text.ends_with("(os error 24)")
        }
    };
    std::iter::successors(Some(error), |&error| error.source())
        .any(|cause| cause.downcast_ref::<std::io::Error>().is_some_and(is_it))
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
        if error == crate::PathError::Listing {
            return Self::new(ErrorKind::Unsupported, format!("the listing is refused: {error}"))
                .with_hint("pack the files into archives, or split them into several models")
                .with_source(error);
        }
        Self::new(ErrorKind::Integrity, format!("a file name in the listing is refused: {error}"))
            .with_hint("the name is unsafe on some file systems; rename the file at the source")
            .with_source(error)
    }
}

impl From<crate::RefError> for Error {
    fn from(error: crate::RefError) -> Self {
        let hint = match error {
            crate::RefError::Credentials => "write hf://org/name, and give a token by HF_TOKEN or `hf auth login`",
            _ => "write org/name, hf://org/name@revision/path, https://host/file, or ./folder",
        };
        Self::new(ErrorKind::Usage, error.to_string()).with_hint(hint).with_source(error)
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
    fn cause_is_the_last_part_of_the_message() {
        for (message, cause) in [
            ("GET http://h/x: connection failed: Connection refused (os error 111)", "connection refused"),
            ("GET http://h/x: timed out", "timed out"),
            ("TLS failed", "TLS failed"),
            ("", ""),
        ] {
            assert_eq!(Error::new(ErrorKind::Network, message).cause(), cause);
        }
    }

    #[test]
    fn lack_of_descriptors_is_found_below_others() {
        let lack = || std::io::Error::from_raw_os_error(24);
        let wrapped = std::io::Error::new(lack().kind(), Error::new(ErrorKind::Storage, "open").with_source(lack()));
        let text = std::io::Error::new(lack().kind(), format!("failed to open file `/x`: {}", lack()));
        for error in [lack(), wrapped, text] {
            let error = Error::storage("open the file", error);
            assert!(error.is_retryable() && error.hint().is_some_and(|hint| hint.contains("ulimit")), "{error:?}");
        }
        let other = Error::new(ErrorKind::Usage, "open").with_source(lack());
        assert!(other.hint().is_some_and(|hint| hint.contains("ulimit")), "{other:?}");
        assert!(!Error::storage("open", std::io::Error::from_raw_os_error(2)).is_retryable());
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
