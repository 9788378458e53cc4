//! The Hugging Face Hub as a source.
//!
//! What a revision is, is asked through the `hf-hub` crate, behind the stack of `cache-net` and with a client that cannot
//! leave the endpoint (`fence.rs`). The listing and the bytes come through that stack directly.

mod answer;
mod api;
mod config;
mod expand;
mod fence;
mod location;
mod refusal;
mod routes;
mod search;
mod source;
mod tree;

pub use answer::HubAnswer;
pub use config::{DEFAULT_ENDPOINT, HfConfig, Provenance, Provenances};
pub use search::{FoundModel, Newest};
pub use source::HfSource;
pub use tree::UNHASHED;

#[cfg(test)]
mod tests;
