//! Read-only inspection of model files. No async, no I/O of its own.
//!
//! Everything here takes bytes and listings from anywhere and must not panic, nor take more memory than a few kilobytes
//! beyond them.

pub mod gguf;
mod quantization;
pub mod variants;

pub use quantization::quantization;
