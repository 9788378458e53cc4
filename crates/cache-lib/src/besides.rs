//! What a registry entry or a lock file says besides the reference, and what is taken instead when it is not to be had.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::expect::Expected;
use crate::registry::Meant;
use crate::{Error, ErrorKind, Event, Get, ModelRef, RepoPath, Result, Snapshot};

/// What a wish has besides the reference.
#[derive(Debug, Clone, Default)]
pub(crate) struct Besides {
    /// As the user wrote it.
    pub(crate) text: Option<String>,
    pub(crate) fallbacks: Vec<ModelRef>,
    pub(crate) expected: Option<Arc<Expected>>,
    /// No other files than these.
    pub(crate) only: Option<Arc<BTreeSet<RepoPath>>>,
}

impl Get {
    /// Takes apart what the registry says of a reference.
    pub(crate) fn meaning(cache: crate::Cache, text: Option<String>, meant: Result<Meant>) -> Self {
        match meant {
            Err(error) => {
                let mut get = Self::new(cache, Err(error));
                get.besides.text = text;
                get
            }
            Ok(Meant { reference, fallbacks, expected, sha256 }) => {
                let mut get = Self::new(cache, Ok(reference));
                get.told.sha256 = sha256;
                get.besides = Besides { text, fallbacks, expected, only: None };
                get
            }
        }
    }

    /// The wishes for what is taken instead, in order. None of them has a fallback of its own.
    fn others(&self) -> Vec<Self> {
        let one = |fallback: &ModelRef| {
            let mut get = Self::new(self.cache.clone(), Ok(fallback.clone()));
            get.include.clone_from(&self.include);
            get.exclude.clone_from(&self.exclude);
            get.progress = Arc::clone(&self.progress);
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
        let mut error = match self.run().await {
            Err(error) if is_lack(&error) => error,
            other => return other,
        };
        for get in others {
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

    /// The wish as the user wrote it.
    pub(crate) fn name(&self) -> String {
        match (&self.besides.text, &self.reference) {
            (Some(text), _) => text.clone(),
            (None, Ok(reference)) => reference.to_string(),
            (None, Err(_)) => String::new(),
        }
    }
}

fn told(wish: &str, error: &Error, other: &Get) -> String {
    format!("{wish} is not to be had ({error}); taking {} instead", other.name())
}

/// Whether something else can be taken instead. Never when bytes were wrong: that must be seen.
fn is_lack(error: &Error) -> bool {
    use ErrorKind as K;
    matches!(error.kind(), K::NotFound | K::NotCached | K::Network | K::Unauthorized | K::NoSpace)
}
