//! [`ServerConfig`]: how the mirror behaves.

mod settings;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use cache_lib::Sha256;

/// The longest that a request waits for a silent upstream: clients of the Hub give up at ten seconds.
pub(crate) const LONGEST_SILENCE: Duration = Duration::from_secs(10);

/// Where requests come in.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Listen {
    /// A TCP address; port 0 takes a free one.
    Tcp(SocketAddr),
    /// A unix socket, mode 0600: its clients are admins.
    Unix(PathBuf),
    /// The sockets that systemd hands over (`LISTEN_FDS`).
    Systemd,
}

/// When the bytes of a file that is being fetched are given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stream {
    /// As they arrive; the last when the digest of all is confirmed.
    Arriving,
    /// When the digest of all is confirmed.
    VerifiedOnly,
}

/// Certificate and key, both in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The chain, the server's own first.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// A configured user with a token of this server's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// SHA-256 of the token: the token itself is nowhere.
    pub token_sha256: Sha256,
    /// Globs of what may be read: `org/*`, `datasets/org/name`.
    pub read: Vec<String>,
}

/// Another source served as a repository of the Hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelAlias {
    /// What it is: `s3://bucket/prefix`, `./folder`, a registered name.
    pub from: String,
}

/// How the mirror behaves. Durations are how long an answer of upstream counts.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ServerConfig {
    /// Where requests come in.
    pub listen: Vec<Listen>,
    /// Names under which the server may be asked (`Host`), besides loopback's and the addresses it listens on.
    pub hosts: Vec<String>,
    /// Serve without tokens on addresses that other machines can reach.
    pub insecure_public: bool,
    /// How long a moving name keeps its commit before upstream is asked again.
    pub refresh: Duration,
    /// How long "there is no such thing" counts.
    pub negative: Duration,
    /// How long a token that upstream accepted for a private repository counts.
    pub grant: Duration,
    /// When the bytes of a file that is being fetched are given out.
    pub stream: Stream,
    /// Globs of repositories that may be asked for upstream; empty for all.
    pub upstream: Vec<String>,
    /// This server's own users. When there are any, they alone decide, and upstream is asked with the server's token.
    pub users: BTreeMap<String, User>,
    /// What may be read without a token, whatever is known of it: globs.
    pub anonymous: Vec<String>,
    /// Takes unknown repositories for public. Counts offline and without users only.
    pub assume_public: bool,
    /// Answer a gated repository without access as the Hub does. Else as one that does not exist.
    pub gated_as_hub: bool,
    /// Serve `/metrics` without the admin's token.
    pub open_metrics: bool,
    /// Other sources under the names of repositories.
    pub models: BTreeMap<String, ModelAlias>,
    /// The admin's token; `None`: admin over the unix socket only.
    pub admin_token: Option<String>,
    /// Requests a second of one client, and ten times as many at once; `None`: no limit.
    pub rate: Option<u32>,
    /// Connections of one client; `None`: no limit.
    pub connections_per_client: Option<usize>,
    /// Connections in all, besides those for health checks and the admin.
    pub connections: usize,
    /// Names unknown here that one client may have upstream asked for a minute, and twice as many at once; all together
    /// eight times as many. `None`: no limit.
    pub unknown_rate: Option<u32>,
    /// Speak TLS.
    pub tls: Option<TlsFiles>,
    /// How long a client may take to send a request's headers, and how long a connection may lie idle.
    pub header_timeout: Duration,
    /// How long a client may take nothing of what is sent to it.
    pub write_timeout: Duration,
    /// How long an HTTP/2 client may read nothing of any ready answer. For HTTP/1 the socket shows it.
    pub unread_timeout: Duration,
    /// How long a request waits for a silent upstream where nothing that is known would do.
    pub silence: Duration,
    /// How long requests may take to end after the server began to stop.
    pub grace: Duration,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: vec![Listen::Tcp(SocketAddr::from(([127, 0, 0, 1], 8090)))],
            hosts: Vec::new(),
            insecure_public: false,
            refresh: Duration::from_secs(60),
            negative: Duration::from_secs(10),
            grant: Duration::from_secs(60),
            stream: Stream::Arriving,
            upstream: Vec::new(),
            users: BTreeMap::new(),
            anonymous: Vec::new(),
            assume_public: false,
            gated_as_hub: false,
            open_metrics: false,
            models: BTreeMap::new(),
            admin_token: None,
            rate: Some(1000),
            connections_per_client: Some(512),
            connections: 4096,
            unknown_rate: Some(30),
            tls: None,
            header_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(15),
            unread_timeout: Duration::from_secs(60),
            silence: LONGEST_SILENCE,
            grace: Duration::from_secs(20),
        }
    }
}

#[cfg(test)]
mod tests;
