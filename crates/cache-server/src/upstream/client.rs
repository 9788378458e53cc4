//! [`UpstreamClient`]: requests to upstream's API and what their answers mean.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cache_lib::{Cache, Error, ErrorKind, HubResponse, Result, Retry};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use tokio::time::Instant;

use crate::bounded::LruCache;
use crate::caller::{Grant, Identity};
use crate::config::LONGEST_SILENCE;
use crate::hub_error::HubError;
use crate::repo::Repo;
use crate::upstream::{LONGEST_WAIT, StaleGrace};

/// All but RFC 3986's unreserved characters: a revision is one segment.
const PART: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Longest wait for the head of an answer, and again for its body: clients give up at ten seconds.
const PATIENCE: Duration = Duration::from_secs(8);
/// A question that fails sooner may have met a connection that had lain idle and broke at its first use.
const SOON: Duration = Duration::from_secs(1);
/// Most identities with a remembered `Retry-After`.
const ASKERS: usize = 1024;
/// Most caches kept for callers' tokens.
const CALLERS: usize = 256;

/// The Hub behind this server.
#[derive(Debug)]
pub(crate) struct UpstreamClient {
    cache: Cache,
    anonymous: Cache,
    /// Caches that ask with callers' tokens: making one reads the environment and the token file.
    callers: Mutex<LruCache<Identity, Cache>>,
    /// End of upstream's `Retry-After`, by identity. Tokens can be invented, so the map is bounded.
    limited: Mutex<LruCache<Identity, Instant>>,
    grace: Arc<StaleGrace>,
}

impl UpstreamClient {
    pub(crate) fn new(cache: Cache, grace: Arc<StaleGrace>) -> Result<Self> {
        let anonymous = cache.with_hub_token(None)?;
        let (callers, limited) = (Mutex::new(LruCache::new(CALLERS)), Mutex::new(LruCache::new(ASKERS)));
        Ok(Self { cache, anonymous, callers, limited, grace })
    }

    /// The cache that asks with the token of a grant.
    pub(crate) fn by(&self, grant: &Grant) -> Result<Cache> {
        match &grant.token {
            _ if grant.own => Ok(self.cache.clone()),
            None => Ok(self.anonymous.clone()),
            Some(token) => {
                let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(cache) = callers.get(&grant.identity()) {
                    return Ok(cache.clone());
                }
                let cache = self.cache.with_hub_token(Some(token.expose()))?;
                callers.insert(grant.identity(), cache.clone());
                Ok(cache)
            }
        }
    }

    /// One question. After a 429 it is not asked with that token until the time upstream has named.
    pub(crate) async fn ask(&self, grant: &Grant, path: &str) -> Result<HubResponse> {
        let identity = grant.identity();
        if let Some(wait) = self.wait(identity) {
            return Err(limited(wait));
        }
        let cache = self.by(grant)?;
        let began = Instant::now();
        let mut answer = patiently(&cache, path).await;
        if began.elapsed() < SOON && answer.as_ref().is_err_and(|error| error.retry() == Retry::Backoff) {
            answer = patiently(&cache, path).await;
        }
        match &answer {
            Err(error) if error.is_rate_limited() => {
                self.grace.record_answer();
                if let Retry::After(wait) = error.retry() {
                    self.limited().insert(identity, Instant::now() + wait.min(LONGEST_WAIT));
                }
            }
            Err(error) if error.kind() == ErrorKind::Network => self.grace.record_silence(),
            _ => self.grace.record_answer(),
        }
        answer
    }

    /// Rest of upstream's `Retry-After` for an identity.
    fn wait(&self, identity: Identity) -> Option<Duration> {
        let until = *self.limited().get(&identity)?;
        until.checked_duration_since(Instant::now()).filter(|wait| !wait.is_zero())
    }

    fn limited(&self) -> MutexGuard<'_, LruCache<Identity, Instant>> {
        self.limited.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for all of an answer, and before it for a place among upstream's connections.
async fn patiently(cache: &Cache, path: &str) -> Result<HubResponse> {
    match tokio::time::timeout(LONGEST_SILENCE, cache.hub_answer(path, PATIENCE)).await {
        Ok(answer) => answer,
        Err(_) => {
            Err(Error::new(ErrorKind::Network, format!("upstream: no answer within {} s", LONGEST_SILENCE.as_secs()))
                .with_hint("the network or upstream is slow; try again later"))
        }
    }
}

fn limited(wait: Duration) -> Error {
    Error::new(ErrorKind::Network, "rate limited by upstream")
        .with_hint(format!("retrying in {} s", wait.as_secs() + 1))
        .with_retry(Retry::After(wait))
        .with_rate_limited()
}

/// `/api/{kind}/{repo}{rest}`
pub(crate) fn api(repo: &Repo, rest: &str) -> String {
    format!("/api/{}/{}{rest}", repo.kind.plural(), repo.name)
}

/// A revision as one segment.
pub(crate) fn segment(revision: &str) -> String {
    utf8_percent_encode(revision, PART).to_string()
}

/// The JSON of an answer about a repository that the caller may read.
pub(crate) fn read(answer: &HubResponse) -> Result<Value, HubError> {
    match (answer.status, answer.code.as_deref()) {
        (200..=299, _) => serde_json::from_slice(&answer.body).map_err(|error| {
            let error = Error::new(ErrorKind::Network, format!("invalid JSON from upstream: {error}"));
            HubError::Unavailable(
                error.with_hint("check that server.upstream is a Hub").with_reason(cache_lib::Reason::UpstreamNotHub),
            )
        }),
        (_, Some("RevisionNotFound")) => Err(HubError::RevisionNotFound),
        (401 | 403 | 404 | 410, _) => Err(HubError::RepoNotFound),
        (status, _) => Err(HubError::Unavailable(
            Error::new(ErrorKind::Network, format!("upstream answered {status}")).with_hint("try again later"),
        )),
    }
}

/// What an error of asking is to the caller: 429 only where upstream has said so.
pub(crate) fn refusal(error: Error) -> HubError {
    match error.retry() {
        Retry::After(wait) if error.is_rate_limited() => HubError::Limited(wait.min(LONGEST_WAIT)),
        _ => HubError::Unavailable(error),
    }
}
