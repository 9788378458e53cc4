//! Access to repositories, as upstream reports it, and its record.

use async_trait::async_trait;
use cache_lib::{Error, ErrorKind, Result};
use serde_json::Value;

use super::resolver::RepoResolver;
use super::{Catalog, alias, documents};
use crate::access::{Permissions, RepoAccess};
use crate::blocking::blocking;
use crate::caller::{Grant, Token};
use crate::hub_error::HubError;
use crate::repo::Repo;
use crate::upstream::client::{api, read};

#[async_trait]
impl Permissions for Catalog {
    async fn ask(&self, repo: &Repo, token: Option<&Token>) -> Result<RepoAccess> {
        let resolver = &self.resolver;
        if let Some(from) = resolver.aliases.of(repo) {
            return resolver.ask_alias(from).await;
        }
        if !resolver.may_ask(repo) && !resolver.cache.is_offline() {
            return Ok(RepoAccess::Refused);
        }
        let grant = Grant { token: token.cloned(), own: false };
        let asked = resolver.cache.store().now();
        let answer = resolver.upstream.ask(&grant, &api(repo, "")).await?;
        let info = match read(&answer) {
            Ok(info) => info,
            Err(HubError::Unavailable(error)) => return Err(error),
            Err(_) => return Ok(RepoAccess::Refused),
        };
        let access = match (documents::has(&info, "private"), documents::has(&info, "gated"), token) {
            (false, false, None) => return Ok(RepoAccess::Public),
            (false, true, None) => return Ok(RepoAccess::Gated),
            (true, _, None) => return Ok(RepoAccess::Refused),
            // What upstream calls public may still be for its own users only: another mirror, or a Hub behind a login.
            (_, false, Some(_)) => RepoAccess::Accepted,
            // The file list of a gated repository is public; its files need an accepted token.
            (_, true, Some(_)) => resolver.pass_gate(&grant, repo, &info).await?,
        };
        if access == RepoAccess::Accepted
            && let Err(refusal) = resolver.record(&grant, repo, &info, asked).await
        {
            tracing::warn!(%repo, ?refusal, "visibility: not recorded");
        }
        Ok(access)
    }
}

impl RepoResolver {
    /// Anonymous access to the source of an alias. Only Hub repositories state it.
    async fn ask_alias(&self, from: &str) -> Result<RepoAccess> {
        let (cache, text) = (self.cache.clone(), from.to_owned());
        let model = blocking(move || cache.reference(text)).await?.model;
        if Repo::of(&model).is_none() {
            return Ok(RepoAccess::Refused);
        }
        // Records it on its way.
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
