//! [`Catalog`]: what repositories consist of, from upstream, from the store, or from another source by configuration.
//!
//! A version never changes, so what is known of one is kept: the listing as a manifest in the store, upstream's own words
//! as a document beside it. What moves (a branch's commit, the refs) counts for the configured time. Of each thing one
//! request is under way at a time, and when upstream does not answer, what was known before counts.

mod alias;
mod documents;
mod memo;
mod stored;
mod upstream;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cache_lib::{
    Cache, Commit, Error, ErrorKind, FileReader, Manifest, ModelId, ReadOptions, RepoPath, Result, Revision, Sha256,
    Version,
};
use globset::GlobSet;
use serde_json::Value;

use crate::access::{Asker, Grant, Permissions, Standing, Token, globs};
use crate::activity::Activity;
use crate::blocking::blocking;
use crate::config::ServerConfig;
use crate::hub::Pages;
use crate::refusal::Refusal;
use crate::repo::Repo;

use self::alias::Aliases;
use self::memo::Memo;
use self::stored::{commits_of, latest, refs_of, words};
use self::upstream::{Upstream, api, read, refusal, segment};

/// Versions that are remembered. The largest listings take some megabytes.
const VIEWS: usize = 128;
/// Moving names, refs and lists of commits that are remembered.
const NAMES: usize = 4096;
/// How long a version is remembered: it never changes, but it may be evicted.
const VIEW_TIME: Duration = Duration::from_secs(600);
/// How long a list of all repositories counts.
const LIST_TIME: Duration = Duration::from_secs(2);
/// How long a failure counts: those who wait in line share it, who comes later tries again.
const FAILURE_TIME: Duration = Duration::from_secs(2);

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
    /// Answers about it, written once.
    pub(crate) pages: Pages,
}

/// A version, and whether this is the word of today.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) view: Arc<View>,
    /// Upstream could not be asked: this is what was known before. Goes into a header.
    pub(crate) stale: bool,
}

/// What a moving name is.
#[derive(Debug, Clone)]
struct Named {
    version: Version,
    stale: bool,
}

/// What repositories consist of.
#[derive(Debug)]
pub(crate) struct Catalog {
    cache: Cache,
    upstream: Upstream,
    aliases: Aliases,
    /// Repositories that upstream may be asked for; `None` for all.
    allowed: Option<GlobSet>,
    activity: Arc<Activity>,
    refresh: Duration,
    negative: Duration,
    names: Memo<(Repo, String), Named>,
    views: Memo<(Repo, String), Arc<View>>,
    documents: Memo<(Repo, String), Value>,
    users: Memo<Sha256, Value>,
    listed: Memo<(), Arc<Vec<(Repo, Value)>>>,
}

impl Catalog {
    pub(crate) fn new(cache: Cache, config: &ServerConfig, activity: Arc<Activity>) -> Result<Self> {
        Ok(Self {
            upstream: Upstream::new(cache.clone())?,
            aliases: Aliases::new(config)?,
            allowed: (!config.upstream.is_empty()).then(|| globs("server.upstream", &config.upstream)).transpose()?,
            activity,
            refresh: config.refresh,
            negative: config.negative,
            names: Memo::new(NAMES),
            views: Memo::new(VIEWS),
            documents: Memo::new(NAMES),
            users: Memo::new(NAMES),
            listed: Memo::new(1),
            cache,
        })
    }

    /// The version that a revision (branch, tag, `refs/pr/1`, commit) is.
    pub(crate) async fn version(&self, grant: &Grant, repo: &Repo, revision: &str) -> Result<Found, Refusal> {
        if is_commit(revision) {
            return Ok(Found { view: self.view(grant, repo, revision).await?, stale: false });
        }
        let name = Revision::parse(revision).map_err(|_| Refusal::RevisionNotFound)?;
        let key = (repo.clone(), revision.to_owned());
        let asking = |last| self.name(grant, repo, &name, last);
        let Named { version, stale } = self.names.get(key, grant.asker(), asking).await?;
        Ok(Found { view: self.view(grant, repo, shown(&version.commit)).await?, stale })
    }

    /// Opens a file of a version: from the store, or while it is fetched.
    pub(crate) async fn open(&self, grant: &Grant, view: &View, path: &RepoPath) -> Result<FileReader, Refusal> {
        let cache = self.upstream.by(grant)?;
        let mut options = ReadOptions::default();
        options.progress = Some(self.activity.progress(&view.manifest.version));
        let reader = cache.open(&view.manifest, path, options).await.map_err(refusal)?;
        if reader.is_hit() {
            self.activity.hit();
        }
        Ok(reader)
    }

    /// `GET …/refs`: branches, converts, tags, and pull requests if asked for.
    pub(crate) async fn refs(&self, grant: &Grant, repo: &Repo, pulls: bool) -> Result<Value, Refusal> {
        let rest = "/refs?include_prs=1";
        let mut refs = self.document(grant, repo, rest, "refs.json", refs_of).await?;
        if let (Some(members), false) = (refs.as_object_mut(), pulls) {
            members.remove("pullRequests");
        }
        Ok(refs)
    }

    /// `GET …/commits/{rev}`, one page: upstream's list, or the commits in the store.
    pub(crate) async fn commits(&self, grant: &Grant, repo: &Repo, revision: &str) -> Result<Value, Refusal> {
        let revision = Revision::parse(revision).map_err(|_| Refusal::RevisionNotFound)?;
        let (rest, name) = (format!("/commits/{}", segment(revision.as_str())), format!("commits/{revision}.json"));
        self.document(grant, repo, &rest, &name, move |cache, model| commits_of(cache, model, &revision)).await
    }

    /// Whose token it is, by upstream's word (`GET /api/whoami-v2`).
    pub(crate) async fn whoami(&self, token: &Token) -> Result<Value, Refusal> {
        let grant = Grant { token: Some(token.clone()), own: false };
        let ask = |_| async {
            let answer = self.upstream.ask(&grant, "/api/whoami-v2").await;
            let user = match answer {
                Ok(answer) if matches!(answer.status, 401 | 403) => Err(Refusal::BadToken),
                Ok(answer) => read(&answer),
                Err(error) => Err(refusal(error)),
            };
            let counts = self.counts(&user);
            (user, counts)
        };
        self.users.get(token.sha256(), grant.asker(), ask).await
    }

    /// All repositories that are served without asking upstream, with what is known of each: for listings.
    /// The store is walked at most every other second, however many ask.
    pub(crate) async fn repos(&self) -> Result<Arc<Vec<(Repo, Value)>>, Refusal> {
        let look = |_| async { (self.look_around().await.map(Arc::new), LIST_TIME) };
        self.listed.get((), Asker::Nobody, look).await
    }

    async fn look_around(&self) -> Result<Vec<(Repo, Value)>, Refusal> {
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

    fn may_ask(&self, repo: &Repo) -> bool {
        !self.cache.is_offline() && self.allowed.as_ref().is_none_or(|globs| globs.is_match(repo.to_string()))
    }

    /// Asks what a moving name is. `last` is what it was.
    async fn name(
        &self,
        grant: &Grant,
        repo: &Repo,
        revision: &Revision,
        last: Option<Named>,
    ) -> (Result<Named, Refusal>, Duration) {
        let asked = match self.aliases.of(repo) {
            Some(from) => self.look(from, revision).await,
            None if self.may_ask(repo) => self.ask_name(grant, repo, revision).await,
            None => self.stored(repo, revision).await.map(|version| Named { version, stale: false }),
        };
        let answer = match asked {
            Err(trouble @ (Refusal::Unavailable(_) | Refusal::Limited(_))) => {
                let known = match last {
                    Some(named) => Ok(named.version),
                    None => self.stored(repo, revision).await,
                };
                // What is known counts for a while, so that not every request waits for one who does not answer.
                known.map(|version| Named { version, stale: true }).map_err(|_| trouble)
            }
            other => other,
        };
        let counts = match &answer {
            Ok(named) if named.stale => self.negative,
            other => self.counts(other),
        };
        (answer, counts)
    }

    async fn ask_name(&self, grant: &Grant, repo: &Repo, revision: &Revision) -> Result<Named, Refusal> {
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
        Ok(Named { version, stale: false })
    }

    async fn ask_info(&self, grant: &Grant, repo: &Repo, revision: &str) -> Result<Value, Refusal> {
        let path = api(repo, &format!("/revision/{}", segment(revision)));
        read(&self.upstream.ask(grant, &path).await.map_err(refusal)?).map(documents::strip)
    }

    /// What another source's reference is now.
    async fn look(&self, from: &str, revision: &Revision) -> Result<Named, Refusal> {
        let manifest = alias::look(&self.cache, from, revision.as_str()).await.map_err(|error| match error.kind() {
            ErrorKind::NotFound | ErrorKind::Usage => Refusal::RevisionNotFound,
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
        Ok(Named { version, stale: false })
    }

    /// What the store says that a name is.
    async fn stored(&self, repo: &Repo, revision: &Revision) -> Result<Version, Refusal> {
        let (cache, from) = (self.cache.clone(), self.aliases.of(repo).map(str::to_owned));
        let (model, revision) = (repo.model(), revision.clone());
        let found = blocking(move || {
            let meant = match from {
                Some(from) => alias::meant(&cache, &from, revision.as_str())?,
                None if revision.as_str() == "HEAD" => Some((model, Revision::main())),
                None => Some((model, revision)),
            };
            let Some((model, revision)) = meant else { return Ok(Err(Refusal::RevisionNotFound)) };
            match cache.store().resolve_ref(&model, &revision)? {
                Some(commit) => Ok(Ok(Version { model, commit })),
                None if cache.store().versions(&model)?.is_empty() => Ok(Err(Refusal::RepoNotFound)),
                None => Ok(Err(Refusal::RevisionNotFound)),
            }
        });
        found.await?
    }

    /// What the cache calls the repository.
    async fn model(&self, repo: &Repo) -> Result<ModelId, Refusal> {
        let Some(from) = self.aliases.of(repo).map(str::to_owned) else { return Ok(repo.model()) };
        let cache = self.cache.clone();
        blocking(move || cache.reference(from))
            .await
            .map(|reference| reference.model)
            .map_err(|_| Refusal::RepoNotFound)
    }

    /// A version by the 40 digits that clients know.
    async fn view(&self, grant: &Grant, repo: &Repo, commit: &str) -> Result<Arc<View>, Refusal> {
        let ask = |_| async {
            let view = self.make_view(grant, repo, commit).await.map(Arc::new);
            let counts = if view.is_ok() { VIEW_TIME } else { self.counts(&view) };
            (view, counts)
        };
        self.views.get((repo.clone(), commit.to_owned()), grant.asker(), ask).await
    }

    async fn make_view(&self, grant: &Grant, repo: &Repo, commit: &str) -> Result<View, Refusal> {
        let model = self.model(repo).await?;
        let (cache, wanted) = (self.cache.clone(), commit.to_owned());
        let own = repo.clone();
        let known = blocking(move || {
            let versions = cache.store().versions(&model)?;
            let Some(version) = versions.into_iter().find(|version| shown(&version.commit) == wanted) else {
                return Ok(None);
            };
            let Some(manifest) = cache.store().manifest(&version)? else { return Ok(None) };
            let info = documents::load(&cache, &own.model(), &documents::info_name(&wanted))?;
            Ok(Some((manifest, info)))
        });
        let (manifest, info) = match known.await? {
            // Made from another program's cache: upstream may know of more files.
            Some((manifest, _)) if manifest.partial && !self.is_alias(repo) && self.may_ask(repo) => {
                let manifest = self.upstream.by(grant)?.listing(&manifest.version).await.map_err(refusal)?;
                let info = self.info_of(grant, repo, commit).await.ok();
                let info = info.unwrap_or_else(|| documents::made_up(repo, commit, &manifest));
                (manifest, info)
            }
            Some((manifest, Some(info))) => (manifest, info),
            Some((manifest, None)) => {
                let info = self.info_of(grant, repo, commit).await.ok();
                let info = info.unwrap_or_else(|| documents::made_up(repo, commit, &manifest));
                (manifest, info)
            }
            None if self.is_alias(repo) || !self.may_ask(repo) => return Err(Refusal::RevisionNotFound),
            None => {
                let info = self.info_of(grant, repo, commit).await?;
                let version = Version { model: repo.model(), commit: commit_of(&info)? };
                (self.upstream.by(grant)?.listing(&version).await.map_err(refusal)?, info)
            }
        };
        Ok(View {
            repo: repo.clone(),
            manifest: Arc::new(manifest),
            commit: commit.to_owned(),
            info,
            pages: Pages::default(),
        })
    }

    /// Upstream's words about a commit, which are then kept.
    async fn info_of(&self, grant: &Grant, repo: &Repo, commit: &str) -> Result<Value, Refusal> {
        if self.is_alias(repo) || !self.may_ask(repo) {
            return Err(Refusal::RevisionNotFound);
        }
        let info = self.ask_info(grant, repo, commit).await?;
        if commit_of(&info)?.as_str() != commit {
            return Err(Refusal::RevisionNotFound);
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

    /// Something of upstream's that moves: its word, else the last one, else what the store makes of it.
    async fn document(
        &self,
        grant: &Grant,
        repo: &Repo,
        rest: &str,
        name: &str,
        make: impl FnOnce(&Cache, &ModelId) -> Result<Value> + Send + 'static,
    ) -> Result<Value, Refusal> {
        let ask = |_| async {
            let value = self.ask_document(grant, repo, rest, name, make).await;
            let counts = self.counts(&value);
            (value, counts)
        };
        self.documents.get((repo.clone(), name.to_owned()), grant.asker(), ask).await
    }

    async fn ask_document(
        &self,
        grant: &Grant,
        repo: &Repo,
        rest: &str,
        name: &str,
        make: impl FnOnce(&Cache, &ModelId) -> Result<Value> + Send + 'static,
    ) -> Result<Value, Refusal> {
        let (cache, own, name) = (self.cache.clone(), repo.model(), name.to_owned());
        if !self.is_alias(repo) && self.may_ask(repo) {
            match self.upstream.ask(grant, &api(repo, rest)).await.map_err(refusal).and_then(|answer| read(&answer)) {
                Ok(value) => {
                    let kept = blocking(move || {
                        documents::save(&cache, &own, &name, &value);
                        Ok(value)
                    });
                    return Ok(kept.await?);
                }
                Err(Refusal::Unavailable(_) | Refusal::Limited(_)) => {}
                Err(refusal) => return Err(refusal),
            }
        }
        let model = self.model(repo).await?;
        let known = blocking(move || match documents::load(&cache, &own, &name)? {
            Some(value) => Ok(value),
            None => make(&cache, &model),
        });
        Ok(known.await?)
    }

    /// How long an answer counts.
    fn counts<T>(&self, answer: &Result<T, Refusal>) -> Duration {
        match answer {
            Ok(_) => self.refresh,
            Err(Refusal::Unavailable(_)) => FAILURE_TIME.min(self.negative),
            Err(Refusal::Limited(wait)) => *wait,
            Err(_) => self.negative,
        }
    }
}

#[async_trait]
impl Permissions for Catalog {
    async fn ask(&self, repo: &Repo, token: Option<&Token>) -> Result<Standing> {
        if self.is_alias(repo) {
            return Ok(Standing::Public);
        }
        if !self.may_ask(repo) && !self.cache.is_offline() {
            return Ok(Standing::Refused);
        }
        let grant = Grant { token: token.cloned(), own: false };
        let answer = self.upstream.ask(&grant, &api(repo, "")).await?;
        let info = match read(&answer) {
            Ok(info) => info,
            Err(Refusal::Unavailable(error)) => return Err(error),
            Err(_) => return Ok(Standing::Refused),
        };
        let is = |name: &str| info.get(name).is_some_and(|value| *value != Value::Bool(false) && !value.is_null());
        match (is("private"), is("gated"), token) {
            (false, false, None) => Ok(Standing::Public),
            (_, _, None) => Ok(Standing::Refused),
            // What upstream calls public may still be for its own users only: another mirror, or a Hub behind a login.
            (_, false, Some(_)) => Ok(Standing::Accepted),
            // Everyone sees what a gated repository consists of; only those let in may read it.
            (_, true, Some(_)) => {
                let answer = self.upstream.ask(&grant, &api(repo, "/auth-check")).await?;
                match answer.status {
                    200..=299 => Ok(Standing::Accepted),
                    401 | 403 | 404 => Ok(Standing::Refused),
                    status => Err(Error::new(ErrorKind::Network, format!("upstream answered {status}"))),
                }
            }
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

fn commit_of(info: &Value) -> Result<Commit, Refusal> {
    let sha = info.get("sha").and_then(Value::as_str).and_then(|sha| Commit::parse(sha).ok());
    sha.ok_or_else(|| {
        let error = Error::new(ErrorKind::Network, "upstream's answer names no commit");
        Refusal::Unavailable(error.with_hint("check that --upstream is a Hub"))
    })
}

#[cfg(test)]
mod tests;
