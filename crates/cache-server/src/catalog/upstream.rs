//! Asking upstream: addresses, one answer at a time, and what it means.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cache_lib::{Cache, Error, ErrorKind, HubAnswer, Result, Retry};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use tokio::time::Instant;

use crate::access::{Asker, Grant};
use crate::bounded::Recent;
use crate::refusal::Refusal;
use crate::repo::Repo;

/// All but RFC 3986's unreserved characters: a revision is one segment.
const PART: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Longest wait for upstream before what is known counts.
const PATIENCE: Duration = Duration::from_secs(8);

/// The longest that upstream is left alone because it said so.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);
/// Tokens of which it is remembered that they have to wait.
const ASKERS: usize = 1024;
/// Tokens whose caches are kept.
const CALLERS: usize = 256;

/// The Hub behind this server.
#[derive(Debug)]
pub(super) struct Upstream {
    cache: Cache,
    anonymous: Cache,
    /// Caches that ask with callers' tokens: making one reads the environment and the token file.
    callers: Mutex<Recent<Asker, Cache>>,
    /// Until when upstream has asked not to be asked, by whom. Anyone can invent tokens: those used most stay.
    limited: Mutex<Recent<Asker, Instant>>,
}

impl Upstream {
    pub(super) fn new(cache: Cache) -> Result<Self> {
        let anonymous = cache.with_hub_token(None)?;
        let (callers, limited) = (Mutex::new(Recent::new(CALLERS)), Mutex::new(Recent::new(ASKERS)));
        Ok(Self { cache, anonymous, callers, limited })
    }

    /// The cache that asks with the token of a grant.
    pub(super) fn by(&self, grant: &Grant) -> Result<Cache> {
        match &grant.token {
            _ if grant.own => Ok(self.cache.clone()),
            None => Ok(self.anonymous.clone()),
            Some(token) => {
                let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(cache) = callers.get(&grant.asker()) {
                    return Ok(cache.clone());
                }
                let cache = self.cache.with_hub_token(Some(token.expose()))?;
                callers.insert(grant.asker(), cache.clone());
                Ok(cache)
            }
        }
    }

    /// One question. After a 429 it is not asked with that token until the time upstream has named.
    pub(super) async fn ask(&self, grant: &Grant, path: &str) -> Result<HubAnswer> {
        let asker = grant.asker();
        if let Some(wait) = self.wait(asker) {
            return Err(limited(wait));
        }
        let cache = self.by(grant)?;
        let mut answer = patiently(&cache, path).await;
        // A connection that had lain idle breaks at the first use: that is no sign of anything.
        if matches!(&answer, Err(error) if error.retry() == Retry::Backoff) {
            answer = patiently(&cache, path).await;
        }
        if let Err(error) = &answer
            && let Retry::After(wait) = error.retry()
        {
            self.limited().insert(asker, Instant::now() + wait.min(LONGEST_WAIT));
        }
        answer
    }

    /// How long upstream does not want to be asked.
    fn wait(&self, asker: Asker) -> Option<Duration> {
        let until = *self.limited().get(&asker)?;
        until.checked_duration_since(Instant::now()).filter(|wait| !wait.is_zero())
    }

    fn limited(&self) -> MutexGuard<'_, Recent<Asker, Instant>> {
        self.limited.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn patiently(cache: &Cache, path: &str) -> Result<HubAnswer> {
    match tokio::time::timeout(PATIENCE, cache.hub_answer(path)).await {
        Ok(answer) => answer,
        Err(_) => Err(Error::new(ErrorKind::Network, format!("no answer within {} s", PATIENCE.as_secs()))
            .with_hint("the network or upstream is slow")),
    }
}

fn limited(wait: Duration) -> Error {
    Error::new(ErrorKind::Network, "upstream has answered that there were too many requests")
        .with_hint(format!("it is asked again in {} s", wait.as_secs() + 1))
        .with_retry(Retry::After(wait))
}

/// `/api/{kind}/{repo}{rest}`
pub(super) fn api(repo: &Repo, rest: &str) -> String {
    format!("/api/{}/{}{rest}", repo.kind.plural(), repo.name)
}

/// A revision as one segment.
pub(super) fn segment(revision: &str) -> String {
    utf8_percent_encode(revision, PART).to_string()
}

/// The JSON of an answer about a repository that the caller may read.
pub(super) fn read(answer: &HubAnswer) -> Result<Value, Refusal> {
    match (answer.status, answer.code.as_deref()) {
        (200..=299, _) => serde_json::from_slice(&answer.body).map_err(|error| {
            let error =
                Error::new(ErrorKind::Network, format!("upstream's answer is not the JSON it should be: {error}"));
            Refusal::Unavailable(error.with_hint("check that --upstream is a Hub"))
        }),
        (_, Some("RevisionNotFound")) => Err(Refusal::RevisionNotFound),
        (401 | 403 | 404 | 410, _) => Err(Refusal::RepoNotFound),
        (status, _) => Err(Refusal::Unavailable(
            Error::new(ErrorKind::Network, format!("upstream answered {status}")).with_hint("try again later"),
        )),
    }
}

/// What an error of asking is to the caller.
pub(super) fn refusal(error: Error) -> Refusal {
    match error.retry() {
        Retry::After(wait) => Refusal::Limited(wait.min(LONGEST_WAIT)),
        _ => Refusal::Unavailable(error),
    }
}
