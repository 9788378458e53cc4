//! [`Catalog`]: what repositories consist of, from upstream, from the store, or from another source by configuration.
//!
//! A version never changes, so it is kept: the listing as a manifest in the store, upstream's info document
//! beside it. What moves (a branch's commit, the refs) counts for the configured time. For each key one
//! request is under way at a time, and when upstream does not answer in time, what was known before counts.

mod alias;
mod cached;
mod documents;
mod encoded;
mod lookups;
mod memo;
mod permissions;
mod repo_document;
mod resolver;
mod stored;
mod view;

use std::sync::Arc;
use std::time::Duration;

use cache_lib::{Cache, FileReader, ReadOptions, RepoPath, Result, Revision, Sha256, Version, Visibility};
use serde_json::Value;

use self::cached::{CachedAnswer, QueryCache};
use self::lookups::RepoLookup;
use self::memo::Memo;
use self::repo_document::RepoDocument;
use self::resolver::RepoResolver;
use self::stored::{latest, words};
pub(crate) use self::view::{Found, View};
use self::view::{is_commit, shown};
use crate::activity::Activity;
use crate::blocking::blocking;
use crate::caller::{Grant, Identity, Token};
use crate::config::ServerConfig;
use crate::hub_error::HubError;
use crate::repo::Repo;
use crate::upstream::client::{read, refusal};
use crate::upstream::{ClientGroup, Limits};
use crate::visibility::{KEPT, VisibilityRecords};

/// Versions that are remembered. The largest listings take some megabytes.
const VIEWS: usize = 128;
/// Moving names, refs and lists of commits that are remembered.
const NAMES: usize = 4096;
/// How long a list of all repositories counts.
const LIST_TIME: Duration = Duration::from_secs(2);
/// Repositories, and what is known of each.
type Listed = Arc<Vec<(Repo, Value)>>;

/// What repositories consist of, for one client. Clones share all that is known.
#[derive(Debug, Clone)]
pub(crate) struct Catalog {
    resolver: RepoResolver,
    activity: Arc<Activity>,
    names: QueryCache<(Repo, String), Version>,
    views: QueryCache<(Repo, String, Visibility), Arc<View>>,
    documents: QueryCache<(Repo, String), Value>,
    users: Arc<Memo<Sha256, Value>>,
    listed: Arc<Memo<(), Listed>>,
}

impl Catalog {
    pub(crate) fn new(cache: Cache, config: &ServerConfig, activity: Arc<Activity>) -> Result<Self> {
        let resolver = RepoResolver::new(cache, config)?;
        let grace = || Arc::clone(&resolver.limits.grace);
        Ok(Self {
            activity,
            names: QueryCache::new(NAMES, grace(), config.negative),
            views: QueryCache::new(VIEWS, grace(), config.negative),
            documents: QueryCache::new(NAMES, grace(), config.negative),
            users: Arc::new(Memo::new(NAMES)),
            listed: Arc::new(Memo::new(1)),
            resolver,
        })
    }

    /// The same for another client: what it asks of unknown names is counted as its own.
    pub(crate) fn of_client(&self, client: ClientGroup) -> Self {
        Self { resolver: RepoResolver { client, ..self.resolver.clone() }, ..self.clone() }
    }

    /// The pace at which upstream is asked, and how long it is waited for.
    pub(crate) fn limits(&self) -> Limits {
        self.resolver.limits.clone()
    }

    /// Recorded visibilities, as the catalog reads and writes them.
    pub(crate) fn records(&self) -> Arc<VisibilityRecords> {
        Arc::clone(&self.resolver.records)
    }

    /// Whether a repository is another source by configuration.
    pub(crate) fn is_alias(&self, repo: &Repo) -> bool {
        self.resolver.is_alias(repo)
    }

    /// The version that a revision (branch, tag, `refs/pr/1`, commit) is.
    pub(crate) async fn version(&self, grant: &Grant, repo: &Repo, revision: &str) -> Result<Found, HubError> {
        if is_commit(revision) {
            return Ok(Found { view: self.view(grant, repo, revision).await?, stale: false });
        }
        let name = Revision::parse(revision).map_err(|_| HubError::RevisionNotFound)?;
        let key = (repo.clone(), revision.to_owned());
        let lookup = || self.lookup(grant, repo, name.clone());
        let CachedAnswer { value: version, stale } = self.names.get(key, grant.identity(), lookup).await?;
        Ok(Found { view: self.view(grant, repo, shown(&version.commit)).await?, stale })
    }

    /// Opens a file of a version: from the store, or while it is fetched, for a client that checks its digest or not.
    pub(crate) async fn open(
        &self,
        grant: &Grant,
        view: &View,
        path: &RepoPath,
        checks_digest: bool,
    ) -> Result<FileReader, HubError> {
        let cache = self.resolver.upstream.by(grant)?;
        let mut options = ReadOptions::default();
        options.progress = Some(self.activity.progress(&view.manifest.version));
        options.checks_digest = checks_digest;
        let reader = cache.open(&view.manifest, path, options).await.map_err(refusal)?;
        if reader.is_hit() {
            self.activity.hit();
        }
        Ok(reader)
    }

    /// `GET …/refs`: branches, converts, tags, and pull requests if asked for.
    pub(crate) async fn refs(&self, grant: &Grant, repo: &Repo, pulls: bool) -> Result<CachedAnswer<Value>, HubError> {
        let mut refs = self.document(grant, repo, RepoDocument::Refs).await?;
        if let (Some(members), false) = (refs.value.as_object_mut(), pulls) {
            members.remove("pullRequests");
        }
        Ok(refs)
    }

    /// `GET …/commits/{rev}`, one page: upstream's list, or the commits in the store.
    pub(crate) async fn commits(
        &self,
        grant: &Grant,
        repo: &Repo,
        revision: &str,
    ) -> Result<CachedAnswer<Value>, HubError> {
        let revision = Revision::parse(revision).map_err(|_| HubError::RevisionNotFound)?;
        self.document(grant, repo, RepoDocument::Commits(revision)).await
    }

    /// Upstream's recent answer about a token.
    pub(crate) fn known_user(&self, token: &Token) -> Option<Result<Value, HubError>> {
        self.users.kept(&token.sha256(), Identity::Caller(token.sha256()))
    }

    /// Owner of a token, from upstream (`GET /api/whoami-v2`).
    pub(crate) async fn whoami(&self, token: &Token) -> Result<Value, HubError> {
        let grant = Grant { token: Some(token.clone()), own: false };
        let ask = |_| async {
            let answer = self.resolver.upstream.ask(&grant, "/api/whoami-v2").await;
            let user = match answer {
                Ok(answer) if matches!(answer.status, 401 | 403) => Err(HubError::BadToken),
                Ok(answer) => read(&answer),
                Err(error) => Err(refusal(error)),
            };
            let counts = self.resolver.counts(&user);
            (user, counts)
        };
        self.users.get(token.sha256(), grant.identity(), ask).await
    }

    /// All repositories that are served without asking upstream, with what is known of each: for listings.
    /// The store is walked at most every other second, however many ask.
    pub(crate) async fn repos(&self) -> Result<Listed, HubError> {
        let look = |_| async { (self.look_around().await.map(Arc::new), LIST_TIME) };
        self.listed.get((), Identity::Anonymous, look).await
    }

    async fn look_around(&self) -> Result<Vec<(Repo, Value)>, HubError> {
        let cache = self.resolver.cache.clone();
        let stored = move || {
            let mut found = Vec::new();
            for model in cache.store().models()? {
                if let (Some(repo), Some(version)) = (Repo::of(&model), latest(&cache, &model)?) {
                    let info = words(&cache, &repo, &version)?;
                    found.push((repo, info));
                }
            }
            Ok(found)
        };
        let mut found: Vec<(Repo, Value)> = blocking(stored).await?;
        for some in found.chunks_mut(KEPT) {
            let repos: Vec<&Repo> = some.iter().map(|(repo, _)| repo).collect();
            self.resolver.records.load_all(&repos).await;
            for (repo, info) in some {
                let known = self.resolver.records.recorded(repo).unwrap_or_default();
                *info = documents::with_visibility(std::mem::take(info), self.resolver.records.stated(repo, known));
            }
        }
        for (repo, _) in self.resolver.aliases.iter() {
            if let Ok(version) = self.version(&Grant::default(), repo, "main").await {
                found.retain(|(other, _)| other != repo);
                found.push((repo.clone(), version.view.info.clone()));
            }
        }
        found.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(found)
    }

    fn lookup<T>(&self, grant: &Grant, repo: &Repo, what: T) -> RepoLookup<T> {
        RepoLookup { resolver: self.resolver.clone(), grant: grant.clone(), repo: repo.clone(), what }
    }

    /// A version by the 40 digits that clients know.
    async fn view(&self, grant: &Grant, repo: &Repo, commit: &str) -> Result<Arc<View>, HubError> {
        let visibility = self.resolver.visibility(repo).await;
        let lookup = || self.lookup(grant, repo, (commit.to_owned(), visibility));
        let key = (repo.clone(), commit.to_owned(), visibility);
        // Only what is said of a version can be old: its files are what they are.
        Ok(self.views.get(key, grant.identity(), lookup).await?.value)
    }

    /// A moving document of upstream: the new one, else the last one, else one from the store.
    async fn document(&self, grant: &Grant, repo: &Repo, what: RepoDocument) -> Result<CachedAnswer<Value>, HubError> {
        let key = (repo.clone(), what.name());
        self.documents.get(key, grant.identity(), || self.lookup(grant, repo, what.clone())).await
    }
}

#[cfg(test)]
mod tests;
