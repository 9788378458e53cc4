//! The Hugging Face Hub as a source.
//!
//! Revisions, listings and bytes are requested through the HTTP stack of `cache-net`: one client, one budget of retries, and
//! a token that stays at its origin.

mod api;
mod api_response;
mod config;
mod error;
mod expand;
mod redirect_cache;
mod routes;
mod search;
mod source;
mod tree;

pub use api::Pinned;
pub use api_response::HubResponse;
pub use config::{DEFAULT_ENDPOINT, HfConfig, Provenance, Provenances};
pub use search::{LatestCommit, SearchResult};
pub use source::HfSource;
pub use tree::UNHASHED;

#[cfg(test)]
mod tests;
