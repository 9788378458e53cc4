//! [`Catalog`]: what repositories consist of, from upstream, from the store, or from another source by configuration.

use std::sync::Arc;

use async_trait::async_trait;
use cache_lib::{Cache, Manifest, Result};
use serde_json::Value;

use crate::access::{Grant, Permissions, Standing, Token};
use crate::activity::Activity;
use crate::config::ServerConfig;
use crate::refusal::Refusal;
use crate::repo::Repo;

/// A version as clients of the Hub see it. The same `Arc` for the same commit as long as it is remembered.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) repo: Repo,
    /// The files. Of a repository by configuration the manifest is that of its real source.
    pub(crate) manifest: Arc<Manifest>,
    /// 40 hexadecimal digits, also for sources whose commits have 64.
    pub(crate) commit: String,
    /// Upstream's own words (`GET /api/{kind}/{repo}/revision/{commit}`) without siblings and Xet; at least `id`, `sha`,
    /// `private`, `gated`, `tags`, `lastModified` where upstream was never asked.
    pub(crate) info: Value,
}

/// A version, and whether this is the word of today.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) view: Arc<View>,
    /// Upstream could not be asked: this is what was known before. Goes into a header.
    pub(crate) stale: bool,
}

/// What repositories consist of.
#[derive(Debug)]
pub(crate) struct Catalog {
    cache: Cache,
}

impl Catalog {
    pub(crate) fn new(cache: Cache, config: &ServerConfig, activity: Arc<Activity>) -> Result<Self> {
        let _ = (config, activity);
        Ok(Self { cache })
    }

    /// The version that a revision (branch, tag, `refs/pr/1`, commit) is.
    pub(crate) async fn version(&self, grant: &Grant, repo: &Repo, revision: &str) -> Result<Found, Refusal> {
        let _ = (&self.cache, grant, repo, revision);
        Err(Refusal::RepoNotFound)
    }

    /// `GET …/refs`: branches, converts, tags, and pull requests if asked for.
    pub(crate) async fn refs(&self, grant: &Grant, repo: &Repo, pulls: bool) -> Result<Value, Refusal> {
        let _ = (grant, repo, pulls);
        Err(Refusal::RepoNotFound)
    }

    /// `GET …/commits/{rev}`, one page: upstream's list, or the commits in the store.
    pub(crate) async fn commits(&self, grant: &Grant, repo: &Repo, revision: &str) -> Result<Value, Refusal> {
        let _ = (grant, repo, revision);
        Err(Refusal::RepoNotFound)
    }

    /// Whose token it is, by upstream's word (`GET /api/whoami-v2`).
    pub(crate) async fn whoami(&self, token: &Token) -> Result<Value, Refusal> {
        let _ = token;
        Err(Refusal::BadToken)
    }

    /// All repositories that are served without asking upstream, with what is known of each: for listings.
    pub(crate) async fn repos(&self) -> Result<Vec<(Repo, Value)>, Refusal> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl Permissions for Catalog {
    async fn ask(&self, repo: &Repo, token: Option<&Token>) -> Result<Standing> {
        let _ = (repo, token);
        Ok(Standing::Public)
    }
}
