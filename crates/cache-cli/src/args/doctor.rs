//! Arguments of `doctor`.

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Go the way to a host step by step: proxy, name, connection, TLS, answer, token.
    #[arg(long)]
    pub(crate) network: bool,
    /// With --network: a reference or an address [default: the Hub's endpoint].
    #[arg(value_name = "REF|URL", requires = "network")]
    pub(crate) what: Option<String>,
}
