//! Arguments of `serve`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueHint};

use super::values::{age, size};

#[derive(Debug, Clone, Args)]
pub(crate) struct ServeArgs {
    /// Address to listen on: HOST:PORT, unix:/run/model-cache.sock for the admin, or systemd; may be repeated
    /// [default: 127.0.0.1:8090].
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Vec<String>,
    /// Hub to mirror [default: HF_ENDPOINT, or https://huggingface.co].
    #[arg(long, value_name = "URL")]
    pub(crate) upstream: Option<String>,
    /// Maximum size of the store, such as 500GB; least recently used models are evicted first.
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) max_size: Option<u64>,
    /// Another host name of this server, such as models.lan; may be repeated.
    #[arg(long, value_name = "NAME")]
    pub(crate) host: Vec<String>,
    /// Allow listening on the network without access tokens.
    #[arg(long)]
    pub(crate) insecure_public: bool,
    /// While offline, serve models to everyone unless known to be private or gated.
    #[arg(long)]
    pub(crate) assume_public: bool,
    /// How long the commit of a branch is cached [default: 1m].
    #[arg(long, value_name = "AGE", value_parser = age)]
    pub(crate) refresh: Option<Duration>,
    /// File with the admin token [default: a new one at each start, on loopback only].
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) admin_token_file: Option<PathBuf>,
    /// Serve https with this certificate chain (PEM).
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// Serve https with this private key (PEM).
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
}
