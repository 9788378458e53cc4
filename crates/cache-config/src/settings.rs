//! [`Settings`]: what was configured, resolved and typed. `None` everywhere means the default of the part it is for.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use cache_lib::StoreMode;
use cache_lib::options::{AzureOptions, GcsOptions, HostOptions, HubOptions, NetworkOptions, S3Options, TokenRef};

/// All settings, grouped as the file is. The default is what no configuration at all means.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Settings {
    /// `[store]`: where the store is and how large it may get.
    pub store: StoreSettings,
    /// `[transfer]`: how files are fetched.
    pub transfer: TransferSettings,
    /// `[network]`: how hosts are reached.
    pub network: NetworkOptions,
    /// `[hosts."name"]`: limits of single hosts, by host name, with `:port` where one was written.
    pub hosts: BTreeMap<String, HostOptions>,
    /// `[hub]`: the Hugging Face Hub.
    pub hub: HubOptions,
    /// `[mirrors.name]`: other places that have the same files, by the name the user gave them.
    pub mirrors: BTreeMap<String, MirrorSettings>,
    /// `[s3]`: Amazon S3 and what speaks like it.
    pub s3: S3Options,
    /// `[gcs]`: Google Cloud Storage.
    pub gcs: GcsOptions,
    /// `[azure]`: Azure Blob Storage.
    pub azure: AzureOptions,
    /// `[verify]`: what is done about files without a digest.
    pub verify: VerifySettings,
    /// `[log]`: the log on stderr.
    pub log: LogSettings,
    /// `[project]`: which folders may bring settings of their own.
    pub project: ProjectSettings,
    /// `[server]`: the mirror.
    pub server: ServerSettings,
    /// `[users.name]`: who may read what from the mirror.
    pub users: BTreeMap<String, UserSettings>,
    /// `[models."org/name"]`: other sources that the mirror serves under this name.
    pub models: BTreeMap<String, ModelSettings>,
}

/// The store.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct StoreSettings {
    /// Its folder.
    pub dir: Option<PathBuf>,
    /// Access of other users.
    pub mode: StoreMode,
    /// Bytes that all blobs may take up.
    pub quota: Option<u64>,
    /// What goes first when it gets too large.
    pub policy: EvictionPolicy,
    /// With [`EvictionPolicy::Ttl`]: how long a version may lie unused.
    pub ttl: Option<Duration>,
    /// Whether bytes that failed verification are kept; true when `None`.
    pub quarantine: Option<bool>,
    /// How long they are kept.
    pub quarantine_max_age: Option<Duration>,
}

/// What goes first from a store that gets too large.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum EvictionPolicy {
    /// The least recently used.
    #[default]
    Lru,
    /// Always what was not used for the time to live, then the least recently used.
    Ttl,
    /// The largest.
    Size,
}

/// Transfers.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct TransferSettings {
    /// Failures in a row without progress before a file is given up.
    pub retries: Option<u32>,
    /// Most connections to one host.
    pub connections: Option<usize>,
    /// Files fetched side by side.
    pub jobs: Option<usize>,
    /// Bytes a second over all transfers. `None`: no limit.
    pub limit_rate: Option<u64>,
    /// Bytes of memory that buffers may take.
    pub memory: Option<u64>,
    /// A connection that brings next to nothing for this long is given up.
    pub stall_timeout: Option<Duration>,
    /// A process that fetches a file and makes no progress for this long is overtaken by those that wait for it.
    pub leader_timeout: Option<Duration>,
    /// Longest wait that a rate-limiting host may ask for.
    pub max_wait: Option<Duration>,
    /// Longest time for one get. `None`: no limit.
    pub deadline: Option<Duration>,
}

/// One mirror.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct MirrorSettings {
    /// Its address; `{model}` stands for the model's name.
    pub url: String,
    /// Globs of the models it has.
    pub models: Vec<String>,
    /// Higher is used first; those with the same number share the work.
    pub preference: i32,
    /// Whether it may also answer for the listing when the authority is down.
    pub trusted: bool,
    /// Where its token is.
    pub token: Option<TokenRef>,
    /// Whether the token may go over plain http to other machines.
    pub allow_http: bool,
}

impl Default for MirrorSettings {
    /// A mirror of all models, not trusted, without an address.
    fn default() -> Self {
        Self {
            url: String::new(),
            models: vec!["*".to_owned()],
            preference: 0,
            trusted: false,
            token: None,
            allow_http: false,
        }
    }
}

/// What is done about files without a digest.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct VerifySettings {
    /// The policy.
    pub digest: DigestPolicy,
}

/// What is done about files that come without a digest to check them against. Wrong digests are always refused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum DigestPolicy {
    /// Taken without a word.
    Off,
    /// Taken with a warning.
    #[default]
    Warn,
    /// Refused.
    Require,
}

/// The log.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct LogSettings {
    /// A filter of `tracing`: `debug`, `cache_net=trace` … `None`: no log.
    pub level: Option<String>,
    /// How a line looks.
    pub format: LogFormat,
}

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Which folders may bring settings of their own.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct ProjectSettings {
    /// Folders whose `model-cache.toml`, there and below, may set everything.
    pub trust: Vec<PathBuf>,
}

/// The mirror.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct ServerSettings {
    /// Addresses to listen on: `127.0.0.1:8090`, `unix:/run/model-cache.sock`, `systemd`.
    pub listen: Vec<String>,
    /// Further names under which it may be asked.
    pub hosts: Vec<String>,
    /// How long a moving name keeps its commit before upstream is asked again.
    pub refresh: Option<Duration>,
    /// How long "there is no such thing" counts.
    pub negative: Option<Duration>,
    /// Files are given out when their digest is confirmed, not as they arrive.
    pub verified_only: bool,
    /// Globs of repositories that may be asked for upstream; empty for all.
    pub upstream: Vec<String>,
    /// Globs of what may be read without a token.
    pub anonymous: Vec<String>,
    /// Whether gated repositories are answered as the Hub answers them.
    pub gated_as_hub: bool,
    /// Whether `/metrics` is for everyone.
    pub open_metrics: Option<bool>,
    /// Where the admin's token is.
    pub admin_token: Option<TokenRef>,
    /// Requests a second of one client.
    pub rate: Option<u32>,
    /// Names unknown to the mirror that one client may have upstream asked for, a minute.
    pub unknown_rate: Option<u32>,
    /// Connections of one client.
    pub connections_per_client: Option<usize>,
    /// Connections in all.
    pub connections: Option<usize>,
    /// Certificate chain in PEM.
    pub tls_certificate: Option<PathBuf>,
    /// Private key in PEM.
    pub tls_key: Option<PathBuf>,
}

/// A user of the mirror.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct UserSettings {
    /// SHA-256 of the token, 64 hexadecimal digits.
    pub token_sha256: String,
    /// Globs of what may be read.
    pub read: Vec<String>,
}

/// A repository that comes from another source.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct ModelSettings {
    /// The reference that it is.
    pub from: String,
}
