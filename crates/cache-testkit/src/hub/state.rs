//! What a Hub knows.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use cache_core::RepoKind;
use http::{HeaderMap, header};
use tokio::sync::watch;

use super::config::HubConfig;
use super::hub_fault::HubFaults;
use super::reply::Refusal;
use super::repo::{HubFile, Repo};
use super::route::RepoId;
use super::seen::Seen;
use crate::gate::Gate;
use crate::listen::Counts;

#[derive(Debug)]
pub(super) struct State {
    pub(super) config: HubConfig,
    pub(super) hub_url: String,
    pub(super) cdn_url: String,
    pub(super) repos: RwLock<BTreeMap<RepoId, Repo>>,
    /// Users by their tokens.
    pub(super) users: RwLock<BTreeMap<String, String>>,
    pub(super) cdn: RwLock<HashMap<u64, Arc<CdnFile>>>,
    /// Large files whose redirect leads somewhere else.
    pub(super) elsewhere: RwLock<HashMap<(RepoId, String), String>>,
    pub(super) next_id: AtomicU64,
    /// Changes when all links expire.
    pub(super) epoch: AtomicU64,
    pub(super) rate: AtomicU64,
    pub(super) troubles: HubFaults,
    pub(super) gate: Gate,
    pub(super) log: Mutex<Vec<Seen>>,
    pub(super) seen: watch::Sender<u64>,
    pub(super) hub_counts: Counts,
    pub(super) cdn_counts: Counts,
}

impl State {
    pub(super) fn note(&self, seen: Seen) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        if log.len() < self.config.log_limit {
            log.push(seen);
        }
        drop(log);
        self.seen.send_modify(|seen| *seen += 1);
    }

    pub(super) fn cas_url(&self) -> String {
        format!("{}/cas", self.cdn_url)
    }

    /// The user of the token, if one was sent.
    pub(super) fn user(&self, headers: &HeaderMap) -> Result<Option<String>, Refusal> {
        let Some(header) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
        let token = header.to_str().ok().and_then(|text| text.strip_prefix("Bearer "));
        let user = token.and_then(|token| read(&self.users).get(token).cloned());
        user.map(Some).ok_or_else(Refusal::credentials)
    }

    /// Counts connections of both origins.
    pub(super) fn counts(&self, pick: impl Fn(&Counts) -> &AtomicU64) -> (u64, u64) {
        (pick(&self.hub_counts).load(Ordering::Relaxed), pick(&self.cdn_counts).load(Ordering::Relaxed))
    }
}

/// A file as the CDN finds it.
#[derive(Debug)]
pub(super) struct CdnFile {
    pub(super) file: Arc<HubFile>,
    /// `org/name/path`, for matching.
    pub(super) path: String,
}

/// The word in front of a repository's address: nothing for models.
pub(super) fn prefix(kind: RepoKind) -> &'static str {
    match kind {
        RepoKind::Model => "",
        RepoKind::Dataset => "datasets/",
        RepoKind::Space => "spaces/",
    }
}

pub(super) fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
