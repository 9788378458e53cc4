//! Who may read what. Bytes are shared by digest, permission is not.
//!
//! Without users of its own the server asks upstream, with the caller's own token and never with its own. With users,
//! their globs decide. What is refused is refused as a repository that does not exist, whether it exists or not.

mod memory;
mod record;
mod rules;
mod upstream;

use std::collections::BTreeSet;
use std::hint::black_box;
use std::sync::Arc;

use async_trait::async_trait;
use cache_lib::{Cache, Result, Sha256};
use globset::GlobSet;
use http::header::AUTHORIZATION;
use http::request::Parts;
use sha2::Digest as _;

use self::record::Visibility;
use self::rules::Rules;
pub(crate) use self::rules::globs;
use self::upstream::Upstream;
use crate::clock::Clock;
use crate::config::ServerConfig;
use crate::listen::Peer;
use crate::refusal::Refusal;
use crate::repo::Repo;

/// Longest token that is looked at, in bytes.
const MAX_TOKEN: usize = 4096;
/// How the tokens begin that this server makes.
pub(crate) const OWN_TOKEN: &str = "mct_";

/// A token as a client sent it. Never printed.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Token(Arc<str>);

impl Token {
    pub(crate) fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// What is remembered of it.
    pub(crate) fn sha256(&self) -> Sha256 {
        Sha256::from_bytes(sha2::Sha256::digest(self.0.as_bytes()).into())
    }

    /// The text, to be sent to upstream and nowhere else.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// Who asks.
#[derive(Debug, Clone, Default)]
pub(crate) struct Caller {
    /// The bearer token, if one was sent.
    pub(crate) token: Option<Token>,
    /// Came by the unix socket.
    pub(crate) local_admin: bool,
}

impl Caller {
    /// Reads `Authorization` and the connection's [`Peer`](crate::listen::Peer).
    pub(crate) fn of(parts: &Parts) -> Self {
        let header = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        Self {
            token: header.and_then(bearer).map(Token::new),
            local_admin: matches!(parts.extensions.get(), Some(Peer::Unix)),
        }
    }
}

fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.trim().split_once(' ')?;
    let token = token.trim();
    let fine = !token.is_empty() && token.len() <= MAX_TOKEN && token.bytes().all(|byte| byte.is_ascii_graphic());
    (scheme.eq_ignore_ascii_case("bearer") && fine).then_some(token)
}

/// The right to read one repository.
#[derive(Debug, Clone, Default)]
pub(crate) struct Grant {
    /// The token that upstream is asked with for it: the caller's where upstream decides, `None` to ask without.
    /// With `own`, the server's own.
    pub(crate) token: Option<Token>,
    /// Ask with the server's own token.
    pub(crate) own: bool,
}

/// With whose token upstream is asked. What it answers to one is not for another: how long to wait, what there is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Asker {
    Nobody,
    /// The server itself.
    Own,
    /// A caller, by the hash of the token.
    Caller(Sha256),
}

impl Grant {
    pub(crate) fn asker(&self) -> Asker {
        match &self.token {
            _ if self.own => Asker::Own,
            None => Asker::Nobody,
            Some(token) => Asker::Caller(token.sha256()),
        }
    }
}

/// How a repository stands to a token, by upstream's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Everyone may read it: only a question without a token can tell.
    Public,
    /// The token may read it.
    Accepted,
    /// It does not exist, or the token may not read it.
    Refused,
}

/// Asks upstream. The catalog does, a test's double does.
#[async_trait]
pub(crate) trait Permissions: Send + Sync + std::fmt::Debug {
    /// How the repository stands to the token, or to nobody.
    ///
    /// # Errors
    /// Upstream does not answer, or may not be asked.
    async fn ask(&self, repo: &Repo, token: Option<&Token>) -> Result<Standing>;
}

/// Decides.
#[derive(Debug)]
pub(crate) struct Access {
    admin: Option<Sha256>,
    rules: Option<Rules>,
    /// Repositories by configuration.
    models: BTreeSet<String>,
    /// What upstream may be asked for; `None`: everything.
    allowed: Option<GlobSet>,
    cache: Cache,
    upstream: Upstream,
}

impl Access {
    pub(crate) fn new(config: &ServerConfig, cache: Cache, upstream: Arc<dyn Permissions>) -> Result<Self> {
        Self::with_clock(config, cache, upstream, Clock::default())
    }

    fn with_clock(config: &ServerConfig, cache: Cache, upstream: Arc<dyn Permissions>, clock: Clock) -> Result<Self> {
        let allowed = (!config.upstream.is_empty()).then(|| globs("server.upstream", &config.upstream)).transpose()?;
        Ok(Self {
            admin: config.admin_token.as_deref().map(|token| Token::new(token).sha256()),
            rules: Rules::of(config)?,
            models: config.models.keys().cloned().collect(),
            allowed,
            upstream: Upstream::new(config, cache.clone(), upstream, clock),
            cache,
        })
    }

    /// The right to read a repository.
    ///
    /// # Errors
    /// [`Refusal::RepoNotFound`]. Where upstream had to be asked and could not: [`Refusal::Unavailable`] or
    /// [`Refusal::Limited`], the same for every repository.
    pub(crate) async fn grant(&self, caller: &Caller, repo: &Repo) -> Result<Grant, Refusal> {
        match self.decided(caller, repo) {
            Some(Some(grant)) => Ok(grant),
            Some(None) => Err(Refusal::RepoNotFound),
            None => self.upstream.grant(repo, foreign(caller)).await,
        }
    }

    /// Whether a listing shows the repository to the caller. Asks nobody: what is not known to be allowed is not shown.
    pub(crate) fn may_list(&self, caller: &Caller, repo: &Repo) -> bool {
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
        if self.models.contains(&name) {
            return Some(Some(Grant::default()));
        }
        if self.cache.is_offline() {
            let restricted = self.upstream.last_word(repo) == Some(Visibility::Restricted);
            return Some((!restricted).then(Grant::default));
        }
        if self.allowed.as_ref().is_some_and(|allowed| !allowed.is_match(&name)) {
            let public = self.upstream.last_word(repo) == Some(Visibility::Public);
            return Some(public.then(Grant::default));
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

    /// The name of the user whose token it is: of one of ours. `None`: not one of ours.
    pub(crate) fn user(&self, caller: &Caller) -> Option<String> {
        let token = caller.token.as_ref()?.sha256();
        self.rules.as_ref()?.name(&token).map(str::to_owned)
    }
}

/// The caller's token, if it can be one of upstream's: our own are shown to nobody.
pub(crate) fn foreign(caller: &Caller) -> Option<&Token> {
    caller.token.as_ref().filter(|token| !token.expose().starts_with(OWN_TOKEN))
}

#[cfg(test)]
mod leaks;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;
