//! [`Decisions`]: what upstream has said, bounded.

use std::time::{Duration, Instant};

use cache_lib::Sha256;

use crate::bounded::LruCache;
use crate::repo::Repo;

/// Subject of a decision: a repository, and the hash of a token or none.
pub(super) type Key = (Repo, Option<Sha256>);

/// Most grants. Only upstream makes them, so invented requests cannot evict them.
const MAX_GRANTS: usize = 16 << 10;
/// Most denials. Any client can cause them.
const MAX_DENIALS: usize = 8 << 10;

/// Upstream's last answer on anonymous access to a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LastAnswer {
    Public,
    /// Private, gated, or gone.
    Restricted,
}

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
pub(super) enum Decision {
    Allowed,
    Denied,
    /// Upstream did not answer a moment ago.
    Unreachable,
    /// Upstream asks not to be asked for so long.
    RetryAfter(Duration),
}

/// A denial.
#[derive(Debug, Clone, Copy)]
struct Denial {
    /// Time of its question; `None` where it follows from another one.
    answers: Option<Instant>,
    /// Answers to questions before this grant nothing.
    closed: Instant,
}

/// What upstream has said. The times are when it was asked; without one the answer is from the disk and only counts
/// where upstream cannot be asked. As in the store, closing goes before opening: only a later question opens.
#[derive(Debug)]
pub(super) struct Decisions {
    yes: LruCache<Key, Option<Instant>>,
    no: LruCache<Key, Denial>,
    down: LruCache<Key, Instant>,
    waits: LruCache<Option<Sha256>, Instant>,
    /// Gated repositories: listed for all, readable by some.
    gated: LruCache<Repo, ()>,
}

impl Decisions {
    pub(super) fn new() -> Self {
        Self {
            yes: LruCache::new(MAX_GRANTS),
            no: LruCache::new(MAX_DENIALS),
            down: LruCache::new(MAX_DENIALS),
            waits: LruCache::new(MAX_DENIALS),
            gated: LruCache::new(MAX_DENIALS),
        }
    }

    /// What counts now.
    pub(super) fn known(&mut self, key: &Key, ages: Ages, now: Instant) -> Option<Decision> {
        let within = |at: Instant, age: Duration| now.saturating_duration_since(at) < age;
        let yes = if key.1.is_some() { ages.accepted } else { ages.public };
        if self.yes.get(key).is_some_and(|at| at.is_some_and(|at| within(at, yes))) {
            return Some(Decision::Allowed);
        }
        if self.no.get(key).is_some_and(|no| no.answers.is_some_and(|at| within(at, ages.refused))) {
            return Some(Decision::Denied);
        }
        if self.down.get(key).is_some_and(|at| within(*at, ages.failed)) {
            return Some(Decision::Unreachable);
        }
        let until = *self.waits.get(&key.1)?;
        (until > now).then(|| Decision::RetryAfter(until.duration_since(now)))
    }

    /// Upstream's last answer on anonymous access, however old.
    pub(super) fn word(&mut self, repo: &Repo) -> Option<LastAnswer> {
        let key = (repo.clone(), None);
        let public = self.yes.get(&key).map(|_| LastAnswer::Public);
        public.or_else(|| self.no.get(&key).map(|_| LastAnswer::Restricted))
    }

    /// Takes over a public record of the disk, so that questions about it are not paced.
    pub(super) fn load_public(&mut self, repo: &Repo) {
        if self.word(repo).is_none() {
            self.yes.insert((repo.clone(), None), None);
        }
    }

    /// Whether this pair was ever granted: then its question is not paced. Nothing about the
    /// repository alone counts, else a delay would reveal that it exists.
    pub(super) fn was_let_in(&mut self, key: &Key) -> bool {
        self.yes.get(key).is_some()
    }

    /// Notes anonymous access; `false` where it was closed since the question.
    pub(super) fn public(&mut self, repo: &Repo, asked: Instant) -> bool {
        let key = (repo.clone(), None);
        if self.was_closed(&key, asked) {
            return false;
        }
        self.no.remove(&key);
        self.gated.remove(repo);
        self.yes.insert(key, Some(asked));
        true
    }

    /// Notes access of the token alone; `false` where it was refused since the question.
    pub(super) fn accepted(&mut self, key: &Key, asked: Instant) -> bool {
        let anonymous = (key.0.clone(), None);
        self.yes.remove(&anonymous);
        // Anonymous answers come from anonymous questions.
        self.close(anonymous, None, asked);
        if self.was_closed(key, asked) {
            return false;
        }
        self.no.remove(key);
        self.yes.insert(key.clone(), Some(asked));
        true
    }

    /// Notes that it is hidden from the token or from anonymous callers.
    pub(super) fn hidden(&mut self, key: &Key, asked: Instant) {
        // Only an anonymous question shows what is public.
        if key.1.is_none() {
            self.gated.remove(&key.0);
        }
        self.refused(key, asked);
    }

    /// Notes that it is gated: refused to this token or anonymously, and not hidden.
    pub(super) fn gated(&mut self, key: &Key, asked: Instant) {
        self.gated.insert(key.0.clone(), ());
        self.refused(key, asked);
    }

    /// Upstream no longer honors what it had granted. Whether that grant was remembered.
    pub(super) fn withdraw(&mut self, key: &Key, now: Instant) -> bool {
        let known = self.yes.get(key).is_some();
        self.refused(key, now);
        known
    }

    fn refused(&mut self, key: &Key, asked: Instant) {
        self.yes.remove(key);
        self.close(key.clone(), Some(asked), asked);
    }

    fn close(&mut self, key: Key, answers: Option<Instant>, closed: Instant) {
        match self.no.get(&key) {
            Some(no) => *no = Denial { answers: no.answers.max(answers), closed: no.closed.max(closed) },
            None => self.no.insert(key, Denial { answers, closed }),
        }
    }

    /// Whether it was closed after a question of that time.
    fn was_closed(&mut self, key: &Key, asked: Instant) -> bool {
        self.no.get(key).is_some_and(|no| no.closed > asked)
    }

    /// Whether upstream has said that it is gated, and nothing else since.
    pub(super) fn is_gated(&mut self, repo: &Repo) -> bool {
        self.gated.get(repo).is_some()
    }

    pub(super) fn failed(&mut self, key: &Key, now: Instant) {
        self.down.insert(key.clone(), now);
    }

    pub(super) fn wait(&mut self, token: Option<Sha256>, until: Instant) {
        self.waits.insert(token, until);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.yes.len() + self.no.len() + self.down.len() + self.waits.len() + self.gated.len()
    }
}

#[cfg(test)]
mod tests {
    use cache_lib::ModelId;

    use super::*;

    #[test]
    fn late_answer_opens_nothing_closed_since() {
        let (repo, token) = (Repo::of(&ModelId::hub("org/name").unwrap()).unwrap(), Sha256::from_bytes([1; 32]));
        let (anonymous, somebody) = ((repo.clone(), None), (repo.clone(), Some(token)));
        let age = Duration::from_secs(60);
        let ages = Ages { public: age, accepted: age, refused: age, failed: age };
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let mut memory = Decisions::new();
        memory.withdraw(&anonymous, start + second);
        memory.withdraw(&somebody, start + second);
        assert!(!memory.public(&repo, start) && !memory.accepted(&somebody, start));
        for key in [&anonymous, &somebody] {
            assert_eq!(memory.known(key, ages, start + second), Some(Decision::Denied));
        }
        // Nor is a question with the token older than its answer.
        assert!(memory.accepted(&somebody, start + 3 * second) && !memory.public(&repo, start + 2 * second));
        assert_eq!(memory.word(&repo), Some(LastAnswer::Restricted));
        assert!(memory.public(&repo, start + 4 * second));
        assert_eq!(memory.known(&anonymous, ages, start + 4 * second), Some(Decision::Allowed));
    }
}
