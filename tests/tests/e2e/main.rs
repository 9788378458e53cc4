//! The command, as people and scripts use it: real processes, a hub on loopback, real files.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a helper that fails, fails its test")]

mod answers;
mod failures;
mod get;
mod huggingface;
mod kill;
mod local;
mod many;
mod mend;
mod objects;
mod read_only;
mod servers;
mod signals;
mod upkeep;
mod world;
