//! A source around a source: what is kept compressed there arrives plain.
//!
//! [`InflateSource`] lists `model.gguf.zst` as `model.gguf` and decompresses it while it streams. The compressed bytes are hashed
//! on the way and judged before the stream of plain bytes ends, so that a stream read to its end
//! matches the digest. [`InflateLimits`] bounds what a hostile stream may cost.

mod compressed_stream;
mod consistency;
mod decompressed_stream;
mod error;
mod limits;
mod listing;
mod local;
mod reader;
mod seek;
mod source;

pub use limits::InflateLimits;
pub use source::{DecompressedDigests, InflateSource};
