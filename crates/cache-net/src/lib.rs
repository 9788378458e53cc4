//! The HTTP client as one [`tower`] stack, and the plain HTTP source.
//!
//! The order of the layers is written in `stack.rs` and nowhere else. Their errors are [`cache_core::Error`]s that say
//! what was tried, on which host, how often, and what the user can do; no secret is in any of them.

mod address;
mod auth;
mod body;
mod breaker;
mod call;
mod client;
mod concurrency_limit;
mod config;
mod error;
mod header;
mod http1_client;
mod http_source;
mod idle;
mod jitter;
mod offline;
mod origin;
mod proxy;
mod redirect;
mod request;
mod resolve;
mod response;
mod retry;
mod secret;
mod stack;
mod tls;
mod trace;
mod transport;

pub use address::{AddressClass, AllowList, Reach};
pub use auth::{AuthLayer, Credentials};
pub use body::body_of;
pub use breaker::{BreakerLayer, BreakerPolicy, BreakerState, Breakers};
pub use call::Call;
pub use client::HttpClient;
pub use concurrency_limit::{ConcurrencyLimitLayer, HoldPermit, Permit, Permits};
pub use config::{HttpConfig, Proxies};
pub use http_source::{HttpSource, HttpSourceOptions};
pub use jitter::Jitter;
pub use offline::OfflineLayer;
pub use origin::{Origin, redact};
pub use request::{HttpRequest, PreparedRequest, RedirectPolicy};
pub use resolve::{Resolver, SystemResolver};
pub use response::{Hop, HttpResponse};
pub use retry::{RetryLayer, RetryPolicy};
pub use secret::Secret;
pub use trace::TraceLayer;
