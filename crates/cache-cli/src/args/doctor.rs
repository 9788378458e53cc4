//! Arguments of `doctor`.

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Test the connection to a host step by step: proxy, DNS, TCP, TLS, HTTP, token.
    #[arg(long)]
    pub(crate) network: bool,
    /// With --network: a model or a URL [default: the Hub].
    #[arg(value_name = "REF|URL", requires = "network")]
    pub(crate) what: Option<String>,
}
