//! The HTTP client as one [`tower`] stack, and the plain HTTP source.
//!
//! The order of the layers is written in `stack.rs` and nowhere else. Their errors are [`cache_core::Error`]s that say
//! what was tried, on which host, how often, and what the user can do; no secret is in any of them.

mod auth;
mod body;
mod breaker;
mod call;
mod client;
mod config;
mod fault;
mod header;
mod http_source;
mod idle;
mod jitter;
mod offline;
mod origin;
mod permit;
mod plain;
mod redirect;
mod request;
mod response;
mod retry;
mod secret;
mod stack;
mod tls;
mod trace;
mod transport;

pub use auth::{AuthLayer, Credentials};
pub use body::body_of;
pub use breaker::{BreakerLayer, BreakerPolicy, BreakerState, Breakers};
pub use call::Call;
pub use client::HttpClient;
pub use config::{HttpConfig, Proxies};
pub use http_source::{HttpSource, HttpSourceOptions};
pub use jitter::Jitter;
pub use offline::OfflineLayer;
pub use origin::{Origin, redact};
pub use permit::{Hold, Permit, PermitLayer, Permits};
pub use request::{Exchange, HttpRequest, RedirectPolicy};
pub use response::{Hop, HttpResponse};
pub use retry::{RetryLayer, RetryPolicy};
pub use secret::Secret;
pub use trace::TraceLayer;
