//! What all transfers of an engine share.

use std::collections::BTreeMap;
use std::sync::Arc;

use cache_store::Store;

use crate::bandwidth::Bandwidth;
use crate::config::ConnectionLimits;
use crate::pool::Pool;

/// Shared limits and pools of a transfer.
#[derive(Debug, Clone)]
pub(crate) struct TransferContext {
    pub(crate) store: Store,
    pub(crate) pool: Pool,
    pub(crate) bandwidth: Bandwidth,
    pub(crate) hosts: Arc<BTreeMap<String, Bandwidth>>,
    pub(crate) limits: ConnectionLimits,
}

/// The limit of a host that is named as in `Body::host`; without the port it is that of all its ports.
pub(crate) fn host_limit<'a>(hosts: &'a BTreeMap<String, Bandwidth>, host: &str) -> Option<&'a Bandwidth> {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    hosts.get(host).or_else(|| hosts.get(name))
}
