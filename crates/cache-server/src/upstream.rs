//! When upstream may be asked, and how long it is waited for: [`Pacer`], [`StaleGrace`] and [`Deadline`].

pub(crate) mod client;
mod grace;
mod pacing;
mod silence;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use cache_lib::Sha256;

pub(crate) use self::grace::StaleGrace;
pub(crate) use self::pacing::Pacer;
pub(crate) use self::silence::Deadline;

/// The longest that upstream is left alone because it said so (429): the Hub's window, after which it counts anew.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// Questions that are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) enum ClientGroup {
    /// The server itself, or its admin.
    #[default]
    Trusted,
    /// A user of this server's own, by the hash of the token.
    User(Sha256),
    /// All callers at an address; of IPv6, in a network of 64 bits.
    Network(IpAddr),
}

/// Limits shared by all users of upstream. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Limits {
    pub(crate) grace: Arc<StaleGrace>,
    pub(crate) pacing: Arc<Pacer>,
}

impl Limits {
    /// For a server that lets one client ask for so many unknown names a minute; `None`: no limit.
    pub(crate) fn new(unknown_per_minute: Option<u32>) -> Self {
        Self { grace: Arc::default(), pacing: Arc::new(Pacer::new(unknown_per_minute)) }
    }
}
