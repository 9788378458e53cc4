//! The vocabulary of the model cache and its two traits, [`Source`] and [`Verifier`]. No I/O.
//!
//! Every other crate speaks in these words. A remote name reaches the disk only as a [`RepoPath`], a digest only as a
//! parsed [`Digest`], and every failure is an [`Error`] whose [`ErrorKind`] says what kind of trouble it was.

mod bucket;
mod digest;
mod error;
mod hash;
mod manifest;
mod model;
mod model_url;
mod packed;
mod path;
mod progress;
mod reference;
mod retry;
mod source;
mod verifier;

pub use bucket::{Bucket, BucketKind};
pub use digest::{Blake3, Digest, DigestError, Digests, GitSha1, Sha256};
pub use error::{Category, Error, ErrorKind, Result, Retry};
pub use hash::{BLOCK_SIZE, BlockHash, Hasher, Hashes};
pub use manifest::{FileEntry, Manifest};
pub use model::{Commit, ModelId, RepoKind, RepoName, Revision, Version};
pub use model_url::ModelUrl;
pub use packed::{Packed, Packing};
pub use path::{PathError, RepoPath, check_collisions};
pub use progress::{Event, NoProgress, Outcome, Progress};
pub use reference::{ModelRef, RefError};
pub use retry::{RetryBudget, RetryNote};
pub use source::{Body, ByteRange, ByteStream, OpenOptions, Opened, Source};
pub use verifier::{DigestVerifier, Verdict, Verification, Verifier};
