//! From several sources to one verified blob: plan, engine, hashing, resume, single flight, pacing.
//!
//! The way of a file: [`Engine::fetch`] looks into the store, becomes the one that fetches it (`flight`), claims or
//! makes a partial, opens the source, and hands ranges (`plan`) to as many connections (`slots`, `connection`) as the
//! link repays; of a large file with mirrors, to those of all its sources (`lane`, `steer`, `spread`). Bytes land in one preallocated file (`sink`) while a thread hashes the contiguous prefix (`follower`).
//! Only when size and digest are right does the store give it a name (`outcome`).

mod backoff;
mod connection;
mod engine;
mod flight;
mod follower;
mod health;
mod journal;
mod lane;
mod live;
mod outcome;
mod pace;
mod plan;
mod pool;
mod ranges;
mod repair;
mod reporter;
mod sink;
mod slots;
mod small;
mod spread;
mod steer;
mod transfer;
mod turns;

pub use engine::{Engine, EngineConfig, FetchJob, Fetched, Place};
pub use live::{HOLD_BACK, Landed, Live};
pub use pace::Bandwidth;
