//! The HTTP client as one [`tower`] stack, and the plain HTTP source.
//!
//! The order of the layers is written in `stack.rs` and nowhere else. Their errors are [`cache_core::Error`]s that say
//! what was tried, on which host, how often, and what the user can do; no secret is in any of them.

mod address;
mod auth;
mod body;
mod breaker;
mod client;
mod concurrency_limit;
mod config;
mod destination;
mod error;
mod extensions;
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
pub use auth::Credentials;
pub use body::body_of;
pub use breaker::{BreakerPolicy, BreakerState, Breakers};
pub use client::HttpClient;
pub use config::{HttpConfig, Proxies};
pub use extensions::RedirectPolicy;
pub use http_source::{HttpSource, HttpSourceOptions};
pub use origin::{Origin, redact};
pub use request::HttpRequest;
pub use resolve::{Resolver, SystemResolver};
pub use response::{Hop, HttpResponse};
pub use retry::RetryPolicy;
pub use secret::Secret;
