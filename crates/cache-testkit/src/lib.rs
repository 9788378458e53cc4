//! Servers that behave, servers that do not, fixtures, and the conformance suite every source runs.
//!
//! - [`Hub`]: an in-process Hugging Face Hub with a CDN on another origin, exact to the protocol that clients rely on.
//! - [`FaultServer`]: one file behind a scripted bad server.
//! - [`conformance`]: one check a bullet of the `Source` trait's documentation.
//! - [`Fuzz`]: changes kept inputs at random, for everything that reads what strangers wrote.
//! - [`fixtures`]: seeded bytes and a small model folder that real programs can read.
//!
//! Nothing here listens anywhere but on loopback, prints anything, or needs the network.

#[cfg(test)]
mod client;
pub mod conformance;
mod connection;
mod content;
mod fault;
pub mod fixtures;
mod fuzz;
mod gate;
mod hang;
mod hub;
mod listen;
mod memory;
mod seeded;
mod serve;

pub use content::Content;
pub use fault::{FaultSeen, FaultServer, Personality};
pub use fuzz::{Fuzz, Fuzzed};
pub use hang::Hang;
pub use hub::{Access, Connections, Files, Hub, HubConfig, HubFault, Matches, Origin, Seen};
pub use memory::{CountingAllocator, Peak};
