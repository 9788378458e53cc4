//! [`MetricsSample`]: values that are read when metrics are scraped.

use cache_lib::{Amount, BreakerState, Cache};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use crate::activity::{Download, Totals};
use crate::app::App;
use crate::metrics::{PREFIX, StoreUsage};

/// Values that are read when metrics are scraped.
#[derive(Debug)]
pub(super) struct MetricsSample {
    totals: Totals,
    downloads: Vec<Download>,
    breakers: Vec<(String, BreakerState)>,
    quota: Option<u64>,
    evicted: Amount,
    /// `None`: the store could not be read.
    disk: Option<StoreUsage>,
}

/// Looks it all up. The disk is walked away from the runtime's threads, and not each time.
pub(super) async fn take(app: &App) -> MetricsSample {
    let store = app.cache.store();
    MetricsSample {
        totals: app.activity.totals(),
        downloads: app.activity.downloads(),
        breakers: breakers(&app.cache),
        quota: store.quota(),
        evicted: store.evicted(),
        disk: app.metrics.disk.look(store).await,
    }
}

/// One host may be asked over http and https; the worse counts.
fn breakers(cache: &Cache) -> Vec<(String, BreakerState)> {
    let mut hosts: Vec<(String, BreakerState)> = Vec::new();
    for (host, state) in cache.breakers() {
        match hosts.iter_mut().find(|(known, _)| *known == host) {
            Some((_, known)) if level(*known) < level(state) => *known = state,
            Some(_) => {}
            None => hosts.push((host, state)),
        }
    }
    hosts
}

fn level(state: BreakerState) -> i64 {
    match state {
        BreakerState::Closed => 0,
        BreakerState::HalfOpen => 1,
        BreakerState::Open => 2,
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Host {
    host: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct State {
    state: &'static str,
}

impl MetricsSample {
    pub(super) fn registry(&self) -> Registry {
        let mut registry = Registry::with_prefix(PREFIX);
        self.fetches(&mut registry);
        self.store(&mut registry);
        let breakers = Family::<Host, Gauge>::default();
        for (host, state) in &self.breakers {
            breakers.get_or_create(&Host { host: host.clone() }).set(level(*state));
        }
        let help = "The circuit breaker of a host that is fetched from: 0 closed, 1 half-open, 2 open";
        registry.register("circuit_breaker_state", help, breakers);
        let build = [("version", env!("CARGO_PKG_VERSION").to_owned()), ("features", cache_lib::features().join(","))];
        registry.register("build", "The program", Info::new(build));
        registry
    }

    fn fetches(&self, registry: &mut Registry) {
        let totals = &self.totals;
        for (name, help, value) in [
            ("fetched_bytes", "Bytes fetched from all sources", totals.fetched_bytes),
            ("fetched_files", "Files fetched and verified", totals.fetched_files),
            ("fetch_failures", "Files that could not be fetched", totals.failed_files),
            ("fetch_retries", "Requests to sources that were repeated", totals.retries),
            (
                "verification_failures",
                "Files whose bytes were not what their digest promises",
                totals.verification_failures,
            ),
            ("hits", "Files served from the store without a fetch", totals.hits),
            ("misses", "Files that had to be fetched", totals.misses),
        ] {
            registry.register(name, help, ConstCounter::new(value));
        }
        let states = Family::<State, Gauge>::default();
        let count = |state| self.downloads.iter().filter(|download| download.state == state).count();
        for state in ["waiting", "running"] {
            states.get_or_create(&State { state }).set(i64::try_from(count(state)).unwrap_or(i64::MAX));
        }
        registry.register("downloads_in_flight", "Files that are fetched or wait for it", states);
        let running = self.downloads.iter().filter(|download| download.state == "running");
        let rate = running.fold(0, |sum: u64, download| sum.saturating_add(download.rate));
        registry.register("fetch_rate_bytes_per_second", "What all fetches bring now", ConstGauge::new(rate));
    }

    fn store(&self, registry: &mut Registry) {
        registry.register("evicted_blobs", "Blobs that this process evicted", ConstCounter::new(self.evicted.files));
        registry.register("evicted_bytes", "Bytes that this process evicted", ConstCounter::new(self.evicted.bytes));
        let mut gauge = |name, help, value| registry.register(name, help, ConstGauge::<u64>::new(value));
        if let Some(quota) = self.quota {
            gauge("store_quota_bytes", "Most bytes that the blobs may take up; absent: no limit", quota);
        }
        let Some(disk) = self.disk else { return };
        gauge("store_bytes", "Bytes of all blobs", disk.blobs.bytes);
        gauge("store_blobs", "Blobs", disk.blobs.files);
        gauge("store_versions", "Versions of models", disk.versions);
        gauge("partial_bytes", "Bytes of downloads that are running or were broken off", disk.partial);
        gauge("quarantine_files", "Bad files that are kept to be looked at", disk.quarantine.files);
        gauge("quarantine_bytes", "Bytes of those", disk.quarantine.bytes);
        gauge("disk_free_bytes", "What may still be written to the store's file system", disk.free);
        gauge("disk_size_bytes", "What the store's file system holds in all", disk.size);
    }
}
