//! The web page and what it asks for.
//!
//! Other viewers than the admin see the repositories of their listings, and nothing of the machine: no paths, no
//! disk, no quarantine, and of downloads only those of these repositories.

mod assets;
mod data;
mod events;
mod history;
mod inventory;
mod problem;
#[cfg(test)]
pub(crate) mod tests;
mod viewer;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use axum::Router;
use axum::response::Response;
use axum::routing::get;
use cache_lib::{Cache, ModelId, ModelRef};
use http::{HeaderName, HeaderValue, header};
use tokio::sync::{Semaphore, watch};

use crate::app::App;
use crate::config::ServerConfig;
use crate::observe::RouteName;
use crate::repo::Repo;

pub(crate) use self::data::QuarantinedFile;
pub(crate) use self::history::sampling;
pub(crate) use self::problem::{Problem, json};
pub(crate) use self::viewer::Viewer;

/// Pages that may follow the events at the same time.
const MAX_FOLLOWERS: usize = 64;

/// Only content of this server, nothing inline, no frames.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What the page's handlers keep.
#[derive(Debug)]
pub(crate) struct Page {
    kept: Arc<Persistent>,
    /// Other sources, and the repositories as which they are served.
    aliases: HashMap<ModelId, Repo>,
    stopping: watch::Sender<bool>,
}

/// What outlives a new configuration.
#[derive(Debug)]
struct Persistent {
    stock: inventory::InventoryCache,
    history: history::History,
    followers: Arc<Semaphore>,
    since: SystemTime,
}

impl Page {
    pub(crate) fn new(cache: &Cache, config: &ServerConfig) -> Self {
        let kept = Persistent {
            stock: inventory::InventoryCache::default(),
            history: history::History::default(),
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
        self.kept.stock.forget();
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

/// `/`, `/-/page/…`, `/-/api/…`, `/-/events`
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/", get(assets::index))
        .route("/-/page/{name}", get(assets::file))
        .route("/-/api/store", get(data::store))
        .route("/-/api/model", get(data::model))
        .route("/-/api/downloads", get(data::downloads))
        .route("/-/api/history", get(data::history))
        .route("/-/api/status", get(data::status))
        .route("/-/events", get(events::stream))
        .layer(axum::middleware::map_response(finish))
}

/// What all answers carry.
async fn finish(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response.extensions_mut().insert(RouteName("page"));
    response
}

/// Seconds since 1970: what scripts reckon with.
pub(crate) fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
