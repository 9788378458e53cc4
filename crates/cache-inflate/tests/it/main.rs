//! What is kept compressed arrives plain: against sources in memory.

#![expect(clippy::print_stdout, reason = "a process that is measured tells its parent")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a helper that fails, fails its test")]

mod bombs;
mod conforms;
mod corpus;
mod memory;
mod pack;
mod properties;
mod seekable;
mod streams;
