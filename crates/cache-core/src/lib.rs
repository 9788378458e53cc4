//! The vocabulary of the model cache and its two traits, [`Source`] and [`Verifier`]. No I/O.
//!
//! Every other crate speaks in these words. A remote name reaches the disk only as a [`RepoPath`], a digest only as a
//! parsed [`Digest`], and every failure is an [`Error`] whose [`ErrorKind`] says what kind of trouble it was.

mod bucket;
mod checksums;
mod compression;
mod digest;
mod error;
#[doc(hidden)]
pub mod failpoints;
mod hash;
mod listing;
mod manifest;
mod merge;
mod model;
mod model_url;
mod path;
mod progress;
mod proxy;
mod reason;
mod redact;
mod ref_error;
mod ref_text;
mod reference;
mod retry;
mod size;
mod source;
mod terminal;
mod verifier;
mod visibility;

pub use bucket::{Bucket, BucketKind};
pub use checksums::{checksum_entries, checksum_lines, is_checksum_list};
pub use compression::{CompressedFile, Compression};
pub use digest::{Blake3, Digest, DigestError, Digests, GitSha1, Sha256};
pub use error::{Category, Error, ErrorKind, Result, Retry, is_out_of_descriptors};
pub use hash::{BLOCK_SIZE, BlockHash, Hasher, Hashes};
pub use listing::{ListingSize, check_collisions};
pub use manifest::{FileEntry, Manifest};
pub use model::{Commit, ModelId, RepoKind, RepoName, Revision, Version};
pub use model_url::{ModelUrl, UrlKey};
pub use path::{MAX_LISTED_BYTES, MAX_LISTED_FILES, PathError, RepoPath};
pub use progress::{Event, NoProgress, Outcome, Progress};
pub use proxy::proxy_url;
pub use reason::Reason;
pub use redact::{has_secrets, redact_text};
pub use ref_error::RefError;
pub use ref_text::RefText;
pub use reference::ModelRef;
pub use retry::{RetryBudget, RetryNote};
pub use size::Size;
pub use source::{Body, ByteRange, ByteStream, OpenOptions, Opened, Source};
pub use terminal::{escape_json, escape_line, escape_text, is_deceptive};
pub use verifier::{DigestVerifier, Verdict, Verification, Verifier};
pub use visibility::{Evidence, Visibility};
