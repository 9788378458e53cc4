//! [`App`]: state shared by all handlers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cache_lib::{Cache, Result};
use tokio::sync::Notify;

use crate::access::Access;
use crate::activity::Activity;
use crate::catalog::Catalog;
use crate::config::ServerConfig;
use crate::guard::Guard;
use crate::metrics::Metrics;
use crate::page_state::PageState;

/// State shared by all handlers.
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
    /// Notified to reload the configuration.
    pub(crate) reload: Arc<Notify>,
    /// Whether the server is stopping.
    stopping: AtomicBool,
    pub(crate) page: PageState,
    /// Held while a probe checks the store.
    pub(crate) looking: Arc<tokio::sync::Mutex<()>>,
}

impl App {
    pub(crate) fn new(cache: Cache, config: ServerConfig) -> Result<Arc<Self>> {
        let page = PageState::new(&cache, &config);
        Self::build(cache, config, Arc::default(), Arc::default(), Arc::default(), page)
    }

    /// The same with another configuration. What is counted goes on.
    pub(crate) fn with_config(&self, config: ServerConfig) -> Result<Arc<Self>> {
        let (activity, metrics) = (Arc::clone(&self.activity), Arc::clone(&self.metrics));
        let page = self.page.with_config(&self.cache, &config);
        let app = Self::build(self.cache.clone(), config, activity, metrics, Arc::clone(&self.reload), page)?;
        // Followers of events reconnect under the new configuration.
        self.page.stop();
        Ok(app)
    }

    fn build(
        cache: Cache,
        config: ServerConfig,
        activity: Arc<Activity>,
        metrics: Arc<Metrics>,
        reload: Arc<Notify>,
        page: PageState,
    ) -> Result<Arc<Self>> {
        let catalog = Arc::new(Catalog::new(cache.clone(), &config, Arc::clone(&activity))?);
        let access = Access::new(&config, cache.clone(), Arc::clone(&catalog) as _, catalog.records())?;
        let access = access.with_limits(catalog.limits());
        let guard = Guard::new(&config)?;
        let (stopping, looking) = (AtomicBool::new(false), Arc::default());
        Ok(Arc::new(Self { cache, config, access, catalog, guard, activity, metrics, reload, stopping, page, looking }))
    }

    /// Reports "not ready" from now on.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.page.stop();
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use cache_lib::{Evidence, ModelId, Visibility, VisibilityRecord};

    use super::*;
    use crate::caller::Caller;
    use crate::repo::Repo;

    #[tokio::test]
    async fn what_the_catalog_records_counts_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::builder().root(folder.path()).offline(true).build().unwrap();
        let (model, store) = (ModelId::hub("org/name").unwrap(), cache.store().clone());
        let app = App::new(cache, ServerConfig::default()).unwrap();
        let repo = Repo::of(&model).unwrap();
        for (visibility, evidence) in
            [(Visibility::Public, Evidence::Anonymous), (Visibility::Private, Evidence::Token)]
        {
            store.put_visibility(&model, &VisibilityRecord::new(visibility, evidence, store.now())).unwrap();
            app.catalog.records().reload(&repo).await;
            let granted = app.access.grant(&Caller::default(), &repo).await.is_ok();
            let listed = app.access.may_list(&Caller::default(), &repo).await;
            assert_eq!((granted, listed), (visibility.is_public(), visibility.is_public()), "{visibility:?}");
        }
    }
}
