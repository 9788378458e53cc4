//! What a registry entry or a lock file says besides the reference, and what is taken instead when it is not to be had.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use crate::registry::expected::Expected;
use crate::registry::resolve::ResolvedName;
use crate::{Error, ErrorKind, Event, Get, ModelRef, RefText, RepoPath, Result, Sha256, Snapshot};

/// What a wish has besides the reference.
#[derive(Debug, Clone, Default)]
pub(crate) struct Besides {
    /// As the user wrote it.
    pub(crate) text: Option<RefText>,
    pub(crate) fallbacks: Vec<ModelRef>,
    pub(crate) expected: Option<Arc<Expected>>,
    /// Digest of the one file, pinned by the registry.
    pub(crate) sha256: Option<Sha256>,
    /// Platforms of the registry entry.
    pub(crate) platforms: Vec<String>,
    /// Why the registry entry or the lock file cannot be used on this machine.
    pub(crate) unsupported: Option<Error>,
    /// No other files than these.
    pub(crate) only: Option<Arc<BTreeSet<RepoPath>>>,
}

impl Get {
    /// A request for a resolved name, with all that its registry entry pins.
    pub(crate) fn from_resolved(cache: crate::Cache, text: Option<RefText>, resolved: Result<ResolvedName>) -> Self {
        match resolved {
            Err(error) => {
                let mut get = Self::new(cache, Err(error));
                get.besides.text = text;
                get
            }
            Ok(ResolvedName { reference, fallbacks, expected, sha256, platforms, unsupported, .. }) => {
                let mut get = Self::new(cache, Ok(reference));
                get.besides = Besides { text, fallbacks, expected, sha256, platforms, unsupported, only: None };
                get
            }
        }
    }

    /// Digest that the one wanted file must have: the caller's, or the one that the registry pins.
    ///
    /// # Errors
    /// [`ErrorKind::Integrity`] when the two differ.
    pub(crate) fn digest(&self) -> Result<Option<Sha256>> {
        let path = self.reference.as_ref().ok().and_then(|reference| reference.path.as_ref());
        let listed = self.besides.expected.as_ref().and_then(|expected| expected.sha256_of(path));
        let pinned = self.besides.sha256.or(listed);
        match (self.told.sha256, pinned) {
            (Some(given), Some(pinned)) if given != pinned => Err(self.contradiction(given, pinned)),
            (given, pinned) => Ok(given.or(pinned)),
        }
    }

    pub(crate) fn contradiction(&self, given: Sha256, pinned: Sha256) -> Error {
        let text =
            format!("{}: checksum mismatch: expected sha256:{given}, the registry has sha256:{pinned}", self.name());
        Error::new(ErrorKind::Integrity, text).with_hint("one of the two is wrong")
    }

    /// The wishes for what is taken instead, in order. None of them has a fallback of its own.
    fn others(&self) -> Vec<Self> {
        let one = |fallback: &ModelRef| {
            let mut get = Self::new(self.cache.clone(), Ok(fallback.clone()));
            get.include.clone_from(&self.include);
            get.exclude.clone_from(&self.exclude);
            get.progress = Arc::clone(&self.progress);
            // The caller's digest and size hold for whatever is taken; those of the entry are its reference's.
            (get.told, get.size, get.priority) = (self.told, self.size, self.priority);
            get
        };
        self.besides.fallbacks.iter().map(one).collect()
    }

    /// The wish, or what is taken instead of it, from what can be answered at once.
    pub(crate) fn or_instead<T>(
        &self,
        first: Result<T>,
        work: impl Fn(&Self) -> Result<T>,
        warn: impl Fn(&mut T, String),
    ) -> Result<T> {
        let error = match first {
            Err(error) if is_lack(&error) => error,
            other => return other,
        };
        for get in self.others() {
            if let Ok(mut found) = work(&get) {
                warn(&mut found, told(&self.name(), &error, &get));
                return Ok(found);
            }
        }
        Err(error)
    }

    pub(crate) async fn run_or_instead(self) -> Result<Snapshot> {
        let others = self.others();
        if others.is_empty() {
            return self.run().await;
        }
        let (text, progress) = (self.name(), Arc::clone(&self.progress));
        let (began, limit) = (Instant::now(), self.time_limit());
        let mut error = match self.run().await {
            Err(error) if is_lack(&error) => error,
            other => return other,
        };
        for mut get in others {
            // One deadline for all of them.
            get.deadline = limit.map(|limit| limit.saturating_sub(began.elapsed()));
            let warning = told(&text, &error, &get);
            progress.event(&Event::Warning(&warning));
            match get.run().await {
                Ok(mut snapshot) => {
                    snapshot.warn(warning);
                    return Ok(snapshot);
                }
                Err(other) if is_lack(&other) => error = other,
                Err(other) => return Err(other),
            }
        }
        Err(error)
    }

    /// The request as the user wrote it, without secrets.
    pub(crate) fn name(&self) -> String {
        match (&self.besides.text, &self.reference) {
            (Some(text), _) => text.public(),
            (None, Ok(reference)) => reference.to_string(),
            (None, Err(_)) => String::new(),
        }
    }
}

fn told(wish: &str, error: &Error, other: &Get) -> String {
    format!("{wish} is not available ({error}); using {} instead", other.name())
}

/// Whether something else can be taken instead. Never when bytes were wrong: that must be seen.
fn is_lack(error: &Error) -> bool {
    use ErrorKind as K;
    matches!(error.kind(), K::NotFound | K::NotCached | K::Network | K::Unauthorized | K::NoSpace)
}
