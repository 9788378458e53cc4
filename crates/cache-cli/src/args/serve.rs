//! Arguments of `serve`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueHint};

use super::{age, size};

#[derive(Debug, Clone, Args)]
pub(crate) struct ServeArgs {
    /// Where to listen: 127.0.0.1:8090, [::1]:8090, unix:/run/model-cache.sock for the admin, or systemd; may be repeated
    /// [default: 127.0.0.1:8090].
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Vec<String>,
    /// The Hub behind this mirror [default: HF_ENDPOINT, else https://huggingface.co].
    #[arg(long, value_name = "URL")]
    pub(crate) upstream: Option<String>,
    /// The most that all files may take up; what was not used for longest goes first.
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) max_size: Option<u64>,
    /// Another name under which this server may be asked, such as models.lan; may be repeated.
    #[arg(long, value_name = "NAME")]
    pub(crate) host: Vec<String>,
    /// Listen where others can reach it although nobody has to show a token.
    #[arg(long)]
    pub(crate) insecure_public: bool,
    /// How long a branch keeps its commit before upstream is asked again [default: 1m].
    #[arg(long, value_name = "AGE", value_parser = age)]
    pub(crate) refresh: Option<Duration>,
    /// File with the admin's token. Without one it is made at each start, when only this machine can ask.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) admin_token_file: Option<PathBuf>,
    /// Speak https: the certificate chain in PEM.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// Speak https: the private key in PEM.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
}
