//! [`Cache`]: the handle of a store, its sources and its transfers.

use std::sync::Arc;

use cache_store::Store;
use cache_transfer::{Engine, EngineConfig};

#[cfg(feature = "http")]
use crate::BreakerState;
use crate::open_files::in_flight::{InFlightTable, Requester};
use crate::open_files::recent::RecentFiles;
use crate::sources::source_set::Sources;
use crate::{Error, ModelId, ModelRef, RefText, Result, Sha256};

/// A model cache: a store, and the sources it is filled from. Clones share everything.
#[derive(Clone, Debug)]
pub struct Cache(pub(crate) Arc<Inner>);

#[derive(Debug, Clone)]
pub(crate) struct Inner {
    pub(crate) store: Store,
    pub(crate) engine: Engine,
    pub(crate) config: EngineConfig,
    pub(crate) sources: Sources,
    pub(crate) in_flight: Arc<InFlightTable<Cache>>,
    pub(crate) recent: Arc<RecentFiles>,
}

impl Cache {
    /// The store.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// Whether the cache is offline.
    #[must_use]
    pub fn is_offline(&self) -> bool {
        self.0.sources.offline()
    }

    /// The circuit breaker of each host that was asked, as `host` or `host:port`.
    #[cfg(feature = "http")]
    #[must_use]
    pub fn breakers(&self) -> Vec<(String, BreakerState)> {
        self.0.sources.breakers().into_iter().map(|(origin, state)| (origin.authority(), state)).collect()
    }

    /// The store's quota in bytes, if it has one.
    #[must_use]
    pub fn quota(&self) -> Option<u64> {
        self.0.store.quota()
    }

    /// Limits the rate of all transfers together, in bytes a second, from now on.
    pub fn set_limit_rate(&self, bytes_per_second: Option<u64>) {
        self.0.engine.bandwidth().set(bytes_per_second);
    }
}

/// Conversion into a reference to a model.
pub trait IntoModelRef {
    /// The reference.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::ErrorKind::Usage) when the text is none.
    fn into_model_ref(self) -> Result<ModelRef>;

    /// The text, if it is one: it may be a registered name.
    fn text(&self) -> Option<&str> {
        None
    }
}

impl IntoModelRef for &str {
    fn into_model_ref(self) -> Result<ModelRef> {
        self.parse().map_err(Error::from)
    }

    fn text(&self) -> Option<&str> {
        Some(self)
    }
}

impl IntoModelRef for &String {
    fn into_model_ref(self) -> Result<ModelRef> {
        self.as_str().into_model_ref()
    }

    fn text(&self) -> Option<&str> {
        Some(self.as_str())
    }
}

impl IntoModelRef for String {
    fn into_model_ref(self) -> Result<ModelRef> {
        self.as_str().into_model_ref()
    }

    fn text(&self) -> Option<&str> {
        Some(self.as_str())
    }
}

impl IntoModelRef for &RefText {
    fn into_model_ref(self) -> Result<ModelRef> {
        self.expose().into_model_ref()
    }

    fn text(&self) -> Option<&str> {
        Some(self.expose())
    }
}

impl IntoModelRef for ModelRef {
    fn into_model_ref(self) -> Result<ModelRef> {
        Ok(self)
    }
}

impl IntoModelRef for &ModelRef {
    fn into_model_ref(self) -> Result<ModelRef> {
        Ok(self.clone())
    }
}

impl IntoModelRef for ModelId {
    fn into_model_ref(self) -> Result<ModelRef> {
        Ok(ModelRef::of(self))
    }
}

impl Requester for Cache {
    fn bearer(&self) -> Option<Sha256> {
        self.0.sources.bearer
    }
}
