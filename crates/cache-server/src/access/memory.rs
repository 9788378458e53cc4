//! [`Memory`]: what upstream has said, bounded.

use std::time::{Duration, Instant};

use cache_lib::Sha256;

use super::record::Visibility;
use crate::bounded::{Bucket, Pace, Recent};
use crate::repo::Repo;

/// Whom a question is about: a repository, and the hash of a token or nobody.
pub(super) type Key = (Repo, Option<Sha256>);

/// Answers that let somebody in. Only upstream makes them, so strangers cannot push them out.
const YES: usize = 16 << 10;
/// Answers that do not: anyone can cause them.
const NO: usize = 8 << 10;
/// Questions about pairs that upstream has never said yes to. Those that it has are not held up by strangers.
const STRANGERS: Pace = Pace { per_second: 16.0, burst: 256.0 };

/// How long an answer counts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ages {
    pub(super) public: Duration,
    pub(super) accepted: Duration,
    pub(super) refused: Duration,
    pub(super) failed: Duration,
}

/// What is known about a pair without asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    Yes,
    No,
    /// Upstream did not answer a moment ago.
    Down,
    /// Upstream wants to be left alone for so long.
    Wait(Duration),
}

/// What upstream has said. The times are when it was asked; without one the answer is from the disk and only counts
/// where upstream cannot be asked.
#[derive(Debug)]
pub(super) struct Memory {
    yes: Recent<Key, Option<Instant>>,
    no: Recent<Key, Option<Instant>>,
    down: Recent<Key, Instant>,
    waits: Recent<Option<Sha256>, Instant>,
    strangers: Bucket,
}

impl Memory {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            yes: Recent::new(YES),
            no: Recent::new(NO),
            down: Recent::new(NO),
            waits: Recent::new(NO),
            strangers: Bucket::full(STRANGERS, now),
        }
    }

    /// What counts now.
    pub(super) fn known(&mut self, key: &Key, ages: Ages, now: Instant) -> Option<Known> {
        let within = |at: Instant, age: Duration| now.saturating_duration_since(at) < age;
        let yes = if key.1.is_some() { ages.accepted } else { ages.public };
        if self.yes.get(key).is_some_and(|at| at.is_some_and(|at| within(at, yes))) {
            return Some(Known::Yes);
        }
        if self.no.get(key).is_some_and(|at| at.is_some_and(|at| within(at, ages.refused))) {
            return Some(Known::No);
        }
        if self.down.get(key).is_some_and(|at| within(*at, ages.failed)) {
            return Some(Known::Down);
        }
        let until = *self.waits.get(&key.1)?;
        (until > now).then(|| Known::Wait(until.duration_since(now)))
    }

    /// Upstream's last word on whether everyone may read it, however old.
    pub(super) fn visibility(&mut self, repo: &Repo) -> Option<Visibility> {
        let key = (repo.clone(), None);
        let public = self.yes.get(&key).map(|_| Visibility::Public);
        public.or_else(|| self.no.get(&key).map(|_| Visibility::Restricted))
    }

    /// Takes over what the disk says.
    pub(super) fn load(&mut self, repo: &Repo, visibility: Visibility) {
        let key = (repo.clone(), None);
        match visibility {
            _ if self.visibility(repo).is_some() => {}
            Visibility::Public => self.yes.insert(key, None),
            Visibility::Restricted => self.no.insert(key, None),
        }
    }

    /// Whether a pair may be asked about; else when.
    ///
    /// What counts is whether this very pair was ever let in, and nothing about the repository alone: else the one who
    /// is held up would learn that it exists.
    pub(super) fn admit(&mut self, key: &Key, now: Instant) -> Result<(), Duration> {
        if self.yes.get(key).is_some() { Ok(()) } else { self.strangers.take(STRANGERS, now) }
    }

    /// Everyone may read it. Whether that is news.
    pub(super) fn public(&mut self, repo: &Repo, asked: Instant) -> bool {
        let key = (repo.clone(), None);
        let news = self.yes.get(&key).is_none();
        self.no.remove(&key);
        self.yes.insert(key, Some(asked));
        news
    }

    /// The token may read it, and not everyone. Whether that is news.
    pub(super) fn accepted(&mut self, key: &Key, asked: Instant) -> bool {
        let nobody = (key.0.clone(), None);
        // Without a time: what one without a token is told comes from a question without one.
        let was_public = self.yes.remove(&nobody).is_some();
        if self.no.get(&nobody).is_none() {
            self.no.insert(nobody, None);
        }
        self.no.remove(key);
        let news = was_public || self.yes.get(key).is_none();
        self.yes.insert(key.clone(), Some(asked));
        news
    }

    /// It is not there for the token, or for nobody. Whether that is news.
    pub(super) fn refused(&mut self, key: &Key, asked: Instant) -> bool {
        let news = self.yes.remove(key).is_some() || self.no.get(key).is_none();
        self.no.insert(key.clone(), Some(asked));
        news
    }

    pub(super) fn failed(&mut self, key: &Key, now: Instant) {
        self.down.insert(key.clone(), now);
    }

    pub(super) fn wait(&mut self, token: Option<Sha256>, until: Instant) {
        self.waits.insert(token, until);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.yes.len() + self.no.len() + self.down.len() + self.waits.len()
    }
}
