//! Which source serves which model. Made when first asked for, because TLS roots and tokens cost time.

use std::sync::Arc;
#[cfg(feature = "http")]
use std::sync::OnceLock;

use cache_core::RetryBudget;

use crate::{Commit, Error, ErrorKind, ModelId, Result, Revision, Sha256, Source};

#[derive(Clone)]
pub(crate) struct SourceSettings {
    pub(crate) offline: bool,
    #[cfg_attr(not(feature = "hf"), expect(dead_code, reason = "only the Hub is told"))]
    pub(crate) retries: u32,
    #[cfg_attr(not(feature = "hf"), expect(dead_code, reason = "only the Hub takes a token"))]
    pub(crate) token: Option<String>,
    #[cfg_attr(not(feature = "hf"), expect(dead_code, reason = "only the Hub has an endpoint"))]
    pub(crate) endpoint: Option<String>,
}

impl std::fmt::Debug for SourceSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SourceSettings").field("offline", &self.offline).finish_non_exhaustive()
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Sources {
    settings: SourceSettings,
    #[cfg(feature = "http")]
    http: OnceLock<Result<cache_net::HttpClient>>,
    #[cfg(feature = "hf")]
    hub: OnceLock<Result<Arc<cache_hf::HfSource>>>,
}

impl Sources {
    pub(crate) fn new(settings: SourceSettings) -> Self {
        Self {
            settings,
            #[cfg(feature = "http")]
            http: OnceLock::new(),
            #[cfg(feature = "hf")]
            hub: OnceLock::new(),
        }
    }

    pub(crate) fn offline(&self) -> bool {
        self.settings.offline
    }

    /// Whether a model comes over the network.
    pub(crate) fn is_remote(model: &ModelId) -> bool {
        !matches!(model, ModelId::Folder(_))
    }

    /// The source of a model. `sha256` is what the user says a plain URL's file must have.
    pub(crate) fn of(&self, model: &ModelId, sha256: Option<Sha256>) -> Result<Arc<dyn Source>> {
        let _ = sha256;
        match model {
            #[cfg(feature = "hf")]
            ModelId::Hub { .. } => Ok(self.hub()?),
            #[cfg(feature = "http")]
            ModelId::Url(_) => {
                let mut options = cache_net::HttpSourceOptions::default();
                options.expected = sha256.map(crate::Digest::Sha256);
                Ok(Arc::new(cache_net::HttpSource::new(self.http()?, options)))
            }
            #[cfg(feature = "local")]
            ModelId::Folder(_) => Ok(Arc::new(cache_local::LocalSource::new(cache_local::LocalConfig::default()))),
            #[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
            ModelId::Bucket(bucket) => Ok(self.bucket(bucket)?),
            other => Err(Error::new(ErrorKind::Unsupported, format!("no source for {other} in this build"))
                .with_hint(format!("build model-cache with the feature `{}`", other.scheme()))),
        }
    }

    /// The commit that a revision is now, where the source can say so in one small request.
    pub(crate) async fn commit(
        &self,
        model: &ModelId,
        revision: &Revision,
        budget: &RetryBudget,
    ) -> Result<Option<Commit>> {
        #[cfg(feature = "hf")]
        if let ModelId::Hub { .. } = model {
            return self.hub()?.commit(model, revision, budget).await.map(Some);
        }
        let _ = (model, revision, budget);
        Ok(None)
    }

    #[cfg(feature = "http")]
    pub(crate) fn http(&self) -> Result<cache_net::HttpClient> {
        self.http
            .get_or_init(|| {
                let mut config = cache_net::HttpConfig::from_env();
                config.offline = self.settings.offline;
                cache_net::HttpClient::new(config)
            })
            .clone()
    }

    #[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
    pub(crate) fn bucket(&self, bucket: &crate::Bucket) -> Result<Arc<cache_object::ObjectSource>> {
        let config = cache_object::ObjectConfig::from_env();
        cache_object::ObjectSource::new(bucket, &config, self.http()?).map(Arc::new)
    }

    #[cfg(feature = "hf")]
    pub(crate) fn hub_config(&self) -> Result<cache_hf::HfConfig> {
        let mut config =
            cache_hf::HfConfig::from_env()?.with_offline(self.settings.offline).with_retries(self.settings.retries);
        if let Some(endpoint) = &self.settings.endpoint {
            config = config.with_endpoint(endpoint)?;
        }
        if let Some(token) = &self.settings.token {
            config = config.with_token(Some(token))?;
        }
        Ok(config)
    }

    #[cfg(feature = "hf")]
    pub(crate) fn hub(&self) -> Result<Arc<cache_hf::HfSource>> {
        self.hub
            .get_or_init(|| {
                let source = cache_hf::HfSource::new(self.hub_config()?, self.http()?)?;
                Ok(Arc::new(source))
            })
            .clone()
    }
}
