//! The command, as people and scripts use it: real processes, a hub on loopback, real files.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a helper that fails, fails its test")]

mod answers;
mod batch;
mod clients;
mod compressed;
mod config;
mod crowd;
mod failures;
mod get;
mod huggingface;
mod kill;
mod local;
mod locked;
mod many;
mod mend;
mod mirror;
mod mirrors;
mod network;
mod objects;
mod offline;
mod read_only;
mod registry;
mod servers;
mod signals;
mod stats;
mod upkeep;
mod variants;
mod world;
