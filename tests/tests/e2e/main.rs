//! The command, as people and scripts use it: real processes, a hub on loopback, real files.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a helper that fails, fails its test")]

mod adopt;
mod answers;
mod batch;
mod bundle;
mod clients;
mod compressed;
mod config;
mod crowd;
mod failures;
mod files;
mod get;
mod huggingface;
mod kill;
mod limits;
mod local;
mod locked;
mod many;
mod mend;
mod mirror;
mod mirrors;
mod network;
mod objects;
mod offline;
mod page;
mod poison;
mod read_only;
mod registry;
mod secrets;
mod servers;
mod shapes;
mod signals;
mod silent;
mod stats;
mod sync;
mod terminal;
mod upkeep;
mod variants;
mod visibility;
mod world;
