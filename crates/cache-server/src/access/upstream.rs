//! [`Upstream`]: permission where upstream decides.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use cache_lib::{Cache, Error, ErrorKind, Retry};

use super::memory::{Ages, Key, Known, Memory};
use super::record::{self, Visibility};
use super::{Grant, Permissions, Standing, Token};
use crate::clock::Clock;
use crate::config::ServerConfig;
use crate::refusal::Refusal;
use crate::repo::Repo;

/// How long a failure answers those who ask the same: they were waiting for one question.
const FAILED: Duration = Duration::from_secs(1);
/// The longest that upstream is left alone because it said so.
const LONGEST_WAIT: Duration = Duration::from_secs(300);
/// Questions under way above which those that have ended are swept out.
const SWEEP: usize = 1024;

/// Permission where upstream decides.
#[derive(Debug)]
pub(super) struct Upstream {
    permissions: Arc<dyn Permissions>,
    flights: Mutex<HashMap<Key, Weak<tokio::sync::Mutex<()>>>>,
    ages: Ages,
    clock: Clock,
    remembered: Arc<Remembered>,
}

#[derive(Debug)]
struct Remembered {
    cache: Cache,
    memory: Mutex<Memory>,
    /// Held while the disk is made to say what the memory says.
    disk: Mutex<()>,
}

impl Upstream {
    pub(super) fn new(config: &ServerConfig, cache: Cache, permissions: Arc<dyn Permissions>, clock: Clock) -> Self {
        let ages = Ages { public: config.refresh, accepted: config.grant, refused: config.negative, failed: FAILED };
        let memory = Mutex::new(Memory::new(clock.now()));
        let remembered = Arc::new(Remembered { cache, memory, disk: Mutex::new(()) });
        Self { permissions, flights: Mutex::default(), ages, clock, remembered }
    }

    /// The right to read, by upstream's word.
    ///
    /// A public repository costs one question for everyone, so nobody's is the first. One that is known not to be public
    /// costs one for each token that may read it, so the token's is the first.
    pub(super) async fn grant(&self, repo: &Repo, token: Option<&Token>) -> Result<Grant, Refusal> {
        if self.counts(&(repo.clone(), None)) == Some(Known::Yes) {
            return Ok(Grant::default());
        }
        let restricted = self.last_word(repo) == Some(Visibility::Restricted);
        let questions = match token {
            None => vec![None],
            Some(_) if restricted => vec![token, None],
            Some(_) => vec![None, token],
        };
        let mut failure = None;
        for asking in questions {
            match self.question(repo, asking).await {
                Ok(Standing::Public) => return Ok(Grant::default()),
                Ok(Standing::Accepted) => return Ok(Grant { token: token.cloned(), own: false }),
                Ok(Standing::Refused) => {}
                Err(refusal) => failure = failure.or(Some(refusal)),
            }
        }
        match failure {
            None => Err(Refusal::RepoNotFound),
            Some(_) if self.last_word(repo) == Some(Visibility::Public) => Ok(Grant::default()),
            Some(refusal) => Err(refusal),
        }
    }

    /// Whether it can be shown to the token without asking.
    pub(super) fn shows(&self, repo: &Repo, token: Option<&Token>) -> bool {
        let accepted = |token: &Token| self.counts(&(repo.clone(), Some(token.sha256()))) == Some(Known::Yes);
        self.last_word(repo) == Some(Visibility::Public) || token.is_some_and(accepted)
    }

    /// Upstream's last word on whether everyone may read it, from memory or disk.
    pub(super) fn last_word(&self, repo: &Repo) -> Option<Visibility> {
        let known = self.remembered.memory().visibility(repo);
        known.or_else(|| {
            let recorded = record::read(self.remembered.cache.store(), repo)?;
            let mut memory = self.remembered.memory();
            memory.load(repo, recorded);
            memory.visibility(repo)
        })
    }

    fn counts(&self, key: &Key) -> Option<Known> {
        self.remembered.memory().known(key, self.ages, self.clock.now())
    }

    /// How the repository stands to the token or to nobody: known, or asked once however many want to know.
    async fn question(&self, repo: &Repo, token: Option<&Token>) -> Result<Standing, Refusal> {
        let key = (repo.clone(), token.map(Token::sha256));
        if let Some(known) = self.counts(&key) {
            return told(known, &key);
        }
        let flight = self.flight(&key);
        let _turn = flight.lock().await;
        if let Some(known) = self.counts(&key) {
            return told(known, &key);
        }
        // The time of the question: by the time of the answer it may no longer be true.
        let asked = self.clock.now();
        self.remembered.memory().admit(&key, asked).map_err(Refusal::Limited)?;
        let answer = self.permissions.ask(repo, token).await;
        let news = {
            let mut memory = self.remembered.memory();
            match (&answer, token) {
                (Ok(Standing::Public), _) => memory.public(repo, asked),
                (Ok(Standing::Accepted), Some(_)) => memory.accepted(&key, asked),
                (Ok(_), _) => memory.refused(&key, asked),
                (Err(error), _) if is_refusal(error) => memory.refused(&key, asked),
                (Err(error), _) => {
                    let now = self.clock.now();
                    let Retry::After(wait) = error.retry() else {
                        tracing::warn!(%repo, %error, "upstream could not be asked whether this may be read");
                        memory.failed(&key, now);
                        return Err(unanswered());
                    };
                    let wait = wait.min(LONGEST_WAIT);
                    memory.wait(key.1, now + wait);
                    return Err(Refusal::Limited(wait));
                }
            }
        };
        if news {
            self.save(repo, matches!(answer, Ok(Standing::Public | Standing::Accepted))).await;
        }
        match answer {
            Ok(Standing::Accepted) if token.is_none() => Ok(Standing::Refused),
            Ok(standing) => Ok(standing),
            Err(_) => Ok(Standing::Refused),
        }
    }

    fn flight(&self, key: &Key) -> Arc<tokio::sync::Mutex<()>> {
        let mut flights = lock(&self.flights);
        if let Some(flight) = flights.get(key).and_then(Weak::upgrade) {
            return flight;
        }
        if flights.len() >= SWEEP {
            flights.retain(|_, flight| flight.strong_count() > 0);
        }
        let flight = Arc::default();
        flights.insert(key.clone(), Arc::downgrade(&flight));
        flight
    }

    /// Makes the disk say what the memory says. A repository that upstream never let anyone read gets no record: there
    /// are as many of those as names.
    async fn save(&self, repo: &Repo, exists: bool) {
        let (remembered, repo) = (Arc::clone(&self.remembered), repo.clone());
        let saved = tokio::task::spawn_blocking(move || {
            let _order = lock(&remembered.disk);
            let visibility = remembered.memory().visibility(&repo);
            let store = remembered.cache.store();
            match visibility {
                Some(visibility) if exists || record::read(store, &repo).is_some() => {
                    record::write(store, &repo, visibility)
                }
                _ => Ok(()),
            }
        });
        if let Ok(Err(error)) = saved.await {
            tracing::warn!(%error, "whether a repository is public could not be recorded");
        }
    }

    #[cfg(test)]
    pub(super) fn remembers(&self) -> usize {
        self.remembered.memory().len() + lock(&self.flights).len()
    }
}

impl Remembered {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        lock(&self.memory)
    }
}

fn told(known: Known, key: &Key) -> Result<Standing, Refusal> {
    match known {
        Known::Yes if key.1.is_some() => Ok(Standing::Accepted),
        Known::Yes => Ok(Standing::Public),
        Known::No => Ok(Standing::Refused),
        Known::Down => Err(unanswered()),
        Known::Wait(wait) => Err(Refusal::Limited(wait)),
    }
}

/// The same words whatever failed, and for whatever repository: the particulars are in the log.
fn unanswered() -> Refusal {
    Refusal::Unavailable(
        Error::new(ErrorKind::Network, "upstream does not answer, and must say who may read this")
            .with_hint("try again later"),
    )
}

fn is_refusal(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Unauthorized)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
