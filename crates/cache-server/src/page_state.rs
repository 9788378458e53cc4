//! [`PageState`]: what the page's handlers share: the inventory, the history, the followers of events.

mod history;
mod inventory;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use cache_lib::{Cache, ModelId, ModelRef};
use tokio::sync::{Semaphore, watch};

use self::history::History;
pub(crate) use self::history::Sample;
use self::inventory::InventoryCache;
use crate::activity::Activity;
use crate::config::ServerConfig;
use crate::repo::Repo;

/// Pages that may follow the events at the same time.
pub(crate) const MAX_FOLLOWERS: usize = 64;
/// Interval between two samples of the history.
const SAMPLE_INTERVAL: Duration = Duration::from_secs(60);

/// What the page's handlers keep.
#[derive(Debug)]
pub(crate) struct PageState {
    pub(crate) kept: Arc<Persistent>,
    /// Other sources, and the repositories as which they are served.
    pub(crate) aliases: HashMap<ModelId, Repo>,
    pub(crate) stopping: watch::Sender<bool>,
}

/// What outlives a new configuration.
#[derive(Debug)]
pub(crate) struct Persistent {
    pub(crate) inventory: InventoryCache,
    pub(crate) history: History,
    pub(crate) followers: Arc<Semaphore>,
    pub(crate) since: SystemTime,
}

impl PageState {
    pub(crate) fn new(cache: &Cache, config: &ServerConfig) -> Self {
        let kept = Persistent {
            inventory: InventoryCache::default(),
            history: History::default(),
            followers: Arc::new(Semaphore::new(MAX_FOLLOWERS)),
            since: SystemTime::now(),
        };
        Self { kept: Arc::new(kept), aliases: aliases(cache, config), stopping: watch::Sender::new(false) }
    }

    /// The same with another configuration. What was sampled stays.
    pub(crate) fn with_config(&self, cache: &Cache, config: &ServerConfig) -> Self {
        Self { kept: Arc::clone(&self.kept), aliases: aliases(cache, config), stopping: watch::Sender::new(false) }
    }

    /// The store has changed: the next look is a fresh one.
    pub(crate) fn changed(&self) {
        self.kept.inventory.forget();
    }

    /// Takes a sample a minute until it is dropped, whatever becomes of the configuration.
    pub(crate) fn sampling(&self, cache: &Cache, activity: &Arc<Activity>) -> impl Future<Output = ()> + Send + use<> {
        let (cache, activity, kept) = (cache.clone(), Arc::clone(activity), Arc::clone(&self.kept));
        async move {
            let mut minutes = tokio::time::interval(SAMPLE_INTERVAL);
            minutes.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
            loop {
                minutes.tick().await;
                match Sample::now(&cache, &activity).await {
                    Ok(sample) => kept.history.add(sample),
                    Err(error) => tracing::debug!(%error, "no sample of the disk"),
                }
            }
        }
    }

    /// Ends the streams of events, which would otherwise never end.
    pub(crate) fn stop(&self) {
        self.stopping.send_replace(true);
    }
}

fn aliases(cache: &Cache, config: &ServerConfig) -> HashMap<ModelId, Repo> {
    let repo = |name: &str| Repo::of(&name.parse::<ModelRef>().ok()?.model);
    let aliases = config.models.iter().filter_map(|(name, alias)| {
        let source = cache.reference(alias.from.as_str()).ok()?;
        Some((source.model, repo(name)?))
    });
    aliases.collect()
}
