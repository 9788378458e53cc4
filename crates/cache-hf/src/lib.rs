//! The Hugging Face Hub as a source.
//!
//! What a revision is, is asked through the `hf-hub` crate, behind the stack of `cache-net` and with a client that cannot
//! leave the endpoint (`fence.rs`). The listing and the bytes come through that stack directly.

mod api;
mod api_response;
mod config;
mod error;
mod expand;
mod redirect_cache;
mod routes;
mod same_origin;
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
