//! [`Sources`]: the source of each model, made at its first use, because TLS roots and tokens cost time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cache_core::RetryBudget;
#[cfg(feature = "hf")]
use url::Url;

use cache_store::Store;
use cache_transfer::SourceEntry;

#[cfg(feature = "http")]
use crate::mirror::WebMirror;
use crate::mirror::{Mirror, MirrorAddress, OtherModel};
use crate::options::CacheOptions;
#[cfg(feature = "http")]
use crate::sources::compressed;
use crate::sources::compressed::DigestOptions;
#[cfg(feature = "http")]
use crate::sources::lazy::Lazy;
#[cfg(feature = "http")]
use crate::task;
use crate::{Commit, Error, ErrorKind, ModelId, Result, Revision, Sha256, Source, Visibility};

#[derive(Clone)]
pub(crate) struct SourceSettings {
    pub(crate) offline: bool,
    #[cfg_attr(not(feature = "hf"), expect(dead_code, reason = "only the Hub takes retries"))]
    pub(crate) retries: u32,
    #[cfg_attr(not(feature = "hf"), expect(dead_code, reason = "only the Hub takes a token"))]
    pub(crate) token: Option<String>,
    #[cfg_attr(not(feature = "hf"), expect(dead_code, reason = "only the Hub has an endpoint"))]
    pub(crate) endpoint: Option<String>,
    pub(crate) mirrors: Vec<Mirror>,
    /// Its key is that of the hashes of secret URL parameters.
    #[cfg_attr(not(feature = "http"), expect(dead_code, reason = "only URLs have secret parameters"))]
    pub(crate) store: Store,
    /// What was configured; the fields above are above it.
    pub(crate) options: CacheOptions,
}

impl std::fmt::Debug for SourceSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SourceSettings").field("offline", &self.offline).finish_non_exhaustive()
    }
}

/// Sources of mirrors, by model and address.
type MirrorSources = HashMap<(ModelId, String), Arc<dyn Source>>;

#[derive(Debug, Clone)]
pub(crate) struct Sources {
    settings: SourceSettings,
    #[cfg(feature = "http")]
    http: Lazy<cache_net::HttpClient>,
    /// The Hub without a token, whose connections all others share.
    #[cfg(feature = "hf")]
    anonymous: Lazy<Arc<cache_hf::HfSource>>,
    #[cfg(feature = "hf")]
    hub: Lazy<Arc<cache_hf::HfSource>>,
    /// Digest of a Hub token other than the configured one.
    pub(crate) bearer: Option<Sha256>,
    /// The mirrors in use, by model and address: their listings are kept.
    mirrors: Arc<Mutex<MirrorSources>>,
}

impl Sources {
    pub(crate) fn new(settings: SourceSettings) -> Self {
        Self {
            settings,
            #[cfg(feature = "http")]
            http: Lazy::default(),
            #[cfg(feature = "hf")]
            anonymous: Lazy::default(),
            #[cfg(feature = "hf")]
            hub: Lazy::default(),
            bearer: None,
            mirrors: Arc::default(),
        }
    }

    /// The same over the same connections, with another token for the Hub or none.
    #[cfg(feature = "hf")]
    pub(crate) fn with_hub_token(&self, token: Option<&str>) -> Result<Self> {
        let source = self.anonymous()?.with_config(self.endpoint_config()?.with_token(token)?)?;
        let mut hasher = crate::Hasher::new();
        hasher.update(token.unwrap_or_default().as_bytes());
        Ok(Self {
            hub: Lazy::from(Arc::new(source)),
            bearer: Some(hasher.finish().sha256),
            // Some ask the Hub, and with the token they were made with.
            mirrors: Arc::default(),
            ..self.clone()
        })
    }

    #[cfg(not(feature = "hf"))]
    pub(crate) fn with_hub_token(&self, _token: Option<&str>) -> Result<Self> {
        Ok(self.clone())
    }

    pub(crate) fn offline(&self) -> bool {
        self.settings.offline
    }

    /// The longest time for a get that sets none of its own.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        self.settings.options.deadline
    }

    /// Whether a model comes over the network.
    pub(crate) fn is_remote(model: &ModelId) -> bool {
        !matches!(model, ModelId::Folder(_))
    }

    /// The source of a model. `digests` are those that the user gives for a plain URL's file.
    pub(crate) fn of(&self, model: &ModelId, digests: DigestOptions) -> Result<Arc<dyn Source>> {
        let _ = digests;
        match model {
            #[cfg(feature = "hf")]
            ModelId::Hub { .. } => Ok(self.hub()?),
            #[cfg(feature = "http")]
            ModelId::Url(url) => {
                let mut options = cache_net::HttpSourceOptions::default();
                let name = url.public().path().rsplit('/').next().unwrap_or_default();
                let decompress = cfg!(feature = "compressed") && !digests.keep && compressed::is_compressed(name);
                let expected = if decompress { digests.compressed } else { digests.sha256 };
                options.expected = expected.map(crate::Digest::Sha256);
                options.no_lists = decompress && digests.sha256.is_some();
                if url.has_hidden_query() {
                    options.key = self.settings.store.url_key();
                }
                let http = cache_net::HttpSource::new(self.http()?, options);
                #[cfg(feature = "compressed")]
                if decompress {
                    return Ok(compressed::decompressing(http, digests));
                }
                Ok(Arc::new(http))
            }
            #[cfg(feature = "local")]
            ModelId::Folder(_) => Ok(Arc::new(cache_local::LocalSource::new(cache_local::LocalConfig::default()))),
            #[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
            ModelId::Bucket(bucket) => Ok(self.bucket(bucket)?),
            other => Err(Error::new(ErrorKind::Unsupported, format!("no source for {other} in this build"))
                .with_hint(format!("build model-cache with the feature `{}`", feature(other)))),
        }
    }

    /// The sources of a model's files: first the authority, then its mirrors.
    pub(crate) fn entries(&self, model: &ModelId, digests: DigestOptions) -> Result<Vec<SourceEntry>> {
        #[cfg(feature = "http")]
        if Self::is_remote(model) {
            task::check_io()?;
        }
        let mut entries = vec![SourceEntry::from(self.of(model, digests)?)];
        for (mirror, source) in self.mirrors_of(model)? {
            entries.push(SourceEntry::from(source).preferred(mirror.preferred()).named(mirror.to_string()));
        }
        Ok(entries)
    }

    /// The mirrors that may list a model's files.
    pub(crate) fn trusted(&self, model: &ModelId) -> Result<Vec<Arc<dyn Source>>> {
        let mirrors = self.mirrors_of(model)?.into_iter();
        Ok(mirrors.filter(|(mirror, _)| mirror.is_trusted()).map(|(_, source)| source).collect())
    }

    fn mirrors_of(&self, model: &ModelId) -> Result<Vec<(&Mirror, Arc<dyn Source>)>> {
        let mut found = Vec::new();
        for mirror in &self.settings.mirrors {
            let Some(address) = mirror.address_of(model)? else { continue };
            let key = (model.clone(), mirror.expose().to_owned());
            let mut known = self.mirrors.lock().unwrap_or_else(PoisonError::into_inner);
            let source = match known.get(&key) {
                Some(source) => Arc::clone(source),
                None => Arc::clone(known.entry(key).or_insert(self.mirror(mirror, address)?)),
            };
            found.push((mirror, source));
        }
        Ok(found)
    }

    fn mirror(&self, mirror: &Mirror, address: MirrorAddress) -> Result<Arc<dyn Source>> {
        match address {
            #[cfg(feature = "hf")]
            MirrorAddress::Hub(endpoint) => {
                // Not the environment's: the Hub's token goes to no other host.
                let config = cache_hf::HfConfig::default()
                    .with_offline(self.settings.offline)
                    .with_allow_http(mirror.allows_http())
                    .with_endpoint(&endpoint)?
                    .with_token(mirror.own_token())?;
                Ok(Arc::new(cache_hf::HfSource::new(config, self.http()?)?))
            }
            #[cfg(feature = "http")]
            MirrorAddress::Web(base) => {
                let inner = cache_net::HttpSource::new(self.http()?, cache_net::HttpSourceOptions::default());
                Ok(Arc::new(WebMirror::new(Arc::new(inner), base)))
            }
            MirrorAddress::Model(model) => Ok(Arc::new(OtherModel::new(
                self.of(&model, DigestOptions { keep: true, ..DigestOptions::default() })?,
                model,
            ))),
            #[cfg(not(all(feature = "hf", feature = "http")))]
            _ => Err(Error::new(ErrorKind::Unsupported, format!("no source for the mirror {mirror} in this build"))),
        }
    }

    /// The commit that a revision is now, where the source can say so in one small request, and its visibility.
    pub(crate) async fn pin(
        &self,
        model: &ModelId,
        revision: &Revision,
        budget: &RetryBudget,
    ) -> Result<Option<(Commit, Visibility)>> {
        #[cfg(feature = "hf")]
        if let ModelId::Hub { .. } = model {
            let pinned = self.hub()?.pin(model, revision, budget).await?;
            return Ok(pinned.map(|pinned| (pinned.commit, pinned.visibility)));
        }
        let _ = (model, revision, budget);
        Ok(None)
    }

    #[cfg(feature = "http")]
    pub(crate) fn http(&self) -> Result<cache_net::HttpClient> {
        self.http.get_or_try_init(|| cache_net::HttpClient::new(self.settings.options.http_config()?))
    }

    /// The circuits of the hosts that were asked; none before the first request.
    #[cfg(feature = "http")]
    pub(crate) fn breakers(&self) -> Vec<(cache_net::Origin, cache_net::BreakerState)> {
        self.http.get().map(|http| http.breakers().states()).unwrap_or_default()
    }

    #[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
    pub(crate) fn bucket(&self, bucket: &crate::Bucket) -> Result<Arc<cache_object::ObjectSource>> {
        cache_object::ObjectSource::new(bucket, &self.settings.options.object_config(), self.http()?).map(Arc::new)
    }

    /// The Hub's settings but for a configured token.
    #[cfg(feature = "hf")]
    fn endpoint_config(&self) -> Result<cache_hf::HfConfig> {
        let config =
            cache_hf::HfConfig::from_env()?.with_offline(self.settings.offline).with_retries(self.settings.retries);
        let configured = &self.settings.options.hub;
        let config = config.with_allow_http(configured.allow_http.unwrap_or(false));
        match self.settings.endpoint.as_deref().or(configured.endpoint.as_ref().map(Url::as_str)) {
            Some(endpoint) => config.with_endpoint(endpoint),
            None => Ok(config),
        }
    }

    #[cfg(feature = "hf")]
    pub(crate) fn hub_config(&self) -> Result<cache_hf::HfConfig> {
        let mut config = self.endpoint_config()?;
        let configured = &self.settings.options.hub;
        let token = match (&self.settings.token, &configured.token) {
            (Some(token), _) => Some(token.clone()),
            (None, Some(place)) => Some(place.read()?),
            (None, None) => None,
        };
        if let Some(token) = &token {
            config = config.with_token(Some(token))?;
        }
        Ok(config)
    }

    #[cfg(feature = "hf")]
    pub(crate) fn hub(&self) -> Result<Arc<cache_hf::HfSource>> {
        self.hub.get_or_try_init(|| self.anonymous()?.with_config(self.hub_config()?).map(Arc::new))
    }

    /// Whether requests for a model carry a token.
    pub(crate) fn sends_token(&self, model: &ModelId) -> bool {
        #[cfg(feature = "hf")]
        if let ModelId::Hub { .. } = model {
            return self.hub().is_ok_and(|hub| hub.config().token.is_some());
        }
        let _ = model;
        false
    }

    #[cfg(feature = "hf")]
    pub(crate) fn anonymous(&self) -> Result<Arc<cache_hf::HfSource>> {
        self.anonymous.get_or_try_init(|| {
            let config = self.endpoint_config()?.with_token(None)?;
            cache_hf::HfSource::new(config, self.http()?).map(Arc::new)
        })
    }
}

/// Whether a version of a URL has nothing by which another of the same size could be distinguished from it.
pub(crate) fn lacks_validator(version: &crate::Manifest) -> bool {
    #[cfg(feature = "http")]
    return cache_net::HttpSource::lacks_validator(version);
    #[cfg(not(feature = "http"))]
    {
        let _ = version;
        false
    }
}

/// The cargo feature that a model's source is behind.
fn feature(model: &ModelId) -> &'static str {
    match model.scheme() {
        "gs" => "gcs",
        "az" => "azure",
        scheme => scheme,
    }
}
