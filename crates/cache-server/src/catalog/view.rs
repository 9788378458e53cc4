//! [`View`]: a version as clients of the Hub see it.

use std::sync::Arc;
use std::time::Duration;

use cache_lib::{Commit, Error, ErrorKind, Manifest, Reason, Visibility};
use serde_json::Value;

use super::documents;
use super::encoded::EncodedAnswers;
use crate::hub_error::HubError;
use crate::repo::Repo;

/// How long a version is remembered: it never changes, but it may be evicted.
pub(super) const VIEW_TIME: Duration = Duration::from_secs(600);

/// A version as clients of the Hub see it. The same `Arc` for the same commit as long as it is remembered.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) repo: Repo,
    /// The files. Of a repository by configuration the manifest is that of its real source.
    pub(crate) manifest: Arc<Manifest>,
    /// 40 hexadecimal digits, also for sources whose commits have 64.
    pub(crate) commit: String,
    /// Upstream's info document (`GET /api/{kind}/{repo}/revision/{commit}`) without siblings and Xet; at least `id`, `sha`,
    /// `private`, `gated`, `tags`, `lastModified` where upstream was never asked. What it says of `private` and `gated` is
    /// the visibility.
    pub(crate) info: Value,
    /// The visibility when this was made.
    pub(crate) visibility: Visibility,
    /// Answers about it, written once.
    pub(crate) encoded: EncodedAnswers,
}

impl View {
    pub(super) fn new(repo: &Repo, commit: &str, manifest: Manifest, info: Value, visibility: Visibility) -> Self {
        let (repo, commit) = (repo.clone(), commit.to_owned());
        let info = documents::with_visibility(info, visibility);
        Self { repo, manifest: Arc::new(manifest), commit, info, visibility, encoded: EncodedAnswers::default() }
    }
}

/// A version, and whether it is stale.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) view: Arc<View>,
    /// Upstream could not be asked: this is what was known before. Goes into a header.
    pub(crate) stale: bool,
}

pub(super) fn is_commit(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// A commit as clients know it: they accept 40 digits only.
pub(super) fn shown(commit: &Commit) -> &str {
    commit.as_str().get(..40).unwrap_or(commit.as_str())
}

pub(super) fn commit_of(info: &Value) -> Result<Commit, HubError> {
    let sha = info.get("sha").and_then(Value::as_str).and_then(|sha| Commit::parse(sha).ok());
    sha.ok_or_else(|| {
        let error = Error::new(ErrorKind::Network, "upstream's answer names no commit");
        HubError::Unavailable(
            error.with_hint("check that server.upstream is a Hub").with_reason(Reason::UpstreamNotHub),
        )
    })
}
