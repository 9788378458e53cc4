//! From several sources to one verified blob: plan, engine, hashing, resume, single flight, pacing.
//!
//! The way of a file: [`Engine::fetch`] looks into the store, becomes the one that fetches it (`flight`), claims or
//! makes a partial, opens the source, and hands ranges (`plan`) to as many connections (`slots`, `connection`) as the
//! link repays; of a large file with mirrors, to those of all its sources (`lane`, `scheduler`, `multi_source`). Bytes land in one preallocated file (`sink`) while a thread hashes the contiguous prefix (`prefix_hasher`).
//! Only when size and digest are right does the store give it a name (`outcome`).

mod attempt;
mod backoff;
mod bandwidth;
mod body_limit;
mod config;
mod connection;
mod context;
mod disk;
mod engine;
mod fetch;
mod flight;
mod health;
mod job;
mod journal;
mod lane;
mod leadership;
mod live_file;
mod look_ahead;
mod multi_source;
mod open_files;
mod outcome;
mod plan;
mod pool;
mod prefix_hasher;
mod priority_semaphore;
mod progress_guard;
mod ranges;
mod reporter;
mod scheduler;
mod sink;
mod slots;
mod small;
mod small_queue;
mod stop_reason;
mod transfer;
mod wrong_bytes;

pub use bandwidth::Bandwidth;
pub use config::EngineConfig;
pub use disk::in_background;
pub use engine::Engine;
pub use job::{FetchJob, Fetched, SourceEntry};
pub use live_file::{AvailableRange, LiveFile, ReaderAttempt, UNVERIFIED_TAIL};
pub use progress_guard::{guard_progress, panic_message};
