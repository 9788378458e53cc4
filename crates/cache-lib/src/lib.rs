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
//! - To cancel is to drop the future: what has arrived stays in the store, and the next call goes on from there.
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
//! | `hf` | the Hugging Face Hub; implies `http` | hf-hub with hf-xet, and by it rustls | yes |
//! | `compressed` | `.gz`, `.zst`, `.xz`, `.bz2` behind URLs are decompressed on their way; implies `http` | async-compression | yes |
//! | `s3`, `gcs`, `azure` | object stores; each implies `http` | object_store | yes |
//! | `rustls` | `https` by rustls | rustls, ring | yes |
//! | `native-tls` | `https` by the system's library; rustls is used if both are there | native-tls, OpenSSL on Linux | no |
//! | `torture` | fail points for tests; belongs in no release | nothing | no |
//!
//! Without any of them the store can be read, verified and evicted from. Without a TLS feature `https` is refused.
//! A source that is not built in answers with [`ErrorKind::Unsupported`].

#[cfg(feature = "local")]
mod adopt;
mod besides;
mod builder;
mod cache;
mod compressed;
mod doctor;
mod ensure;
mod env;
mod evictions;
mod expect;
mod export;
mod fallback;
mod finish;
mod get;
mod headers;
mod incoming;
mod instead;
#[cfg(feature = "http")]
mod lazy;
mod lock;
mod look;
mod memory;
mod meter;
mod mirrors;
#[cfg(feature = "http")]
mod network;
pub mod options;
mod outdated;
mod partial_manifest;
mod patience;
#[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
mod push;
mod read;
pub mod registry;
mod remove;
mod runtime;
mod select;
mod snapshot;
mod sources;
mod stats;
mod sync;
mod token;
pub mod units;
mod upstream;
mod verify;
mod visibility;

#[cfg(feature = "local")]
pub use adopt::{Adopt, AdoptReport, AdoptState, AdoptedFile, AdoptedModel};
pub use builder::CacheBuilder;
pub use cache::{Cache, IntoModelRef};
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
pub use doctor::{Finding, Level};
pub use ensure::{Ensured, EnsuredAny};
#[doc(hidden)]
pub use env::truthy;
pub use export::{ExportOptions, Exported};
pub use fallback::{Fallback, Policy};
pub use get::Get;
pub use instead::{Candidate, Choice, Chosen, Passed};
pub use lock::{Lock, LockedFile, LockedModel};
pub use look::{FileState, Look};
pub use memory::machine_memory;
pub use mirrors::Mirror;
pub use outdated::{Moving, UpdatePlan};
#[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
pub use push::Push;
pub use read::{Arrival, FileReader, ReadOptions};
pub use registry::{Entry, EntryVersion, Registry};
pub use semver;
pub use snapshot::{FetchedFile, Snapshot};
pub use stats::{ModelStats, SourceStats, Stats};
pub use sync::{Fallen, FallenState, SyncEntry, SyncList, SyncReport, SyncRun, SyncState, Synced};
pub use verify::{BadFile, Trouble, VerifyOptions, VerifyReport};

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
