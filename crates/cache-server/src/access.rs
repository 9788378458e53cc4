//! Who may read what. Bytes are shared by digest, permission is not.

use std::sync::Arc;

use async_trait::async_trait;
use cache_lib::{Cache, Result};
use http::request::Parts;

use crate::config::ServerConfig;
use crate::refusal::Refusal;
use crate::repo::Repo;

/// A token as a client sent it. Never printed.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Token(Arc<str>);

impl Token {
    pub(crate) fn new(text: &str) -> Self {
        Self(text.into())
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
        let _ = parts;
        Self::default()
    }
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

/// How a repository stands to a token, by upstream's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Everyone may read it.
    Public,
    /// It is private or gated, and the token may read it.
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
pub(crate) struct Access {}

impl Access {
    pub(crate) fn new(config: &ServerConfig, cache: Cache, upstream: Arc<dyn Permissions>) -> Result<Self> {
        let _ = (config, cache, upstream);
        Ok(Self {})
    }

    /// The right to read a repository.
    pub(crate) async fn grant(&self, caller: &Caller, repo: &Repo) -> Result<Grant, Refusal> {
        let _ = (caller, repo);
        Ok(Grant::default())
    }

    /// Whether a listing shows the repository to the caller. Asks nobody: what is not known to be allowed is not shown.
    pub(crate) fn may_list(&self, caller: &Caller, repo: &Repo) -> bool {
        let _ = (caller, repo);
        true
    }

    /// Whether this is the admin.
    pub(crate) fn is_admin(&self, caller: &Caller) -> bool {
        caller.local_admin
    }

    /// The name of the user whose token it is: of one of ours. `None`: not one of ours.
    pub(crate) fn user(&self, caller: &Caller) -> Option<String> {
        let _ = caller;
        None
    }
}
