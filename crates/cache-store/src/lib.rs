//! Blobs, manifests, refs, partials, locks, leases, eviction and the Hugging Face view. Sees no network.
//!
//! Blobs, manifests and refs are the truth; everything else is derived and can be made again. They are written in the
//! order blob, manifest, ref, view and removed in the reverse, so that whatever is named is there. Nothing has the
//! name of a blob before its digest was checked, and that never depends on a lock.

mod adopt;
mod blobs;
mod claim;
mod clean;
mod clock;
mod collect;
mod documents;
mod doing;
mod durable;
mod evict;
mod flight;
mod hub;
mod inventory;
mod key;
mod layout;
mod lease;
mod lists;
mod locks;
mod manifests;
mod partial;
mod pins;
mod publish;
mod quarantine;
mod record;
mod refs;
mod registry;
mod space;
mod store;
pub mod torture;
mod usage;
mod verify;
mod view;

pub use adopt::{AdoptOptions, Adopted};
pub use blobs::Blob;
pub use clean::CleanReport;
pub use clock::Clock;
pub use collect::EvictReport;
pub use evict::{EvictOrder, EvictPlan, EvictPolicy, EvictStep, Evicted, Kept, KeptBecause};
pub use flight::{Flight, FlightStatus, LeaderGuard};
pub use inventory::{Amount, BlobUse, Debris, FileUse, Inventory, VersionUse};
pub use key::PartialKey;
pub use lease::Lease;
pub use partial::{Partial, Recorder};
pub use pins::Pin;
pub use quarantine::{QuarantineEntry, QuarantineRecord};
pub use space::DiskSpace;
pub use store::{Store, StoreOptions};
pub use usage::{ModelTotals, SourceTotals, Usage, UsageLog};
pub use verify::{Damage, Verified, VerifyMode};

#[cfg(test)]
mod tests;
