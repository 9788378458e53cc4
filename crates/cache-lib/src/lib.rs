//! The model cache to embed: one facade, backends chosen by cargo features.
//!
//! ```no_run
//! # async fn example() -> cache_lib::Result<()> {
//! let cache = cache_lib::Cache::builder().build()?;
//! let model = cache.get("org/name").include("*.safetensors").await?;
//! println!("{}", model.path().display());
//! # Ok(())
//! # }
//! ```
//!
//! A [`Cache`] is cheap: building it opens no connection and starts no thread. [`Cache::get`] needs a tokio runtime with
//! I/O and timers (`enable_all`), and without one ends with an error of kind [`ErrorKind::Usage`]; [`Cache::peek`] and
//! the methods that are not `async` need none, but they read the disk.
//!
//! - To cancel is to drop the future: what was received stays in the store, and the next call resumes.
//! - Progress is one trait, [`Progress`], given to [`Get::progress`] or [`Cache::ensure_any`].
//! - While a [`Snapshot`] lives, no process evicts its files.
//! - One file at one place, from the first URL that has it, is [`Cache::ensure_any`].
//!
//! # Features
//!
//! | feature | brings | pulls in | default |
//! |---|---|---|---|
//! | `local` | folders, other Hugging Face caches, disks | nothing | yes |
//! | `http` | plain web servers | reqwest, hyper, tower | yes |
//! | `hf` | the Hugging Face Hub; implies `http` | nothing more | yes |
//! | `compressed` | `.gz`, `.zst`, `.xz`, `.bz2` behind URLs are decompressed on their way; implies `http` | async-compression | yes |
//! | `s3`, `gcs`, `azure` | object stores; each implies `http` | object_store | yes |
//! | `rustls` | `https` by rustls | rustls, ring | yes |
//! | `native-tls` | `https` by the system's library; rustls is used if both are there | native-tls, OpenSSL on Linux | no |
//! | `torture` | fail points for tests; belongs in no release | nothing | no |
//!
//! Without any of them the store can be read, verified and evicted from. Without a TLS feature `https` is refused.
//! A source that is not built in answers with [`ErrorKind::Unsupported`].
//!
//! # Layout
//!
//! The modules, from the ground up; a file imports from its own folder and from those before it: `task`, `env`, `memory`,
//! `token`, `units`, `place`, `mirror`, `options` (helpers and settings), `sources` (where files come from), `open_files` (files
//! that readers share), `cache` and `builder` (the handle), `visibility`, `upstream`, `registry` (names), `request` (getting a
//! model), `read` (reading one file), `push`, `lockfile`, `maintain` (care of the store), `doctor`, `incoming` (for crates above).

mod env;
mod incoming;
mod memory;
mod mirror;
pub mod options;
mod place;
mod task;
mod token;
pub mod units;
mod sources {
    pub(crate) mod compressed;
    #[cfg(feature = "http")]
    pub(crate) mod lazy;
    pub(crate) mod source_set;
}
mod open_files {
    pub(crate) mod fetch_state;
    pub(crate) mod in_flight;
    pub(crate) mod open_blob;
    pub(crate) mod page_reads;
    pub(crate) mod recent;
    pub(crate) mod streaming;
}
mod builder;
mod cache;
mod upstream;
mod visibility;
pub mod registry {
    //! The registry: the user's own names for models, with versions.
    //!
    //! Names are looked up before a text is parsed as a reference, and only texts that could be one (no slash before an
    //! `@`) cost a lookup: `org/name` never does.

    pub(crate) mod discover;
    pub(crate) mod entry;
    pub(crate) mod expected;
    pub(crate) mod file;
    pub(crate) mod name;
    pub(crate) mod platform;
    pub(crate) mod resolve;
    #[cfg(test)]
    mod tests;

    pub use crate::registry::discover::{DiscoveredModel, HubSearch};
    pub use crate::registry::entry::{Entry, EntryVersion};
    pub use crate::registry::file::Registry;
    pub use crate::registry::name::Name;
}
mod request {
    pub(crate) mod constraints;
    pub(crate) mod download;
    pub(crate) mod ensure;
    pub(crate) mod evictions;
    pub(crate) mod fallback;
    pub(crate) mod fallback_policy;
    pub(crate) mod finalize;
    pub(crate) mod get;
    pub(crate) mod gguf_headers;
    pub(crate) mod inspect;
    pub(crate) mod local;
    pub(crate) mod partial_manifest;
    pub(crate) mod preflight;
    pub(crate) mod resolution;
    pub(crate) mod resolution_errors;
    pub(crate) mod resolve;
    pub(crate) mod run;
    pub(crate) mod selection;
    pub(crate) mod snapshot;
    pub(crate) mod source_wait;
    pub(crate) mod spec;
    pub(crate) mod stored;
    pub(crate) mod usage;
    pub(crate) mod variant_fallback;
}
mod read {
    pub(crate) mod fetch_task;
    pub(crate) mod file_request;
    pub(crate) mod open;
    pub(crate) mod reader;
}
#[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
mod push;
mod lockfile {
    pub(crate) mod lock_file;
    pub(crate) mod locked_get;
}
mod maintain {
    #[cfg(feature = "local")]
    pub(crate) mod adopt;
    pub(crate) mod export;
    pub(crate) mod remove;
    pub(crate) mod stats;
    pub(crate) mod sync;
    pub(crate) mod updates;
    pub(crate) mod verify;
}
mod doctor {
    pub(crate) mod local;
    #[cfg(feature = "http")]
    pub(crate) mod network;
}

pub use crate::builder::CacheBuilder;
pub use crate::cache::{Cache, IntoModelRef};
pub use crate::doctor::local::{Finding, Severity};
#[doc(hidden)]
pub use crate::env::truthy;
pub use crate::lockfile::lock_file::{LockedFile, LockedModel, Lockfile};
#[cfg(feature = "local")]
pub use crate::maintain::adopt::{Adopt, AdoptReport, AdoptState, AdoptedFile, AdoptedModel};
pub use crate::maintain::export::{ExportOptions, ExportReport};
pub use crate::maintain::stats::{ModelStats, SourceStats, Stats};
pub use crate::maintain::sync::{
    OrphanState, Orphaned, SyncEntry, SyncList, SyncReport, SyncResult, SyncRun, SyncState,
};
pub use crate::maintain::updates::{UpdateCheck, UpdatePlan};
pub use crate::maintain::verify::{CorruptFile, FileProblem, VerifyOptions, VerifyReport};
pub use crate::memory::machine_memory;
pub use crate::mirror::Mirror;
pub use crate::open_files::fetch_state::InFlight;
#[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
pub use crate::push::Push;
pub use crate::read::open::ReadOptions;
pub use crate::read::reader::FileReader;
pub use crate::registry::{Entry, EntryVersion, Registry};
pub use crate::request::ensure::{EnsureOutcome, EnsureReport};
pub use crate::request::fallback::{Candidate, FallbackKind, FallbackReport, Skipped};
pub use crate::request::fallback_policy::{Fallback, FallbackPolicy};
pub use crate::request::get::Get;
pub use crate::request::resolution::{FileState, Resolution};
pub use crate::request::snapshot::{FetchedFile, Snapshot};
pub use cache_core::Reason;
#[doc(hidden)]
pub use cache_core::failpoints;
pub use cache_core::{
    Blake3, Bucket, BucketKind, ByteRange, Category, Commit, CompressedFile, Compression, Digest, DigestError, Digests,
    Error, ErrorKind, Event, Evidence, FileEntry, GitSha1, Hasher, Hashes, Manifest, ModelId, ModelRef, ModelUrl,
    NoProgress, Outcome, PathError, Progress, RefError, RefText, RepoKind, RepoName, RepoPath, Result, Retry, Revision,
    Sha256, Source, Version, Visibility, escape_json, escape_line, escape_text, has_secrets, redact_text,
};
pub use cache_formats::variants::{NamedBy, Variant, variants_by_name};
#[cfg(feature = "hf")]
pub use cache_hf::{HubResponse, UNHASHED};
#[cfg(feature = "local")]
pub use cache_local::caches::CacheKind as AdoptKind;
#[cfg(feature = "http")]
pub use cache_net::BreakerState;
#[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
pub use cache_object::{ObjectConfig, PushReport};
pub use cache_store::{
    AdoptOptions, AdoptPlan, Amount, Blob, BlobUse, CleanReport, CopyReason, Debris, DiskSpace, EvictOrder, EvictPlan,
    EvictPolicy, EvictReport, EvictStep, EvictTarget, FileUse, Inventory, Lease, Pin, QuarantineEntry,
    QuarantineRecord, RetainReason, RetainedVersion, Store, StoreMode, StoreOptions, VersionUse, VisibilityRecord,
    Writers,
};
pub use cache_transfer::{Bandwidth, Engine, EngineConfig, UNVERIFIED_TAIL};
pub use semver;

/// The backends built into this library, by the names of their cargo features.
#[must_use]
pub fn features() -> &'static [&'static str] {
    &[
        #[cfg(feature = "azure")]
        "azure",
        #[cfg(feature = "compressed")]
        "compressed",
        #[cfg(feature = "gcs")]
        "gcs",
        #[cfg(feature = "hf")]
        "hf",
        #[cfg(feature = "http")]
        "http",
        #[cfg(feature = "local")]
        "local",
        #[cfg(feature = "native-tls")]
        "native-tls",
        #[cfg(feature = "rustls")]
        "rustls",
        #[cfg(feature = "s3")]
        "s3",
        #[cfg(feature = "torture")]
        "torture",
    ]
}
