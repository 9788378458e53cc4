//! [`App`]: what every handler has at hand, and the router.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use cache_lib::{Cache, Result};
use tokio::sync::Notify;

use crate::access::Access;
use crate::activity::Activity;
use crate::catalog::Catalog;
use crate::config::ServerConfig;
use crate::guard::Guard;
use crate::observe::Metrics;
use crate::page::Page;
use crate::{admin, guard, hub, observe, page};

/// What every handler has at hand.
#[derive(Debug)]
pub(crate) struct App {
    /// The store and its sources, with the server's own token.
    pub(crate) cache: Cache,
    pub(crate) config: ServerConfig,
    pub(crate) access: Access,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) guard: Guard,
    pub(crate) activity: Arc<Activity>,
    pub(crate) metrics: Arc<Metrics>,
    /// Rung when the configuration is to be read again.
    pub(crate) reload: Arc<Notify>,
    /// Whether the server has been told to stop.
    stopping: AtomicBool,
    pub(crate) page: Page,
}

impl App {
    pub(crate) fn new(cache: Cache, config: ServerConfig) -> Result<Arc<Self>> {
        let page = Page::new(&cache, &config);
        Self::build(cache, config, Arc::default(), Arc::default(), Arc::default(), page)
    }

    /// The same with another configuration. What is counted goes on.
    pub(crate) fn with_config(&self, config: ServerConfig) -> Result<Arc<Self>> {
        let (activity, metrics) = (Arc::clone(&self.activity), Arc::clone(&self.metrics));
        let page = self.page.with_config(&self.cache, &config);
        let app = Self::build(self.cache.clone(), config, activity, metrics, Arc::clone(&self.reload), page)?;
        // Whoever follows the events comes again, and is judged by the new configuration.
        self.page.stop();
        Ok(app)
    }

    fn build(
        cache: Cache,
        config: ServerConfig,
        activity: Arc<Activity>,
        metrics: Arc<Metrics>,
        reload: Arc<Notify>,
        page: Page,
    ) -> Result<Arc<Self>> {
        let catalog = Arc::new(Catalog::new(cache.clone(), &config, Arc::clone(&activity))?);
        let access = Access::new(&config, cache.clone(), Arc::clone(&catalog) as _)?;
        let guard = Guard::new(&config)?;
        let stopping = AtomicBool::new(false);
        Ok(Arc::new(Self { cache, config, access, catalog, guard, activity, metrics, reload, stopping, page }))
    }

    /// From now on it says that it is not ready.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.page.stop();
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// All routes. What no other takes is the Hub's.
    pub(crate) fn router(self: &Arc<Self>) -> Router {
        Router::new()
            .merge(page::routes())
            .merge(admin::routes())
            .merge(observe::routes())
            .fallback(hub::handle)
            .layer(axum::middleware::from_fn_with_state(Arc::clone(self), guard::check))
            .layer(axum::middleware::from_fn_with_state(Arc::clone(self), observe::record))
            .with_state(Arc::clone(self))
    }
}
