//! [`HttpSource`]: one file behind a plain URL.

use std::fmt;

use async_trait::async_trait;
use cache_core::{Digest, FileEntry, Manifest, ModelId, OpenOptions, Opened, Result, Revision, Source, Version};

use crate::HttpClient;

/// What the user says of the file.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct HttpSourceOptions {
    /// The digest that the file must have.
    pub expected: Option<Digest>,
}

/// One file behind a plain URL as a source.
#[derive(Debug)]
pub struct HttpSource {
    http: HttpClient,
    options: HttpSourceOptions,
}

impl HttpSource {
    /// A source that asks through this client.
    #[must_use]
    pub fn new(http: HttpClient, options: HttpSourceOptions) -> Self {
        Self { http, options }
    }
}

impl fmt::Display for HttpSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("http")
    }
}

#[async_trait]
impl Source for HttpSource {
    async fn resolve(&self, _model: &ModelId, _revision: &Revision) -> Result<Manifest> {
        let _ = (&self.http, &self.options);
        Err(cache_core::Error::new(cache_core::ErrorKind::Unsupported, "not yet"))
    }

    async fn open(&self, _version: &Version, _file: &FileEntry, _options: OpenOptions) -> Result<Opened> {
        Err(cache_core::Error::new(cache_core::ErrorKind::Unsupported, "not yet"))
    }
}
