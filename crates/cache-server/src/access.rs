//! Authorization of repository reads. Bytes are shared by digest, permission is not.
//!
//! Without users of its own the server asks upstream, with the caller's own token and never with its own. With users,
//! their globs decide. What is refused is refused as a repository that does not exist, whether it exists or not.

mod decisions;
mod delegated;
mod repo_access;
mod rules;

use std::collections::BTreeSet;
use std::hint::black_box;
use std::sync::Arc;

use cache_lib::{Cache, Result, Sha256};
use globset::GlobSet;

use self::delegated::Delegated;
pub(crate) use self::repo_access::{Permissions, RepoAccess};
use self::rules::Rules;
use crate::caller::{Caller, Grant, OWN_TOKEN, Token};
use crate::clock::Clock;
use crate::config::ServerConfig;
use crate::globs::globs;
use crate::hub_error::HubError;
use crate::listen::network;
use crate::repo::Repo;
use crate::upstream::{ClientGroup, Limits};
use crate::visibility::{KEPT, VisibilityRecords};

/// Authorization policy for repository reads.
#[derive(Debug)]
pub(crate) struct Access {
    admin: Option<Sha256>,
    rules: Option<Rules>,
    /// Repositories by configuration.
    models: BTreeSet<String>,
    /// What upstream may be asked for; `None`: everything.
    allowed: Option<GlobSet>,
    /// Whether a gated repository is answered as on the Hub.
    gated_as_hub: bool,
    records: Arc<VisibilityRecords>,
    cache: Cache,
    upstream: Delegated,
}

impl Access {
    /// Shares the records with their other users.
    pub(crate) fn new(
        config: &ServerConfig,
        cache: Cache,
        upstream: Arc<dyn Permissions>,
        records: Arc<VisibilityRecords>,
    ) -> Result<Self> {
        Self::build(config, cache, upstream, records, Clock::default())
    }

    #[cfg(test)]
    fn with_clock(config: &ServerConfig, cache: Cache, upstream: Arc<dyn Permissions>, clock: Clock) -> Result<Self> {
        let records = Arc::new(VisibilityRecords::new(config, cache.clone(), clock.clone())?);
        Self::build(config, cache, upstream, records, clock)
    }

    fn build(
        config: &ServerConfig,
        cache: Cache,
        upstream: Arc<dyn Permissions>,
        records: Arc<VisibilityRecords>,
        clock: Clock,
    ) -> Result<Self> {
        let allowed = (!config.upstream.is_empty()).then(|| globs("server.upstream", &config.upstream)).transpose()?;
        Ok(Self {
            admin: config.admin_token.as_deref().map(|token| Token::new(token).sha256()),
            rules: Rules::of(config)?,
            models: config.models.keys().cloned().collect(),
            allowed,
            gated_as_hub: config.gated_as_hub,
            upstream: Delegated::new(config, cache.clone(), Arc::clone(&records), upstream, clock),
            records,
            cache,
        })
    }

    /// Shares the limits of the other users of upstream.
    #[must_use]
    pub(crate) fn with_limits(mut self, limits: Limits) -> Self {
        self.upstream.set_limits(limits);
        self
    }

    /// Client group with which the caller's questions are counted.
    pub(crate) fn client(&self, caller: &Caller) -> ClientGroup {
        match (caller.address, &caller.token) {
            _ if self.is_admin(caller) => ClientGroup::Trusted,
            (_, Some(token)) if self.user(caller).is_some() => ClientGroup::User(token.sha256()),
            (Some(address), _) => ClientGroup::Network(network(address)),
            (None, _) => ClientGroup::Trusted,
        }
    }

    /// The right to read a repository.
    ///
    /// # Errors
    /// [`HubError::RepoNotFound`], or [`HubError::Gated`] where the configuration says so. Where upstream had to be asked
    /// and could not: [`HubError::Unavailable`] or [`HubError::Limited`], the same for every repository.
    pub(crate) async fn grant(&self, caller: &Caller, repo: &Repo) -> Result<Grant, HubError> {
        self.load(&[repo]).await;
        let grant = match self.decided(caller, repo) {
            Some(grant) => grant.ok_or(HubError::RepoNotFound),
            None => self.upstream.grant(repo, foreign(caller), self.client(caller)).await,
        };
        grant.map_err(|refusal| self.as_hub(repo, refusal))
    }

    /// Takes back a grant that upstream no longer honors, and returns what the caller is answered. What was decided
    /// here is not upstream's to take.
    pub(crate) async fn withdraw(&self, caller: &Caller, repo: &Repo, grant: &Grant, refusal: HubError) -> HubError {
        self.load(&[repo]).await;
        if self.decided(caller, repo).is_some() {
            return refusal;
        }
        self.upstream.withdraw(repo, grant.token.as_ref()).await;
        self.as_hub(repo, HubError::RepoNotFound)
    }

    /// The Hub's answer for a gated repository, where the configuration enables it.
    fn as_hub(&self, repo: &Repo, refusal: HubError) -> HubError {
        let gated = self.gated_as_hub && self.rules.is_none() && matches!(refusal, HubError::RepoNotFound);
        if gated && self.upstream.is_gated(repo) { self.gate(repo) } else { refusal }
    }

    fn gate(&self, repo: &Repo) -> HubError {
        HubError::Gated { repo: repo.to_string(), page: self.cache.hub_page(&repo.model()).unwrap_or_default() }
    }

    /// Whether a listing shows the repository to the caller. Does not ask upstream: only known grants count.
    #[cfg(test)]
    pub(crate) async fn may_list(&self, caller: &Caller, repo: &Repo) -> bool {
        self.may_list_each(caller, &[repo]).await == [true]
    }

    /// Which of these a listing shows to the caller, in their order. Does not ask upstream: what is not known to be allowed is not
    /// shown.
    pub(crate) async fn may_list_each(&self, caller: &Caller, repos: &[&Repo]) -> Vec<bool> {
        let mut shown = Vec::with_capacity(repos.len());
        for some in repos.chunks(KEPT) {
            if !self.is_admin(caller) {
                self.load(some).await;
            }
            shown.extend(some.iter().map(|repo| self.shows(caller, repo)));
        }
        shown
    }

    /// Loads what is recorded, so that what follows waits for no disk. Rules need no records.
    async fn load(&self, repos: &[&Repo]) {
        if self.rules.is_none() {
            self.records.load_all(repos).await;
        }
    }

    fn shows(&self, caller: &Caller, repo: &Repo) -> bool {
        match self.decided(caller, repo) {
            Some(grant) => grant.is_some(),
            None => self.upstream.shows(repo, foreign(caller)),
        }
    }

    /// What is decided here: the grant, or `Some(None)` for none. `None`: upstream has to be asked.
    fn decided(&self, caller: &Caller, repo: &Repo) -> Option<Option<Grant>> {
        let own = Grant { token: None, own: true };
        if self.is_admin(caller) {
            return Some(Some(own));
        }
        let name = repo.to_string();
        if let Some(rules) = &self.rules {
            let token = caller.token.as_ref().map(Token::sha256);
            return Some(rules.allow(token.as_ref(), repo).then_some(own));
        }
        // An alias is as open as its source; the others where upstream cannot be asked.
        let alias = self.models.contains(&name);
        let allowed = self.allowed.as_ref().is_none_or(|allowed| allowed.is_match(&name));
        if alias || self.cache.is_offline() || !allowed {
            let open = self.records.is_open(repo, self.upstream.last_word(repo));
            // Access to the source of the alias is not known yet.
            let is_new = alias && !self.cache.is_offline() && self.records.recorded(repo).is_none();
            if open || !is_new {
                return Some(open.then(Grant::default));
            }
        }
        None
    }

    /// Whether this is the admin.
    pub(crate) fn is_admin(&self, caller: &Caller) -> bool {
        caller.local_admin || self.has_admin_token(caller)
    }

    /// Whether the caller sent the admin's token. Takes the same time however much of it is right.
    pub(crate) fn has_admin_token(&self, caller: &Caller) -> bool {
        let (Some(admin), Some(token)) = (&self.admin, &caller.token) else { return false };
        let sent = token.sha256();
        let differ = admin.as_bytes().iter().zip(sent.as_bytes()).fold(0, |differ, (a, b)| black_box(differ | (a ^ b)));
        differ == 0
    }

    /// Name of the configured user with this token; `None` for other tokens.
    pub(crate) fn user(&self, caller: &Caller) -> Option<String> {
        let token = caller.token.as_ref()?.sha256();
        self.rules.as_ref()?.name(&token).map(str::to_owned)
    }
}

/// The caller's token, if it can be one of upstream's: this server's own are never sent on.
pub(crate) fn foreign(caller: &Caller) -> Option<&Token> {
    caller.token.as_ref().filter(|token| !token.expose().starts_with(OWN_TOKEN))
}

#[cfg(test)]
mod leaks;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;
