//! Which source serves which model. Made when first asked for, because TLS roots and tokens cost time.

use std::collections::HashMap;
#[cfg(feature = "http")]
use std::sync::OnceLock;
use std::sync::{Arc, Mutex, PoisonError};

use cache_core::RetryBudget;
#[cfg(feature = "hf")]
use url::Url;

use cache_transfer::Place;

#[cfg(feature = "http")]
use crate::compressed;
use crate::compressed::Told;
use crate::config::Settings;
#[cfg(feature = "http")]
use crate::mirrors::OnTheWeb;
use crate::mirrors::{Address, Elsewhere, Mirror};
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
    pub(crate) mirrors: Vec<Mirror>,
    /// What was configured; the fields above are above it.
    #[cfg_attr(not(feature = "http"), expect(dead_code, reason = "only the network is configured"))]
    pub(crate) settings: Settings,
}

impl std::fmt::Debug for SourceSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SourceSettings").field("offline", &self.offline).finish_non_exhaustive()
    }
}

/// Sources of mirrors, by model and address.
type Mirrors = HashMap<(ModelId, String), Arc<dyn Source>>;

#[derive(Debug, Clone)]
pub(crate) struct Sources {
    settings: SourceSettings,
    #[cfg(feature = "http")]
    http: OnceLock<Result<cache_net::HttpClient>>,
    #[cfg(feature = "hf")]
    hub: OnceLock<Result<Arc<cache_hf::HfSource>>>,
    /// Whose requests these are: the digest of another Hub token than the configured one.
    pub(crate) bearer: Option<Sha256>,
    /// The mirrors in use, by model and address: what they have learned is kept.
    mirrors: Arc<Mutex<Mirrors>>,
}

impl Sources {
    pub(crate) fn new(settings: SourceSettings) -> Self {
        Self {
            settings,
            #[cfg(feature = "http")]
            http: OnceLock::new(),
            #[cfg(feature = "hf")]
            hub: OnceLock::new(),
            bearer: None,
            mirrors: Arc::default(),
        }
    }

    /// The same over the same connections, with another token for the Hub or none.
    #[cfg(feature = "hf")]
    pub(crate) fn with_hub_token(&self, token: Option<&str>) -> Result<Self> {
        let source = cache_hf::HfSource::new(self.hub_config()?.with_token(token)?, self.http()?)?;
        let mut hasher = crate::Hasher::new();
        hasher.update(token.unwrap_or_default().as_bytes());
        Ok(Self {
            hub: OnceLock::from(Ok(Arc::new(source))),
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

    /// Whether a model comes over the network.
    pub(crate) fn is_remote(model: &ModelId) -> bool {
        !matches!(model, ModelId::Folder(_))
    }

    /// The source of a model. `told` is what the user says of a plain URL's file.
    pub(crate) fn of(&self, model: &ModelId, told: Told) -> Result<Arc<dyn Source>> {
        let _ = told;
        match model {
            #[cfg(feature = "hf")]
            ModelId::Hub { .. } => Ok(self.hub()?),
            #[cfg(feature = "http")]
            ModelId::Url(url) => {
                let mut options = cache_net::HttpSourceOptions::default();
                let name = url.public().path().rsplit('/').next().unwrap_or_default();
                let unpack = cfg!(feature = "compressed") && !told.keep && compressed::is_packed(name);
                let expected = if unpack { told.compressed } else { told.sha256 };
                options.expected = expected.map(crate::Digest::Sha256);
                options.no_lists = unpack && told.sha256.is_some();
                let http = cache_net::HttpSource::new(self.http()?, options);
                #[cfg(feature = "compressed")]
                if unpack {
                    return Ok(compressed::unpacking(http, told));
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

    /// Where the files of a model can be had: first the authority, then the mirrors that are meant for it.
    pub(crate) fn places(&self, model: &ModelId, told: Told) -> Result<Vec<Place>> {
        let mut places = vec![Place::from(self.of(model, told)?)];
        for (mirror, source) in self.mirrors_of(model)? {
            places.push(Place::from(source).preferred(mirror.preferred()).named(mirror.to_string()));
        }
        Ok(places)
    }

    /// The mirrors that may say what a model consists of.
    pub(crate) fn trusted(&self, model: &ModelId) -> Result<Vec<Arc<dyn Source>>> {
        let mirrors = self.mirrors_of(model)?.into_iter();
        Ok(mirrors.filter(|(mirror, _)| mirror.is_trusted()).map(|(_, source)| source).collect())
    }

    fn mirrors_of(&self, model: &ModelId) -> Result<Vec<(&Mirror, Arc<dyn Source>)>> {
        let mut found = Vec::new();
        for mirror in &self.settings.mirrors {
            let Some(address) = mirror.place_of(model)? else { continue };
            let key = (model.clone(), mirror.to_string());
            let mut known = self.mirrors.lock().unwrap_or_else(PoisonError::into_inner);
            let source = match known.get(&key) {
                Some(source) => Arc::clone(source),
                None => Arc::clone(known.entry(key).or_insert(self.mirror(mirror, address)?)),
            };
            found.push((mirror, source));
        }
        Ok(found)
    }

    fn mirror(&self, mirror: &Mirror, address: Address) -> Result<Arc<dyn Source>> {
        match address {
            #[cfg(feature = "hf")]
            Address::Hub(endpoint) => {
                // Not the environment's: the Hub's token is nobody else's business.
                let config = cache_hf::HfConfig::default()
                    .with_offline(self.settings.offline)
                    .with_endpoint(&endpoint)?
                    .with_token(mirror.own_token())?;
                Ok(Arc::new(cache_hf::HfSource::new(config, self.http()?)?))
            }
            #[cfg(feature = "http")]
            Address::Web(base) => {
                let inner = cache_net::HttpSource::new(self.http()?, cache_net::HttpSourceOptions::default());
                Ok(Arc::new(OnTheWeb::new(Arc::new(inner), base)))
            }
            Address::Model(model) => {
                Ok(Arc::new(Elsewhere::new(self.of(&model, Told { keep: true, ..Told::default() })?, model)))
            }
            #[cfg(not(all(feature = "hf", feature = "http")))]
            _ => Err(Error::new(ErrorKind::Unsupported, format!("no source for the mirror {mirror} in this build"))),
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
                let mut config = self.settings.settings.http_config();
                config.offline = self.settings.offline;
                cache_net::HttpClient::new(config)
            })
            .clone()
    }

    /// The circuits of the hosts that were asked; none before the first request.
    #[cfg(feature = "http")]
    pub(crate) fn breakers(&self) -> Vec<(cache_net::Origin, cache_net::BreakerState)> {
        self.http.get().and_then(|http| http.as_ref().ok()).map(|http| http.breakers().states()).unwrap_or_default()
    }

    #[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
    pub(crate) fn bucket(&self, bucket: &crate::Bucket) -> Result<Arc<cache_object::ObjectSource>> {
        cache_object::ObjectSource::new(bucket, &self.settings.settings.object_config(), self.http()?).map(Arc::new)
    }

    #[cfg(feature = "hf")]
    pub(crate) fn hub_config(&self) -> Result<cache_hf::HfConfig> {
        let mut config =
            cache_hf::HfConfig::from_env()?.with_offline(self.settings.offline).with_retries(self.settings.retries);
        let configured = &self.settings.settings.hub;
        if let Some(endpoint) = self.settings.endpoint.as_deref().or(configured.endpoint.as_ref().map(Url::as_str)) {
            config = config.with_endpoint(endpoint)?;
        }
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
        self.hub
            .get_or_init(|| {
                let source = cache_hf::HfSource::new(self.hub_config()?, self.http()?)?;
                Ok(Arc::new(source))
            })
            .clone()
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
