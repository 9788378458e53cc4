//! A store served on: a mirror that Hugging Face programs use by setting `HF_ENDPOINT`, a page to look at, metrics.
//!
//! [`Server::bind`] takes the addresses, [`Server::run`] serves until it is told to stop. The way of a request: `guard`
//! (host, origin, rate), `observe` (log, metrics), then by its path `page`, `admin` or `hub`; `hub` asks `access` whether
//! the caller may read the repository and `catalog` what it consists of, and sends files as `body`.

mod access;
mod activity;
mod admin;
mod app;
mod blocking;
mod body;
mod bounded;
mod catalog;
mod clock;
mod config;
mod guard;
mod hub;
mod idle;
mod listen;
mod observe;
mod page;
mod refusal;
mod repo;
mod server;
#[cfg(feature = "tls")]
mod tls;
mod token;

pub use config::{Listen, ModelAlias, ServerConfig, TlsFiles, User};
pub use listen::Address;
#[cfg(feature = "otel")]
pub use observe::otel::Telemetry;
pub use server::Server;
pub use token::NewToken;
