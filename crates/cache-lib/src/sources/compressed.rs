//! Decompression of files as they are downloaded, and the digests that the user gives for them.

use crate::{Compression, Error, ErrorKind, FileEntry, RepoPath, Result, Sha256};

/// Digests that the user gives for the file behind a plain URL.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct DigestOptions {
    /// The digest of the file as it is stored.
    pub(crate) sha256: Option<Sha256>,
    /// The digest of the compressed file.
    pub(crate) compressed: Option<Sha256>,
    /// Store a compressed file as it is.
    pub(crate) keep: bool,
}

impl DigestOptions {
    /// The same, made consistent: a compressed file that is kept is the file that is stored.
    pub(crate) fn checked(mut self) -> Result<Self> {
        if self.keep && self.compressed.is_some() {
            if self.sha256.is_some() && self.sha256 != self.compressed {
                return Err(Error::new(ErrorKind::Usage, "two different digests are given for one compressed file")
                    .with_hint("give one digest, or decompress the file")
                    .with_reason(crate::Reason::TwoDigests));
            }
            self.sha256 = self.compressed.take();
        }
        Ok(self)
    }

    /// Refuses a digest of compressed bytes for a file that is not compressed.
    pub(crate) fn check_compressed(&self, file: &FileEntry) -> Result<()> {
        if self.compressed.is_none() || file.compressed.is_some() {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Usage, format!("{}: not a compressed file", file.path))
            .with_hint("a digest of compressed bytes is for a URL that ends in .gz, .zst, .xz or .bz2")
            .with_reason(crate::Reason::NotCompressed))
    }
}

/// Whether a name is that of a compressed file.
pub(crate) fn is_compressed(name: &str) -> bool {
    RepoPath::parse(name).is_ok_and(|path| Compression::of(&path).is_some())
}

#[cfg(feature = "compressed")]
pub(crate) use wrapped::decompressing;

#[cfg(feature = "compressed")]
mod wrapped {
    use std::sync::Arc;

    use async_trait::async_trait;
    use cache_core::RetryBudget;
    use cache_inflate::{DecompressedDigests, InflateSource};
    use cache_net::HttpSource;

    use super::DigestOptions;
    use crate::{Digest, Digests, ModelId, RepoPath, Result, Source};

    /// Where the digest of the decompressed file comes from.
    #[derive(Debug)]
    struct PlainDigests {
        given: Option<Digest>,
        http: Arc<HttpSource>,
    }

    #[async_trait]
    impl DecompressedDigests for PlainDigests {
        async fn digests(&self, model: &ModelId, path: &RepoPath, _budget: &RetryBudget) -> Result<Digests> {
            match self.given {
                Some(given) => Ok(given.into()),
                None => self.http.digests_beside(model, path).await,
            }
        }
    }

    /// The source of a plain URL whose compressed file is decompressed as it is downloaded.
    pub(crate) fn decompressing(http: HttpSource, digests: DigestOptions) -> Arc<dyn Source> {
        let http = Arc::new(http);
        let plain = PlainDigests { given: digests.sha256.map(Digest::Sha256), http: Arc::clone(&http) };
        let inflated = InflateSource::new(http).with_decompressed_digests(Arc::new(plain));
        // A digest that the user gives is always checked, which takes all compressed bytes.
        Arc::new(inflated.with_resume(digests.compressed.is_none()))
    }
}
