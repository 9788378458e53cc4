//! [`Connection`]: what all requests of one connection share.

use std::sync::{Arc, Mutex};

use tokio::time::Instant;

/// One connection, as its requests see it.
#[derive(Debug, Clone)]
pub(crate) struct Connection {
    /// Number from 1, over all listeners of the process.
    pub(crate) id: u64,
    /// When the bytes sent so far are paid for, under a rate.
    pub(crate) paid: Arc<Mutex<Option<Instant>>>,
}
