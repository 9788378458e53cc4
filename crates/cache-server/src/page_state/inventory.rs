//! [`InventoryCache`]: the store's inventory, read at most every other second.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cache_lib::{Cache, Inventory, Result};
use tokio::sync::Mutex;

use crate::blocking::blocking;

/// How long a look counts.
const FRESH: Duration = Duration::from_secs(2);

#[derive(Debug, Default)]
pub(crate) struct InventoryCache {
    /// Held during a walk, so that concurrent requests share it.
    last: Mutex<Option<InventorySnapshot>>,
    /// Counts the changes of the store that are known of.
    changes: AtomicU64,
}

#[derive(Debug)]
struct InventorySnapshot {
    at: Instant,
    change: u64,
    inventory: Arc<Inventory>,
}

impl InventoryCache {
    pub(crate) async fn inventory(&self, cache: &Cache) -> Result<Arc<Inventory>> {
        let mut last = self.last.lock().await;
        let change = self.changes.load(Ordering::Acquire);
        if let Some(look) = last.as_ref().filter(|look| look.change == change && look.at.elapsed() < FRESH) {
            return Ok(Arc::clone(&look.inventory));
        }
        let store = cache.store().clone();
        let inventory = Arc::new(blocking(move || store.inventory()).await?);
        *last = Some(InventorySnapshot { at: Instant::now(), change, inventory: Arc::clone(&inventory) });
        Ok(inventory)
    }

    pub(crate) fn forget(&self) {
        self.changes.fetch_add(1, Ordering::Release);
    }
}
