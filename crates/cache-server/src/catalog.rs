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
mod stored;

use std::sync::Arc;
use std::time::Duration;

use cache_lib::{
    Cache, Commit, Error, ErrorKind, FileReader, Manifest, ModelId, ReadOptions, RepoPath, Result, Revision, Sha256,
    Version, Visibility,
};
use globset::GlobSet;
use serde_json::Value;

use crate::activity::Activity;
use crate::blocking::blocking;
use crate::caller::{Grant, Identity, Token};
use crate::clock::Clock;
use crate::config::ServerConfig;
use crate::globs::globs;
use crate::hub_error::HubError;
use crate::repo::Repo;
use crate::upstream::{ClientGroup, Limits};
use crate::visibility::{KEPT, VisibilityRecords};

use self::alias::Aliases;
use self::cached::{Answer, QueryCache};
pub(crate) use self::encoded::EncodedAnswers;
use self::lookups::{Document, Lookup};
use self::memo::Memo;
use self::stored::{latest, words};
use crate::upstream::client::{UpstreamClient, api, read, refusal, segment};

/// Versions that are remembered. The largest listings take some megabytes.
const VIEWS: usize = 128;
/// Moving names, refs and lists of commits that are remembered.
const NAMES: usize = 4096;
/// How long a version is remembered: it never changes, but it may be evicted.
const VIEW_TIME: Duration = Duration::from_secs(600);
/// How long a list of all repositories counts.
const LIST_TIME: Duration = Duration::from_secs(2);
/// How long a failure counts. Waiting requests share it, later ones try again.
const FAILURE_TIME: Duration = Duration::from_secs(2);

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
    /// QueryCache about it, written once.
    pub(crate) encoded: EncodedAnswers,
}

impl View {
    fn new(repo: &Repo, commit: &str, manifest: Manifest, info: Value, visibility: Visibility) -> Self {
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

/// Repositories, and what is known of each.
type Listed = Arc<Vec<(Repo, Value)>>;

/// What repositories consist of, for one client. Clones share all that is known.
#[derive(Debug, Clone)]
pub(crate) struct Catalog {
    cache: Cache,
    upstream: Arc<UpstreamClient>,
    aliases: Arc<Aliases>,
    /// Repositories that upstream may be asked for; `None` for all.
    allowed: Option<Arc<GlobSet>>,
    activity: Arc<Activity>,
    records: Arc<VisibilityRecords>,
    refresh: Duration,
    negative: Duration,
    limits: Limits,
    /// Client whose questions are counted together.
    client: ClientGroup,
    names: QueryCache<(Repo, String), Version>,
    views: QueryCache<(Repo, String, Visibility), Arc<View>>,
    documents: QueryCache<(Repo, String), Value>,
    users: Arc<Memo<Sha256, Value>>,
    listed: Arc<Memo<(), Listed>>,
}

impl Catalog {
    pub(crate) fn new(cache: Cache, config: &ServerConfig, activity: Arc<Activity>) -> Result<Self> {
        let allowed = (!config.upstream.is_empty()).then(|| globs("server.upstream", &config.upstream)).transpose()?;
        let limits = Limits::new(config.unknown_rate);
        let grace = || Arc::clone(&limits.grace);
        Ok(Self {
            upstream: Arc::new(UpstreamClient::new(cache.clone(), grace())?),
            aliases: Arc::new(Aliases::new(config)?),
            allowed: allowed.map(Arc::new),
            activity,
            records: Arc::new(VisibilityRecords::new(config, cache.clone(), Clock::default())?),
            refresh: config.refresh,
            negative: config.negative,
            client: ClientGroup::default(),
            names: QueryCache::new(NAMES, grace(), config.negative),
            views: QueryCache::new(VIEWS, grace(), config.negative),
            documents: QueryCache::new(NAMES, grace(), config.negative),
            users: Arc::new(Memo::new(NAMES)),
            listed: Arc::new(Memo::new(1)),
            limits,
            cache,
        })
    }

    /// The same for another client: what it asks of unknown names is counted as its own.
    pub(crate) fn of_client(&self, client: ClientGroup) -> Self {
        Self { client, ..self.clone() }
    }

    /// The pace at which upstream is asked, and how long it is waited for.
    pub(crate) fn limits(&self) -> Limits {
        self.limits.clone()
    }

    /// Recorded visibilities, as the catalog reads and writes them.
    pub(crate) fn records(&self) -> Arc<VisibilityRecords> {
        Arc::clone(&self.records)
    }

    /// The version that a revision (branch, tag, `refs/pr/1`, commit) is.
    pub(crate) async fn version(&self, grant: &Grant, repo: &Repo, revision: &str) -> Result<Found, HubError> {
        if is_commit(revision) {
            return Ok(Found { view: self.view(grant, repo, revision).await?, stale: false });
        }
        let name = Revision::parse(revision).map_err(|_| HubError::RevisionNotFound)?;
        let key = (repo.clone(), revision.to_owned());
        let lookup = || self.lookup(grant, repo, name.clone());
        let Answer { value: version, stale } = self.names.get(key, grant.identity(), lookup).await?;
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
        let cache = self.upstream.by(grant)?;
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
    pub(crate) async fn refs(&self, grant: &Grant, repo: &Repo, pulls: bool) -> Result<Answer<Value>, HubError> {
        let mut refs = self.document(grant, repo, Document::Refs).await?;
        if let (Some(members), false) = (refs.value.as_object_mut(), pulls) {
            members.remove("pullRequests");
        }
        Ok(refs)
    }

    /// `GET …/commits/{rev}`, one page: upstream's list, or the commits in the store.
    pub(crate) async fn commits(&self, grant: &Grant, repo: &Repo, revision: &str) -> Result<Answer<Value>, HubError> {
        let revision = Revision::parse(revision).map_err(|_| HubError::RevisionNotFound)?;
        self.document(grant, repo, Document::Commits(revision)).await
    }

    /// Upstream's recent answer about a token.
    pub(crate) fn known_user(&self, token: &Token) -> Option<Result<Value, HubError>> {
        self.users.kept(&token.sha256(), Identity::Caller(token.sha256()))
    }

    /// Owner of a token, from upstream (`GET /api/whoami-v2`).
    pub(crate) async fn whoami(&self, token: &Token) -> Result<Value, HubError> {
        let grant = Grant { token: Some(token.clone()), own: false };
        let ask = |_| async {
            let answer = self.upstream.ask(&grant, "/api/whoami-v2").await;
            let user = match answer {
                Ok(answer) if matches!(answer.status, 401 | 403) => Err(HubError::BadToken),
                Ok(answer) => read(&answer),
                Err(error) => Err(refusal(error)),
            };
            let counts = self.counts(&user);
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
        let cache = self.cache.clone();
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
            self.records.load_all(&repos).await;
            for (repo, info) in some {
                let known = self.records.recorded(repo).unwrap_or_default();
                *info = documents::with_visibility(std::mem::take(info), self.records.stated(repo, known));
            }
        }
        for (repo, _) in self.aliases.iter() {
            if let Ok(version) = self.version(&Grant::default(), repo, "main").await {
                found.retain(|(other, _)| other != repo);
                found.push((repo.clone(), version.view.info.clone()));
            }
        }
        found.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(found)
    }

    /// Whether a repository is another source by configuration.
    pub(crate) fn is_alias(&self, repo: &Repo) -> bool {
        self.aliases.of(repo).is_some()
    }

    /// Whether upstream is not asked about the repository.
    fn is_local(&self, repo: &Repo) -> bool {
        self.is_alias(repo) || !self.may_ask(repo)
    }

    fn may_ask(&self, repo: &Repo) -> bool {
        !self.cache.is_offline() && self.allowed.as_ref().is_none_or(|globs| globs.is_match(repo.to_string()))
    }

    fn lookup<T>(&self, grant: &Grant, repo: &Repo, what: T) -> Lookup<T> {
        Lookup { catalog: self.clone(), grant: grant.clone(), repo: repo.clone(), what }
    }

    /// Asks what a moving name is.
    async fn name(&self, grant: &Grant, repo: &Repo, revision: &Revision) -> Result<Version, HubError> {
        match self.aliases.of(repo) {
            Some(from) => self.look(from, revision).await,
            None if self.may_ask(repo) => self.ask_name(grant, repo, revision).await,
            None => self.stored(repo, revision).await,
        }
    }

    async fn ask_name(&self, grant: &Grant, repo: &Repo, revision: &Revision) -> Result<Version, HubError> {
        let cache = self.upstream.by(grant)?;
        let info = self.ask_info(grant, repo, revision.as_str()).await?;
        let commit = commit_of(&info)?;
        let version = Version { model: repo.model(), commit };
        // The listing first: a name never points to what is not there.
        cache.listing(&version).await.map_err(refusal)?;
        let (kept, name) = (version.clone(), revision.clone());
        blocking(move || {
            documents::save(&cache, &kept.model, &documents::info_name(kept.commit.as_str()), &info);
            match cache.store().read_only() {
                None => cache.store().put_ref(&kept.model, &name, &kept.commit),
                Some(_) => Ok(()),
            }
        })
        .await?;
        Ok(version)
    }

    async fn ask_info(&self, grant: &Grant, repo: &Repo, revision: &str) -> Result<Value, HubError> {
        let path = api(repo, &format!("/revision/{}", segment(revision)));
        let asked = self.cache.store().now();
        let info = read(&self.upstream.ask(grant, &path).await.map_err(refusal)?).map(documents::strip)?;
        self.record(grant, repo, &info, asked).await?;
        Ok(info)
    }

    /// What another source's reference is now.
    async fn look(&self, from: &str, revision: &Revision) -> Result<Version, HubError> {
        let manifest = alias::look(&self.cache, from, revision.as_str()).await.map_err(|error| match error.kind() {
            ErrorKind::NotFound | ErrorKind::Usage => HubError::RevisionNotFound,
            _ => refusal(error),
        })?;
        let version = manifest.version.clone();
        if self.cache.store().read_only().is_none() {
            let (cache, from, revision) = (self.cache.clone(), from.to_owned(), revision.clone());
            blocking(move || {
                cache.store().put_manifest(&manifest)?;
                match alias::meant(&cache, &from, revision.as_str())? {
                    Some((model, name)) => cache.store().put_ref(&model, &name, &manifest.version.commit),
                    None => Ok(()),
                }
            })
            .await?;
        }
        Ok(version)
    }

    /// What the store says that a name is.
    async fn stored(&self, repo: &Repo, revision: &Revision) -> Result<Version, HubError> {
        let (cache, from) = (self.cache.clone(), self.aliases.of(repo).map(str::to_owned));
        let (model, revision) = (repo.model(), revision.clone());
        let found = blocking(move || {
            let meant = match from {
                Some(from) => alias::meant(&cache, &from, revision.as_str())?,
                None if revision.as_str() == "HEAD" => Some((model, Revision::main())),
                None => Some((model, revision)),
            };
            let Some((model, revision)) = meant else { return Ok(Err(HubError::RevisionNotFound)) };
            match cache.store().resolve_ref(&model, &revision)? {
                Some(commit) => Ok(Ok(Version { model, commit })),
                None if cache.store().versions(&model)?.is_empty() => Ok(Err(HubError::RepoNotFound)),
                None => Ok(Err(HubError::RevisionNotFound)),
            }
        });
        found.await?
    }

    /// What the cache calls the repository.
    async fn model(&self, repo: &Repo) -> Result<ModelId, HubError> {
        let Some(from) = self.aliases.of(repo).map(str::to_owned) else { return Ok(repo.model()) };
        let cache = self.cache.clone();
        blocking(move || cache.reference(from))
            .await
            .map(|reference| reference.model)
            .map_err(|_| HubError::RepoNotFound)
    }

    /// A version by the 40 digits that clients know.
    async fn view(&self, grant: &Grant, repo: &Repo, commit: &str) -> Result<Arc<View>, HubError> {
        let visibility = self.visibility(repo).await;
        let lookup = || self.lookup(grant, repo, (commit.to_owned(), visibility));
        let key = (repo.clone(), commit.to_owned(), visibility);
        // Only what is said of a version can be old: its files are what they are.
        Ok(self.views.get(key, grant.identity(), lookup).await?.value)
    }

    /// The stored listing and info document of a version.
    async fn stored_version(&self, repo: &Repo, commit: &str) -> Result<Option<(Manifest, Option<Value>)>, HubError> {
        let model = self.model(repo).await?;
        let (cache, own, wanted) = (self.cache.clone(), repo.clone(), commit.to_owned());
        let known = blocking(move || {
            let versions = cache.store().versions(&model)?;
            let Some(version) = versions.into_iter().find(|version| shown(&version.commit) == wanted) else {
                return Ok(None);
            };
            let Some(manifest) = cache.store().manifest(&version)? else { return Ok(None) };
            let info = documents::load(&cache, &own.model(), &documents::info_name(&wanted))?;
            Ok(Some((manifest, info)))
        });
        Ok(known.await?)
    }

    async fn make_view(&self, grant: &Grant, repo: &Repo, commit: &str) -> Result<View, HubError> {
        let (manifest, info) = match self.stored_version(repo, commit).await? {
            Some((manifest, Some(info))) if !manifest.partial || self.is_local(repo) => (manifest, info),
            Some((manifest, _)) => {
                // Made from another program's cache: upstream may know of more files.
                let manifest = if manifest.partial && !self.is_local(repo) {
                    self.upstream.by(grant)?.listing(&manifest.version).await.map_err(refusal)?
                } else {
                    manifest
                };
                let info = match self.info_of(grant, repo, commit).await {
                    Ok(info) => info,
                    Err(trouble) if trouble.is_unavailable() => return Err(trouble),
                    Err(_) => documents::synthesized_info(repo, commit, &manifest),
                };
                (manifest, info)
            }
            None if self.is_local(repo) => return Err(HubError::RevisionNotFound),
            None => {
                let info = self.info_of(grant, repo, commit).await?;
                let version = Version { model: repo.model(), commit: commit_of(&info)? };
                (self.upstream.by(grant)?.listing(&version).await.map_err(refusal)?, info)
            }
        };
        Ok(View::new(repo, commit, manifest, info, self.visibility(repo).await))
    }

    /// Upstream's info document of a commit, which is then kept.
    async fn info_of(&self, grant: &Grant, repo: &Repo, commit: &str) -> Result<Value, HubError> {
        if self.is_local(repo) {
            return Err(HubError::RevisionNotFound);
        }
        let info = self.ask_info(grant, repo, commit).await?;
        if commit_of(&info)?.as_str() != commit {
            return Err(HubError::RevisionNotFound);
        }
        let (cache, model) = (self.cache.clone(), repo.model());
        let (name, kept) = (documents::info_name(commit), info.clone());
        blocking(move || {
            documents::save(&cache, &model, &name, &kept);
            Ok(())
        })
        .await?;
        Ok(info)
    }

    /// A moving document of upstream: the new one, else the last one, else one from the store.
    async fn document(&self, grant: &Grant, repo: &Repo, what: Document) -> Result<Answer<Value>, HubError> {
        let key = (repo.clone(), what.name());
        self.documents.get(key, grant.identity(), || self.lookup(grant, repo, what.clone())).await
    }

    async fn ask_document(&self, grant: &Grant, repo: &Repo, what: &Document) -> Result<Value, HubError> {
        if self.is_local(repo) {
            let made = self.stored_document(repo, what).await?;
            return Ok(made.unwrap_or_else(|| what.empty()));
        }
        let answer = self.upstream.ask(grant, &api(repo, &what.rest())).await.map_err(refusal)?;
        let (value, cache, own, name) = (read(&answer)?, self.cache.clone(), repo.model(), what.name());
        let kept = blocking(move || {
            documents::save(&cache, &own, &name, &value);
            Ok(value)
        });
        Ok(kept.await?)
    }

    /// The last kept document of upstream, else one made from the store.
    async fn stored_document(&self, repo: &Repo, what: &Document) -> Result<Option<Value>, HubError> {
        let model = self.model(repo).await?;
        let (cache, own, what) = (self.cache.clone(), repo.model(), what.clone());
        let known = blocking(move || match documents::load(&cache, &own, &what.name())? {
            Some(value) => Ok(Some(value)),
            None => what.make(&cache, &model),
        });
        Ok(known.await?)
    }

    /// How long an answer counts.
    fn counts<T>(&self, answer: &Result<T, HubError>) -> Duration {
        match answer {
            Ok(_) => self.refresh,
            Err(HubError::Unavailable(_)) => FAILURE_TIME.min(self.negative),
            Err(HubError::Limited(wait)) => *wait,
            Err(_) => self.negative,
        }
    }
}

fn is_commit(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// A commit as clients know it: they accept 40 digits only.
fn shown(commit: &Commit) -> &str {
    commit.as_str().get(..40).unwrap_or(commit.as_str())
}

fn commit_of(info: &Value) -> Result<Commit, HubError> {
    let sha = info.get("sha").and_then(Value::as_str).and_then(|sha| Commit::parse(sha).ok());
    sha.ok_or_else(|| {
        let error = Error::new(ErrorKind::Network, "upstream's answer names no commit");
        HubError::Unavailable(
            error.with_hint("check that server.upstream is a Hub").with_reason(cache_lib::Reason::UpstreamNotHub),
        )
    })
}

#[cfg(test)]
mod tests;
