//! [`Cache`]: the whole of it behind one handle.

use std::sync::Arc;

use cache_store::Store;
use cache_transfer::{Engine, EngineConfig};

#[cfg(feature = "http")]
use crate::BreakerState;
use crate::open_files::{in_flight::Flights, recent::Recent};
use crate::sources::source_set::Sources;
use crate::{CacheBuilder, Error, Get, ModelId, ModelRef, RefText, Result, Snapshot};

/// A model cache: a store and the ways to fill it. Clones share everything.
#[derive(Clone, Debug)]
pub struct Cache(pub(crate) Arc<Inner>);

#[derive(Debug, Clone)]
pub(crate) struct Inner {
    pub(crate) store: Store,
    pub(crate) engine: Engine,
    pub(crate) config: EngineConfig,
    pub(crate) sources: Sources,
    /// The files that are fetched to be read meanwhile.
    pub(crate) flights: Arc<Flights>,
    pub(crate) recent: Arc<Recent>,
}

impl Cache {
    /// A builder that takes from the environment what it is not told.
    pub fn builder() -> CacheBuilder {
        CacheBuilder::default()
    }

    /// Gets a model, or some of its files: from the store if they are there, else from its source, verified.
    ///
    /// Await it, after adding what is wanted: [`Get::revision`], [`Get::include`] …
    pub fn get(&self, reference: impl IntoModelRef) -> Get {
        let text = reference.text().map(RefText::from);
        Get::from_resolved(self.clone(), text, self.resolve_name(reference))
    }

    /// What the store has of a model, without the network.
    ///
    /// # Errors
    /// [`ErrorKind::NotCached`] when a wanted file is not there.
    pub fn peek(&self, reference: impl IntoModelRef) -> Result<Snapshot> {
        self.get(reference).peek()
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// Whether the network is not asked.
    #[must_use]
    pub fn is_offline(&self) -> bool {
        self.0.sources.offline()
    }

    /// The hosts that were asked, as `host` or `host:port`, and whether each is left alone for now.
    #[cfg(feature = "http")]
    #[must_use]
    pub fn breakers(&self) -> Vec<(String, BreakerState)> {
        self.0.sources.breakers().into_iter().map(|(origin, state)| (origin.authority(), state)).collect()
    }

    /// The most the store may hold, in bytes, if it is limited.
    #[must_use]
    pub fn quota(&self) -> Option<u64> {
        self.0.store.quota()
    }

    /// Limits what all transfers together may take, in bytes a second, from now on.
    pub fn set_limit_rate(&self, bytes_per_second: Option<u64>) {
        self.0.engine.bandwidth().set(bytes_per_second);
    }
}

/// What can be read as a reference to a model.
pub trait IntoModelRef {
    /// The reference.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when the text is none.
    fn into_model_ref(self) -> Result<ModelRef>;

    /// The text, if it is one: the registry is asked first whether it is a name.
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
