//! Access to repositories, as upstream reports it, and its record.

use std::time::SystemTime;

use async_trait::async_trait;
use cache_lib::{Error, ErrorKind, Evidence, Result, Visibility};
use serde_json::Value;

use super::{Catalog, alias, documents};
use crate::access::{Permissions, RepoAccess};
use crate::blocking::blocking;
use crate::caller::{Grant, Identity, Token};
use crate::hub_error::HubError;
use crate::repo::Repo;
use crate::upstream::client::{api, read};

#[async_trait]
impl Permissions for Catalog {
    async fn ask(&self, repo: &Repo, token: Option<&Token>) -> Result<RepoAccess> {
        if let Some(from) = self.aliases.of(repo) {
            return self.ask_alias(from).await;
        }
        if !self.may_ask(repo) && !self.cache.is_offline() {
            return Ok(RepoAccess::Refused);
        }
        let grant = Grant { token: token.cloned(), own: false };
        let asked = self.cache.store().now();
        let answer = self.upstream.ask(&grant, &api(repo, "")).await?;
        let info = match read(&answer) {
            Ok(info) => info,
            Err(HubError::Unavailable(error)) => return Err(error),
            Err(_) => return Ok(RepoAccess::Refused),
        };
        let standing = match (documents::has(&info, "private"), documents::has(&info, "gated"), token) {
            (false, false, None) => return Ok(RepoAccess::Public),
            (false, true, None) => return Ok(RepoAccess::Gated),
            (true, _, None) => return Ok(RepoAccess::Refused),
            // What upstream calls public may still be for its own users only: another mirror, or a Hub behind a login.
            (_, false, Some(_)) => RepoAccess::Accepted,
            // The file list of a gated repository is public; its files need an accepted token.
            (_, true, Some(_)) => self.pass_gate(&grant, repo, &info).await?,
        };
        if standing == RepoAccess::Accepted
            && let Err(refusal) = self.record(&grant, repo, &info, asked).await
        {
            tracing::warn!(%repo, ?refusal, "visibility: not recorded");
        }
        Ok(standing)
    }
}

impl Catalog {
    /// VisibilityRecords the visibility that upstream reports. "Public" to a caller's token is not recorded: only a question without
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

    /// Anonymous access to the source of an alias. Only Hub repositories state it.
    async fn ask_alias(&self, from: &str) -> Result<RepoAccess> {
        let (cache, text) = (self.cache.clone(), from.to_owned());
        let model = blocking(move || cache.reference(text)).await?.model;
        if Repo::of(&model).is_none() {
            return Ok(RepoAccess::Refused);
        }
        // VisibilityRecords it on its way.
        alias::look(&self.cache, from, "main").await?;
        let cache = self.cache.clone();
        let visibility = blocking(move || Ok(cache.visibility(&model))).await?;
        Ok(if visibility.is_public() { RepoAccess::Public } else { RepoAccess::Refused })
    }

    /// How a gated repository stands to a token.
    async fn pass_gate(&self, grant: &Grant, repo: &Repo, info: &Value) -> Result<RepoAccess> {
        let answer = self.upstream.ask(grant, &api(repo, "/auth-check")).await?;
        match answer.status {
            200..=299 => Ok(RepoAccess::Accepted),
            401 | 403 | 404 if documents::has(info, "private") => Ok(RepoAccess::Refused),
            401 | 403 | 404 => Ok(RepoAccess::Gated),
            status => Err(Error::new(ErrorKind::Network, format!("upstream answered {status}"))),
        }
    }
}
