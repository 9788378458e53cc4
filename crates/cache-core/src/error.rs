//! One error type: what kind of trouble, what was tried, where, how often, and what the user can do.

mod descriptors;
mod kind;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Reason;
pub use descriptors::is_out_of_descriptors;
pub use kind::{Category, ErrorKind, Retry};

/// Shorthand for a result with the cache's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

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
                Some("check the owner of the folder, or choose another with MODEL_CACHE_DIR")
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
mod tests;
