//! [`Metrics`]: counters of events, and how full the store is.

mod usage;

use std::fmt;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use self::usage::UsageCache;
pub(crate) use self::usage::{STORE_TIMEOUT, StoreUsage};

/// Every name begins with it.
pub(crate) const PREFIX: &str = "model_cache";

/// Seconds: from a small file off the disk to the whole of a large one.
const DURATIONS: [f64; 16] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 120.0, 600.0, 3600.0];

type Histograms = Family<RouteLabel, Histogram, fn() -> Histogram>;

/// Counters of the server. Labels are few: no repository, path, user or client is one.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<AnswerLabels, Counter>,
    first_byte: Histograms,
    duration: Histograms,
    sent: Family<RouteLabel, Counter>,
    under_way: Gauge,
    connections: Gauge,
    pub(crate) disk: UsageCache,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AnswerLabels {
    route: &'static str,
    method: &'static str,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabel {
    route: &'static str,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix(PREFIX);
        let requests = Family::default();
        registry.register("http_requests", "Requests answered; 499: the client went away before", requests.clone());
        let histograms = || Histograms::new_with_constructor(|| Histogram::new(DURATIONS));
        let (first_byte, duration) = (histograms(), histograms());
        let help = "From a request's head to the first byte of its answer's body";
        registry.register_with_unit("http_first_byte", help, Unit::Seconds, first_byte.clone());
        let help = "From a request's head to the last byte of its answer's body";
        registry.register_with_unit("http_request_duration", help, Unit::Seconds, duration.clone());
        let sent = Family::default();
        registry.register(
            "http_sent_bytes",
            "Bytes of the bodies of answers, counted while they are sent",
            sent.clone(),
        );
        let under_way = Gauge::default();
        registry.register("http_requests_in_flight", "Requests whose answers are not sent yet", under_way.clone());
        let connections = Gauge::default();
        registry.register("connections_open", "Connections of clients", connections.clone());
        Self { registry, requests, first_byte, duration, sent, under_way, connections, disk: UsageCache::default() }
    }
}

impl Metrics {
    /// A connection is open until the guard is dropped.
    pub(crate) fn connection(&self) -> GaugeGuard {
        GaugeGuard::new(&self.connections)
    }

    /// A request is under way until the guard is dropped.
    pub(crate) fn request(&self) -> GaugeGuard {
        GaugeGuard::new(&self.under_way)
    }

    pub(crate) fn sent_bytes(&self, route: &'static str) -> Counter {
        self.sent.get_or_create_owned(&RouteLabel { route })
    }

    pub(crate) fn answered(
        &self,
        route: &'static str,
        method: &'static str,
        status: u16,
        first_byte: Duration,
        duration: Duration,
    ) {
        self.requests.get_or_create(&AnswerLabels { route, method, status }).inc();
        self.first_byte.get_or_create(&RouteLabel { route }).observe(first_byte.as_secs_f64());
        self.duration.get_or_create(&RouteLabel { route }).observe(duration.as_secs_f64());
    }

    /// All of it and a sample as OpenMetrics text.
    pub(crate) fn text(&self, sample: &Registry) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode_registry(&mut text, &self.registry)?;
        encode_registry(&mut text, sample)?;
        encode_eof(&mut text)?;
        Ok(text)
    }
}

/// Counts in a gauge as long as it lives.
#[derive(Debug)]
#[must_use]
pub(crate) struct GaugeGuard(Gauge);

impl GaugeGuard {
    fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for GaugeGuard {
    fn drop(&mut self) {
        self.0.dec();
    }
}
