//! A source around a source: what is kept compressed there arrives plain.
//!
//! [`Inflated`] lists `model.gguf.zst` as `model.gguf` and unpacks it while it streams. The compressed bytes are hashed
//! on the way and judged before the stream of plain bytes ends, so that whoever reads it to its end holds what the
//! digest promised. [`InflateLimits`] bounds what a hostile stream may cost.

mod consistency;
mod feed;
mod inflated;
mod limits;
mod listing;
mod local;
mod plain;
mod reader;
mod trouble;

pub use inflated::{Inflated, PlainDigests};
pub use limits::InflateLimits;
