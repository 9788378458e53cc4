//! Configuration of an engine.

use std::collections::BTreeMap;
use std::time::Duration;

/// Limits and habits of an [`Engine`](crate::Engine).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct EngineConfig {
    /// Most connections to one source; how many are used is found by measuring.
    pub connections_per_host: usize,
    /// Most files that are fetched in ranges side by side.
    pub files: usize,
    /// Retries in a row without progress before a file fails.
    pub retries: u32,
    /// Longest wait that a host may ask for; one that asks for more fails the file.
    pub max_wait: Duration,
    /// Refuse files for which no digest is known.
    pub require_digest: bool,
    /// Bytes per second over all transfers.
    pub limit_rate: Option<u64>,
    /// A connection that brings fewer bytes than `stall_bytes` in this time is given up.
    pub stall_window: Duration,
    /// Bytes a connection has to bring in each `stall_window`.
    pub stall_bytes: u64,
    /// A leader that shows no progress, and no reason for it, for this long is overtaken by those that wait for it.
    pub leader_timeout: Duration,
    /// Most bytes of a body whose server tells no size: an endless one must not fill the disk.
    pub unsized_bytes: u64,
    /// Bytes of memory that the buffers of all transfers may take, those of the connections included; 8 MiB is what 32
    /// connections need. Less means fewer connections.
    pub memory: u64,
    /// Files that the process may have open at once: fewer files and connections are under way where it is small.
    pub open_files: u64,
    /// Whether bytes that failed verification are kept, to be looked at.
    pub quarantine: bool,
    /// Bytes a second from single hosts, by name, with `:port` where it is not the usual one.
    pub hosts: BTreeMap<String, u64>,
    /// Record hashes of each block, so that a repair can fetch the broken ones alone.
    pub block_hashes: bool,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            connections_per_host: 32,
            files: 16,
            retries: 5,
            max_wait: Duration::from_secs(300),
            require_digest: false,
            limit_rate: None,
            stall_window: Duration::from_secs(20),
            stall_bytes: 20 << 10,
            leader_timeout: Duration::from_secs(60),
            unsized_bytes: 256 << 30,
            memory: 8 << 20,
            open_files: cache_store::open_file_limit().unwrap_or(u64::MAX),
            quarantine: true,
            hosts: BTreeMap::new(),
            block_hashes: true,
        }
    }
}

/// The part of the configuration that a connection needs.
#[derive(Debug, Clone)]
pub(crate) struct ConnectionLimits {
    pub(crate) stall_window: Duration,
    pub(crate) stall_bytes: u64,
    pub(crate) unsized_bytes: u64,
    pub(crate) block_hashes: bool,
}
