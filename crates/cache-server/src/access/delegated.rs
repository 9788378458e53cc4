//! [`Delegated`]: permission where upstream decides.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use cache_lib::{Cache, Error, ErrorKind, Evidence, Result, Retry, Visibility, VisibilityRecord};

use super::decisions::{Ages, Decision, Decisions, Key, LastAnswer};
use super::repo_access::{Permissions, RepoAccess};
use crate::blocking::blocking;
use crate::caller::{Grant, Token};
use crate::clock::Clock;
use crate::config::ServerConfig;
use crate::hub_error::HubError;
use crate::repo::Repo;
use crate::single_flight::{SharedCall, SingleFlight};
use crate::upstream::{ClientGroup, LONGEST_WAIT, Limits};
use crate::visibility::{RecordedVisibility, VisibilityRecords};

/// How long a failure answers concurrent requests for the same.
const FAILED: Duration = Duration::from_secs(1);

/// Permission where upstream decides.
#[derive(Debug)]
pub(super) struct Delegated {
    permissions: Arc<dyn Permissions>,
    calls: SingleFlight<Key, Result<RepoAccess, HubError>>,
    limits: Limits,
    ages: Ages,
    clock: Clock,
    known: Arc<KnownAccess>,
}

#[derive(Debug)]
struct KnownAccess {
    cache: Cache,
    records: Arc<VisibilityRecords>,
    memory: Mutex<Decisions>,
}

impl Delegated {
    pub(super) fn new(
        config: &ServerConfig,
        cache: Cache,
        records: Arc<VisibilityRecords>,
        permissions: Arc<dyn Permissions>,
        clock: Clock,
    ) -> Self {
        let ages = Ages { public: config.refresh, accepted: config.grant, refused: config.negative, failed: FAILED };
        let memory = Mutex::new(Decisions::new());
        let known = Arc::new(KnownAccess { cache, records, memory });
        Self { permissions, calls: SingleFlight::default(), limits: Limits::default(), ages, clock, known }
    }

    /// Shares the limits of the other users of upstream.
    pub(super) fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// The right to read, as upstream grants it.
    ///
    /// A public repository costs one question in all, so the anonymous one is the first. One that is known not to be public
    /// costs one for each token that may read it, so the token's is the first.
    pub(super) async fn grant(
        &self,
        repo: &Repo,
        token: Option<&Token>,
        client: ClientGroup,
    ) -> Result<Grant, HubError> {
        if self.counts(&(repo.clone(), None)) == Some(Decision::Allowed) {
            return Ok(Grant::default());
        }
        let restricted = self.is_known_restricted(repo);
        let questions = match token {
            None => vec![None],
            Some(_) if restricted => vec![token, None],
            Some(_) => vec![None, token],
        };
        let mut failure = None;
        for asking in questions {
            match self.question(repo, asking, client).await {
                Ok(RepoAccess::Public) => return Ok(Grant::default()),
                Ok(RepoAccess::Accepted) => return Ok(Grant { token: token.cloned(), own: false }),
                Ok(RepoAccess::Refused | RepoAccess::Gated) => {}
                // Delegated is silent: the other question would only wait for the same.
                Err(silent @ HubError::Unavailable(_)) => {
                    failure = Some(silent);
                    break;
                }
                Err(refusal) => failure = failure.or(Some(refusal)),
            }
        }
        let records = &self.known.records;
        records.load(repo).await;
        match failure {
            None if records.is_named(repo) => Ok(Grant::default()),
            None => Err(HubError::RepoNotFound),
            Some(_) if records.is_open(repo, self.last_word(repo)) => Ok(Grant::default()),
            Some(refusal) => Err(refusal),
        }
    }

    /// Takes back a grant that upstream no longer honors. The next one costs a question.
    pub(super) async fn withdraw(&self, repo: &Repo, token: Option<&Token>) {
        let (now, asked) = (self.clock.now(), self.known.cache.store().now());
        if self.known.memory().withdraw(&(repo.clone(), token.map(Token::sha256)), now) {
            tracing::warn!(%repo, with_token = token.is_some(), "grant withdrawn: upstream refuses the repository");
        }
        self.known.save(repo, LastAnswer::Restricted, asked).await;
    }

    /// Whether it is gated: listed for all, readable by some.
    pub(super) fn is_gated(&self, repo: &Repo) -> bool {
        self.known.memory().is_gated(repo) || self.last_word(repo).visibility == Visibility::Gated
    }

    /// Whether it can be shown to the token without asking.
    pub(super) fn shows(&self, repo: &Repo, token: Option<&Token>) -> bool {
        let accepted = |token: &Token| self.counts(&(repo.clone(), Some(token.sha256()))) == Some(Decision::Allowed);
        let open = self.last_word(repo).is_public() || self.known.records.is_named(repo);
        open || token.is_some_and(accepted)
    }

    /// The visibility by the store's loaded record and by upstream's answers to this process. What one of them closes is
    /// closed.
    pub(super) fn last_word(&self, repo: &Repo) -> RecordedVisibility {
        let known = &self.known;
        let recorded = known.records.recorded(repo);
        let mut memory = known.memory();
        if recorded.is_some_and(RecordedVisibility::is_public) {
            memory.load_public(repo);
        }
        match (memory.word(repo), recorded) {
            // Nothing can be recorded there.
            (Some(LastAnswer::Public), None) if known.cache.store().read_only().is_some() => RecordedVisibility::PUBLIC,
            (Some(LastAnswer::Restricted), recorded)
                if !recorded.is_some_and(|recorded| recorded.visibility.is_restricted()) =>
            {
                RecordedVisibility::REFUSED
            }
            (_, recorded) => recorded.unwrap_or_default(),
        }
    }

    fn is_known_restricted(&self, repo: &Repo) -> bool {
        let known = self.last_word(repo);
        known.visibility.is_restricted()
            || known.refused
            || self.known.memory().word(repo) == Some(LastAnswer::Restricted)
    }

    fn counts(&self, key: &Key) -> Option<Decision> {
        self.known.memory().known(key, self.ages, self.clock.now())
    }

    /// Access with the token or without: known, or asked once for all concurrent requests.
    async fn question(&self, repo: &Repo, token: Option<&Token>, client: ClientGroup) -> Result<RepoAccess, HubError> {
        let key = (repo.clone(), token.map(Token::sha256));
        if let Some(known) = self.counts(&key) {
            return cached_answer(known, &key);
        }
        let call = match self.calls.join(&key) {
            Some(call) => call,
            None => {
                if !self.known.memory().was_let_in(&key) {
                    self.limits.pacing.turn(client).await.map_err(HubError::Limited)?;
                }
                // Meanwhile another's question may have ended; one that ends now waits for the memory.
                let mut memory = self.known.memory();
                if let Some(known) = memory.known(&key, self.ages, self.clock.now()) {
                    return cached_answer(known, &key);
                }
                self.start(&key, token)
            }
        };
        // A token gets no access by an old answer. What was public may be served while upstream is silent.
        self.known.records.load(repo).await;
        if !self.known.records.is_open(repo, self.last_word(repo)) {
            return call.end().await.unwrap_or_else(|| Err(Error::interrupted().into()));
        }
        match tokio::time::timeout_at(self.limits.grace.deadline(call.since), call.end()).await {
            Ok(end) => end.unwrap_or_else(|| Err(Error::interrupted().into())),
            Err(_) => {
                self.limits.grace.record_timeout(call.since);
                Err(unanswered(None))
            }
        }
    }

    /// Asks on a task of its own, so that waiters can be canceled.
    fn start(&self, key: &Key, token: Option<&Token>) -> SharedCall<Result<RepoAccess, HubError>> {
        let (permissions, known) = (Arc::clone(&self.permissions), Arc::clone(&self.known));
        let (clock, asked_about, token) = (self.clock.clone(), key.clone(), token.cloned());
        self.calls.start(key, async move {
            let (key, repo) = (&asked_about, &asked_about.0);
            // The time of the question: by the time of the answer it may no longer be true.
            let (asked, asked_at) = (clock.now(), known.cache.store().now());
            let answer = permissions.ask(repo, token.as_ref()).await;
            let standing = known.learn(key, &answer, asked, clock.now())?;
            match (&answer, &token) {
                (Ok(RepoAccess::Public), _) if standing == RepoAccess::Public => {
                    known.save(repo, LastAnswer::Public, asked_at).await;
                }
                // Closed since.
                (Ok(RepoAccess::Public), _) => {}
                // What is refused to a token says nothing of others.
                (Ok(RepoAccess::Accepted), _) | (_, None) => known.save(repo, LastAnswer::Restricted, asked_at).await,
                _ => {}
            }
            Ok(standing)
        })
    }

    #[cfg(test)]
    pub(super) fn remembers(&self) -> usize {
        self.known.memory().len() + self.calls.len()
    }
}

impl KnownAccess {
    fn memory(&self) -> MutexGuard<'_, Decisions> {
        lock(&self.memory)
    }

    /// Remembers what upstream said when it was asked, and returns what of it counts.
    ///
    /// # Errors
    /// Why it did not say anything.
    fn learn(
        &self,
        key: &Key,
        answer: &Result<RepoAccess>,
        asked: Instant,
        now: Instant,
    ) -> Result<RepoAccess, HubError> {
        let mut memory = self.memory();
        match (answer, key.1) {
            (Ok(RepoAccess::Public), _) if memory.public(&key.0, asked) => return Ok(RepoAccess::Public),
            (Ok(RepoAccess::Accepted), Some(_)) if memory.accepted(key, asked) => return Ok(RepoAccess::Accepted),
            (Ok(RepoAccess::Public), _) | (Ok(RepoAccess::Accepted), Some(_)) => {}
            (Ok(RepoAccess::Gated), _) => memory.gated(key, asked),
            (Ok(_), _) => memory.hidden(key, asked),
            (Err(error), _) if is_refusal(error) => memory.hidden(key, asked),
            (Err(error), _) => match error.retry() {
                Retry::After(wait) if error.is_rate_limited() => {
                    let wait = wait.min(LONGEST_WAIT);
                    memory.wait(key.1, now + wait);
                    return Err(HubError::Limited(wait));
                }
                _ => {
                    tracing::warn!(repo = %key.0, %error, "upstream could not be asked whether this may be read");
                    memory.failed(key, now);
                    return Err(unanswered(Some(error)));
                }
            },
        }
        Ok(RepoAccess::Refused)
    }

    /// Records what upstream said to a question of that time, if the record says otherwise. What has no record, and is
    /// not public, gets none: there are as many of those as names.
    async fn save(&self, repo: &Repo, word: LastAnswer, asked: SystemTime) {
        let (store, model) = (self.cache.store().clone(), repo.model());
        if self.records.is_alias(repo) {
            // Its source has a record of its own.
            return self.records.reload(repo).await;
        }
        if word == LastAnswer::Public && self.records.load(repo).await.is_some_and(RecordedVisibility::is_public) {
            return;
        }
        let saved = blocking(move || {
            let record = match word {
                LastAnswer::Public => VisibilityRecord::new(Visibility::Public, Evidence::Anonymous, asked),
                LastAnswer::Restricted => VisibilityRecord::new(Visibility::Unknown, Evidence::Refused, asked),
            };
            let is_public = || Ok::<_, Error>(store.visibility(&model)?.is_some_and(|old| old.visibility.is_public()));
            if word == LastAnswer::Public || is_public()? {
                store.put_visibility(&model, &record)?;
            }
            Ok(())
        });
        if let Err(error) = saved.await {
            tracing::warn!(%error, "visibility: not recorded");
        }
        self.records.reload(repo).await;
    }
}

fn cached_answer(known: Decision, key: &Key) -> Result<RepoAccess, HubError> {
    match known {
        Decision::Allowed if key.1.is_some() => Ok(RepoAccess::Accepted),
        Decision::Allowed => Ok(RepoAccess::Public),
        Decision::Denied => Ok(RepoAccess::Refused),
        Decision::Unreachable => Err(unanswered(None)),
        Decision::RetryAfter(wait) => Err(HubError::Limited(wait)),
    }
}

/// Why upstream gives no answer: by its state alone, the same for whatever repository. The particulars are in the log.
fn unanswered(error: Option<&Error>) -> HubError {
    let (what, retry) = match error {
        Some(error) if error.is_unreachable() => ("upstream unreachable", Retry::Never),
        Some(error) if matches!(error.retry(), Retry::After(_)) => {
            ("upstream skipped: too many recent failures", error.retry())
        }
        _ => ("upstream does not respond", Retry::Never),
    };
    Error::new(ErrorKind::Network, format!("{what}, and must state the access to this"))
        .with_hint("try again later")
        .with_retry(retry)
        .into()
}

fn is_refusal(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Unauthorized)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
