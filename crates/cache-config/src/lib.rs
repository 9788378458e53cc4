//! Configuration: files, environment and flags, in rising precedence, with the origin of every value.
//!
//! 1. defaults
//! 2. the user's file: `config.toml` (or `config.json`) in `model-cache` in the platform's configuration folder
//! 3. the project's file: `model-cache.toml` (or `model-cache.json`) in the working folder
//! 4. the environment: `MODEL_CACHE_*`, and below it the variables of Hugging Face programs
//! 5. flags
//!
//! A file that is named, by `--config` or `MODEL_CACHE_CONFIG`, replaces both files. All keys are in [`KEYS`].
//!
//! # What the project's file may set
//! A working folder may have come from anywhere: cloned, unpacked, shared. Who owns its files says nothing about who
//! wrote them. Therefore its file may say how much and how fast, and be stricter, but not where the store is, what is
//! deleted from it, where requests go, whom to trust, or where a token is: those are mistakes in it. Folders that the
//! user names in `project.trust` may set everything. The file of another user, or one that others can write, is not
//! read at all, and a warning says so.
//!
//! ```no_run
//! # fn example() -> cache_lib::Result<()> {
//! let cache = cache_config::load()?.cache_builder()?.build()?;
//! # Ok(())
//! # }
//! ```

mod apply;
mod config;
mod entry;
#[cfg(test)]
mod fuzz;
mod keys;
mod layer;
mod node;
mod origin;
mod places;
mod reference;
mod settings;
#[cfg(test)]
mod tests;
mod value;

pub use cache_lib::options::{
    AzureOptions, GcsOptions, HostOptions, HubOptions, NetworkOptions, ProxySource, S3Options, TokenRef,
};
pub use config::{Config, load};
pub use entry::ConfigEntry;
pub use keys::{KEYS, Key, Preset, Project};
pub use origin::{Mistake, ValueOrigin};
pub use places::{ConfigFile, LoadOptions, Role};
pub use reference::{example, reference};
pub use settings::{
    DigestPolicy, EvictionPolicy, LogFormat, LogSettings, MirrorSettings, ModelSettings, ProjectSettings,
    ServerSettings, Settings, StoreSettings, TransferSettings, UserSettings, VerifySettings,
};
pub use value::{Kind, Value};
