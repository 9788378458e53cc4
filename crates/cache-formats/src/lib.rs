//! Read-only inspection of model files. No async, no I/O of its own.
//!
//! Everything here takes bytes from anywhere and must not panic, nor take more memory than a few kilobytes.

pub mod gguf;
