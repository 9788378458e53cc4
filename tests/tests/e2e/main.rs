//! The command, as people and scripts use it: real processes, a hub on loopback, real files.

mod answers;
mod failures;
mod get;
mod huggingface;
mod kill;
mod local;
mod many;
mod mend;
mod read_only;
mod signals;
mod upkeep;
mod world;
