//! Blobs, manifests, refs, partials, locks, leases, eviction and the Hugging Face view. Sees no network.
//!
//! Blobs, manifests and refs are the truth; everything else is derived and can be made again. They are written in the
//! order blob, manifest, ref, view and removed in the reverse, so that whatever is named is there. Nothing has the
//! name of a blob before its digest was checked, and that never depends on a lock.
//!
//! The folders, from the ground up; a file imports from its own folder and from those before it:
//! `fs` (paths, durable writes, clock), `locking` (locks of files and bytes), `store` (the handle, its options and
//! background work), `guards` (leases, and the right to fetch a file), `index` (what is known of blobs, versions and
//! models), `blobs` (bytes that arrive, are verified, or are kept in quarantine), `view` (the folders that programs
//! open), `gc` (what is removed, and in which order).

mod fs {
    pub(crate) mod access;
    pub(crate) mod boot;
    pub(crate) mod clock;
    pub(crate) mod durable;
    pub(crate) mod failpoints;
    pub(crate) mod hashing;
    pub(crate) mod io_context;
    pub(crate) mod layout;
    pub(crate) mod listing;
    pub(crate) mod medium;
    pub(crate) mod mode;
    pub(crate) mod partial_key;
}
mod locking {
    pub(crate) mod flight_table;
    pub(crate) mod holder;
    pub(crate) mod lease_table;
    pub(crate) mod locks;
    pub(crate) mod range_lock;
}
mod store;
mod guards {
    pub(crate) mod flight;
    pub(crate) mod lease;
    pub(crate) mod small_flight;
}
mod index {
    pub(crate) mod blob;
    pub(crate) mod documents;
    pub(crate) mod git_names;
    pub(crate) mod lists;
    pub(crate) mod manifests;
    pub(crate) mod pins;
    pub(crate) mod records;
    pub(crate) mod refs;
    pub(crate) mod registry;
    pub(crate) mod small_records;
    pub(crate) mod totals;
    pub(crate) mod trash;
    pub(crate) mod url_key;
    pub(crate) mod usage;
    pub(crate) mod visibility;
}
mod blobs {
    pub(crate) mod adopt;
    pub(crate) mod claim;
    pub(crate) mod hit;
    pub(crate) mod journal;
    pub(crate) mod linkable;
    pub(crate) mod partial;
    pub(crate) mod partial_state;
    pub(crate) mod poison;
    pub(crate) mod publish;
    pub(crate) mod quarantine;
    pub(crate) mod quarantine_record;
    pub(crate) mod space;
    pub(crate) mod verify;
}
mod view {
    pub(crate) mod hub;
    pub(crate) mod links;
    pub(crate) mod remove;
}
mod gc {
    pub(crate) mod clean;
    pub(crate) mod collect;
    pub(crate) mod inventory;
    pub(crate) mod plan;
}

pub use blobs::adopt::{AdoptOptions, AdoptPlan, Adopted};
pub use blobs::hit::Hit;
pub use blobs::linkable::{CopyReason, LinkFolder};
pub use blobs::partial::{Partial, Recorder};
pub use blobs::poison::Poison;
pub use blobs::quarantine_record::{QuarantineEntry, QuarantineRecord};
pub use blobs::space::{DiskSpace, open_file_limit};
pub use blobs::verify::{CorruptBlob, Verified, VerifyMode};
pub use fs::access::{BlobAccess, StoreMode, Writers};
pub use fs::clock::Clock;
pub use fs::partial_key::PartialKey;
pub use gc::clean::CleanReport;
pub use gc::collect::EvictReport;
pub use gc::inventory::{BlobUse, Debris, FileUse, Inventory, VersionUse};
pub use gc::plan::{EvictPlan, EvictStep, EvictTarget, RetainReason, RetainedVersion};
pub use guards::flight::{Flight, FlightStatus, LeaderGuard};
pub use guards::lease::Lease;
pub use guards::small_flight::SmallGuard;
pub use index::blob::Blob;
pub use index::pins::Pin;
pub use index::records::SMALL_FILE;
pub use index::small_records::SmallRecords;
pub use index::usage::{ModelTotals, SourceTotals, Usage, UsageLog};
pub use index::visibility::VisibilityRecord;
pub use store::Store;
pub use store::amount::Amount;
pub use store::background::Spawn;
pub use store::options::StoreOptions;
pub use store::policy::{EvictOrder, EvictPolicy};

#[cfg(test)]
mod tests;
