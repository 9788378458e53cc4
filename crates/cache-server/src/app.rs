//! [`App`]: what every handler has at hand, and the router.

use std::sync::Arc;

use axum::Router;
use cache_lib::{Cache, Result};

use crate::access::Access;
use crate::activity::Activity;
use crate::catalog::Catalog;
use crate::config::ServerConfig;
use crate::guard::Guard;
use crate::observe::Metrics;
use crate::{admin, guard, hub, observe, page};

/// What every handler has at hand.
#[derive(Debug)]
pub(crate) struct App {
    /// The store and its sources, with the server's own token.
    pub(crate) cache: Cache,
    pub(crate) config: ServerConfig,
    pub(crate) access: Access,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) activity: Arc<Activity>,
    pub(crate) metrics: Metrics,
    pub(crate) guard: Guard,
}

impl App {
    pub(crate) fn new(cache: Cache, config: ServerConfig) -> Result<Arc<Self>> {
        let activity = Arc::new(Activity::default());
        let catalog = Arc::new(Catalog::new(cache.clone(), &config, Arc::clone(&activity))?);
        let access = Access::new(&config, cache.clone(), Arc::clone(&catalog) as _)?;
        let guard = Guard::new(&config)?;
        Ok(Arc::new(Self { cache, config, access, catalog, activity, metrics: Metrics::default(), guard }))
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
