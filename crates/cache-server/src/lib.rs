//! A store served on: a mirror that Hugging Face programs use by setting `HF_ENDPOINT`, a page to look at, metrics.
//!
//! [`Server::bind`] takes the addresses, [`Server::run`] serves until its `stop` future resolves. The way of a request: `guard`
//! (host, origin, rate), `observe` (log, metrics), then by its path `page`, `admin` or `hub`; `hub` asks `access` whether
//! the caller may read the repository and `catalog` what it consists of, and sends files as `body`.

mod access;
mod activity;
mod admin;
mod app;
mod blocking;
mod body;
mod bounded;
mod caller;
mod catalog;
mod clock;
mod config;
mod globs;
mod guard;
mod hub;
mod hub_error;
mod idle;
mod listen;
mod metrics;
mod observe;
mod page;
mod page_state;
mod problem;
mod repo;
mod response_labels;
mod router;
mod server;
mod single_flight;
mod slots;
#[cfg(feature = "tls")]
mod tls;
mod token;
mod trim;
mod upstream;
mod visibility;

pub use config::{Listen, ModelAlias, ServerConfig, Stream, TlsFiles, User};
pub use listen::Address;
#[cfg(feature = "otel")]
pub use observe::otel::Telemetry;
pub use server::{ClosedRepos, Server};
pub use token::NewToken;
