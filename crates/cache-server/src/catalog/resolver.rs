//! [`RepoResolver`]: asks upstream, other sources or the store, and remembers nothing but what it stores.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use cache_lib::{Cache, ErrorKind, Evidence, Manifest, ModelId, Result, Revision, Version, Visibility};
use globset::GlobSet;
use serde_json::Value;

use super::alias::{self, Aliases};
use super::documents;
use super::repo_document::RepoDocument;
use super::view::{View, commit_of, shown};
use crate::blocking::blocking;
use crate::caller::{Grant, Identity};
use crate::clock::Clock;
use crate::config::ServerConfig;
use crate::globs::globs;
use crate::hub_error::HubError;
use crate::repo::Repo;
use crate::upstream::client::{UpstreamClient, api, read, refusal, segment};
use crate::upstream::{ClientGroup, Limits};
use crate::visibility::VisibilityRecords;

/// How long a failure counts. Waiting requests share it, later ones try again.
const FAILURE_TIME: Duration = Duration::from_secs(2);

/// Where repositories come from, for one client. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct RepoResolver {
    pub(super) cache: Cache,
    pub(super) upstream: Arc<UpstreamClient>,
    pub(super) aliases: Arc<Aliases>,
    /// Repositories that upstream may be asked for; `None` for all.
    pub(super) allowed: Option<Arc<GlobSet>>,
    pub(super) records: Arc<VisibilityRecords>,
    /// How long an answer counts.
    pub(super) refresh: Duration,
    /// How long a refusal counts.
    pub(super) negative: Duration,
    pub(super) limits: Limits,
    /// Client whose questions are counted together.
    pub(super) client: ClientGroup,
}

impl RepoResolver {
    pub(super) fn new(cache: Cache, config: &ServerConfig) -> Result<Self> {
        let allowed = (!config.upstream.is_empty()).then(|| globs("server.upstream", &config.upstream)).transpose()?;
        let limits = Limits::new(config.unknown_rate);
        Ok(Self {
            upstream: Arc::new(UpstreamClient::new(cache.clone(), Arc::clone(&limits.grace))?),
            aliases: Arc::new(Aliases::new(config)?),
            allowed: allowed.map(Arc::new),
            records: Arc::new(VisibilityRecords::new(config, cache.clone(), Clock::default())?),
            refresh: config.refresh,
            negative: config.negative,
            client: ClientGroup::default(),
            limits,
            cache,
        })
    }

    /// Whether a repository is another source by configuration.
    pub(super) fn is_alias(&self, repo: &Repo) -> bool {
        self.aliases.of(repo).is_some()
    }

    /// Whether upstream is not asked about the repository.
    pub(super) fn is_local(&self, repo: &Repo) -> bool {
        self.is_alias(repo) || !self.may_ask(repo)
    }

    pub(super) fn may_ask(&self, repo: &Repo) -> bool {
        !self.cache.is_offline() && self.allowed.as_ref().is_none_or(|globs| globs.is_match(repo.to_string()))
    }

    /// Asks what a moving name is.
    pub(super) async fn name(&self, grant: &Grant, repo: &Repo, revision: &Revision) -> Result<Version, HubError> {
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
                match alias::resolve_name(&cache, &from, revision.as_str())? {
                    Some((model, name)) => cache.store().put_ref(&model, &name, &manifest.version.commit),
                    None => Ok(()),
                }
            })
            .await?;
        }
        Ok(version)
    }

    /// What the store says that a name is.
    pub(super) async fn stored(&self, repo: &Repo, revision: &Revision) -> Result<Version, HubError> {
        let (cache, from) = (self.cache.clone(), self.aliases.of(repo).map(str::to_owned));
        let (model, revision) = (repo.model(), revision.clone());
        let found = blocking(move || {
            let named = match from {
                Some(from) => alias::resolve_name(&cache, &from, revision.as_str())?,
                None if revision.as_str() == "HEAD" => Some((model, Revision::main())),
                None => Some((model, revision)),
            };
            let Some((model, revision)) = named else { return Ok(Err(HubError::RevisionNotFound)) };
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

    /// The stored listing and info document of a version.
    pub(super) async fn stored_version(
        &self,
        repo: &Repo,
        commit: &str,
    ) -> Result<Option<(Manifest, Option<Value>)>, HubError> {
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

    pub(super) async fn make_view(&self, grant: &Grant, repo: &Repo, commit: &str) -> Result<View, HubError> {
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

    pub(super) async fn ask_document(
        &self,
        grant: &Grant,
        repo: &Repo,
        what: &RepoDocument,
    ) -> Result<Value, HubError> {
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
    pub(super) async fn stored_document(&self, repo: &Repo, what: &RepoDocument) -> Result<Option<Value>, HubError> {
        let model = self.model(repo).await?;
        let (cache, own, what) = (self.cache.clone(), repo.model(), what.clone());
        let known = blocking(move || match documents::load(&cache, &own, &what.name())? {
            Some(value) => Ok(Some(value)),
            None => what.make(&cache, &model),
        });
        Ok(known.await?)
    }

    /// How long an answer counts.
    pub(super) fn counts<T>(&self, answer: &Result<T, HubError>) -> Duration {
        match answer {
            Ok(_) => self.refresh,
            Err(HubError::Unavailable(_)) => FAILURE_TIME.min(self.negative),
            Err(HubError::Limited(wait)) => *wait,
            Err(_) => self.negative,
        }
    }

    /// Records the visibility that upstream reports. "Public" to a caller's token is not recorded: only a question without
    /// one tells.
    pub(super) async fn record(
        &self,
        grant: &Grant,
        repo: &Repo,
        info: &Value,
        asked: SystemTime,
    ) -> Result<(), HubError> {
        let (visibility, cache) = (documents::visibility(info), self.upstream.by(grant)?);
        let evidence = match grant.identity() {
            Identity::Anonymous => Evidence::Anonymous,
            Identity::Server => cache.hub_evidence()?,
            Identity::Caller(_) if !visibility.is_restricted() => return Ok(()),
            Identity::Caller(_) => Evidence::Token,
        };
        cache.record_visibility(&repo.model(), visibility, evidence, asked).await?;
        self.records.reload(repo).await;
        Ok(())
    }

    /// The visibility that answers state.
    pub(super) async fn visibility(&self, repo: &Repo) -> Visibility {
        self.records.stated(repo, self.records.load(repo).await.unwrap_or_default())
    }
}
