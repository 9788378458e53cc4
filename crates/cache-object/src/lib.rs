//! A source over S3, Google Cloud Storage and Azure, and the way to push a model there.
//!
//! `object_store` makes the requests: addresses, signatures, credentials, lists. It sends none of them itself:
//! `connector.rs` carries them through the stack of `cache-net`, which has the timeouts, the retries, the circuits and
//! the limits, and hands the answers that matter back as they came.

#![cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]

mod address;
mod checksum;
mod config;
mod connector;
mod credentials;
mod document;
mod error;
mod layout;
mod listing;
#[cfg(feature = "s3")]
mod profile;
mod push;
mod source;
mod store;
mod sums;
mod xml;

pub use config::{AzureConfig, GcsConfig, ObjectConfig, S3Config};
pub use credentials::S3Credentials;
pub use document::FORMAT;
pub use push::{PushOptions, PushReport, Verify, push};
pub use source::ObjectSource;
