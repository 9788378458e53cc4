//! [`Caller`]: the sender of a request, its token, and the right that was granted to it.

use std::net::IpAddr;
use std::sync::Arc;

use cache_lib::Sha256;
use http::header::AUTHORIZATION;
use http::request::Parts;
use sha2::Digest as _;

use crate::listen::Peer;

/// Longest accepted token, in bytes.
const MAX_TOKEN: usize = 4096;
/// Prefix of the tokens that this server makes.
pub(crate) const OWN_TOKEN: &str = "mct_";

/// A token as a client sent it. Never printed.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Token(Arc<str>);

impl Token {
    pub(crate) fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// The hash that is kept instead of the token.
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

/// The sender of a request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Caller {
    /// The bearer token, if one was sent.
    pub(crate) token: Option<Token>,
    /// Connected by the unix socket.
    pub(crate) local_admin: bool,
    /// The peer address; `None` for the unix socket.
    pub(crate) address: Option<IpAddr>,
}

impl Caller {
    /// Reads `Authorization` and the connection's [`Peer`](crate::listen::Peer).
    pub(crate) fn of(parts: &Parts) -> Self {
        let header = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        Self {
            token: header.and_then(bearer).map(Token::new),
            local_admin: matches!(parts.extensions.get(), Some(Peer::Unix)),
            address: match parts.extensions.get() {
                Some(Peer::Tcp(address)) => Some(address.ip()),
                _ => None,
            },
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

/// The owner of the token that upstream is asked with. Answers to one identity are not shared with another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Identity {
    Anonymous,
    /// The server itself.
    Server,
    /// A caller, by the hash of the token.
    Caller(Sha256),
}

impl Grant {
    pub(crate) fn identity(&self) -> Identity {
        match &self.token {
            _ if self.own => Identity::Server,
            None => Identity::Anonymous,
            Some(token) => Identity::Caller(token.sha256()),
        }
    }
}
