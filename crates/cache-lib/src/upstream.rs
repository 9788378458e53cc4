//! Answers of the Hub's API and listings, for servers.

use cache_core::RetryBudget;

use crate::sources::compressed::DigestOptions;
use crate::task::blocking;
use crate::{Cache, Manifest, Result, Version};

impl Cache {
    /// The Hub's answer to one path of its API, such as `/api/models/org/name`, percent-encoded.
    ///
    /// It is tried once, until `timeout`, so that a server's clients do not wait. A host that lets the time run out
    /// counts as failing.
    ///
    /// # Errors
    /// [`ErrorKind::Network`](crate::ErrorKind::Network) when there is no answer, and for 429 and the 5xx that may pass;
    /// [`ErrorKind::NotCached`](crate::ErrorKind::NotCached) offline. Refusals are answers.
    #[cfg(feature = "hf")]
    pub async fn hub_answer(&self, path: &str, timeout: std::time::Duration) -> Result<cache_hf::HubResponse> {
        self.0.sources.hub()?.answer(path, &RetryBudget::none(), timeout).await
    }

    /// The evidence that an answer of the Hub to this cache is: with or without a token.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::ErrorKind::Usage) when the configuration of the Hub is not valid.
    #[cfg(feature = "hf")]
    pub fn hub_evidence(&self) -> Result<crate::Evidence> {
        Ok(self.0.sources.hub()?.evidence())
    }

    /// The page of a repository of the Hub, for people.
    #[cfg(feature = "hf")]
    #[must_use]
    pub fn hub_page(&self, model: &crate::ModelId) -> Option<String> {
        self.0.sources.hub().ok()?.page(model)
    }

    /// The listing of a version: the store's, else the source's, which is then stored if possible.
    ///
    /// For a partial listing the source is asked once, and the stored one is used where it does not answer.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) when there is no such version, others as for getting it.
    pub async fn listing(&self, version: &Version) -> Result<Manifest> {
        let (cache, own) = (self.clone(), version.clone());
        let stored = blocking(move || cache.store().manifest(&own)).await?;
        match stored {
            Some(manifest) if !manifest.partial => Ok(manifest),
            Some(manifest) => Ok(self.fetch_listing(version).await.unwrap_or(manifest)),
            None => self.fetch_listing(version).await,
        }
    }

    async fn fetch_listing(&self, version: &Version) -> Result<Manifest> {
        let source = self.0.sources.of(&version.model, DigestOptions::default())?;
        let commit = version.commit.as_str().parse()?;
        let manifest = source.resolve(&version.model, &commit, &RetryBudget::none()).await?;
        if self.store().read_only().is_none() {
            let (cache, kept) = (self.clone(), manifest.clone());
            blocking(move || cache.store().put_manifest(&kept)).await?;
        }
        Ok(manifest)
    }
}
