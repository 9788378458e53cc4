//! [`Telemetry`]: traces for an OpenTelemetry collector.

use std::time::Duration;

use cache_lib::{Error, ErrorKind, Result};
use http::HeaderMap;
use opentelemetry::KeyValue;
use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry::trace::{TraceContextExt as _, TracerProvider as _};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::level_filters::LevelFilter;
use tracing::{Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::registry::LookupSpan;

const NAME: &str = "model-cache";
/// Targets of exported spans: requests and fetches. The exporting HTTP client must not trace itself.
const TRACED: [&str; 2] = ["cache_server", "cache_transfer"];
/// How long the last spans may take to be sent.
const PATIENCE: Duration = Duration::from_secs(3);

/// Lets a span that was not entered yet continue the trace of its request (W3C Trace Context: `traceparent`,
/// `tracestate`). It decides only which trace the span belongs to, and whether it is sampled.
pub(crate) fn continue_trace(span: &Span, headers: &HeaderMap) {
    let context = TraceContextPropagator::new().extract(&Headers(headers));
    if context.span().span_context().is_valid() {
        // It fails where no layer exports spans.
        let _ = span.set_parent(context);
    }
}

/// The headers of a request, as a propagator reads them.
struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}

/// Sends spans of requests and fetches to an OpenTelemetry collector, by OTLP over HTTP, in batches, on a thread of its
/// own. They hold paths, repositories and sizes; no headers, queries or tokens.
#[derive(Debug)]
pub struct Telemetry {
    provider: SdkTracerProvider,
}

impl Telemetry {
    /// Exports to where `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` or `OTEL_EXPORTER_OTLP_ENDPOINT` says, with the other
    /// variables of the OpenTelemetry specification. `None` when neither is set, or `OTEL_SDK_DISABLED` is `true`.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when the address cannot be used.
    pub fn from_env() -> Result<Option<Self>> {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let off = std::env::var("OTEL_SDK_DISABLED").is_ok_and(|value| value.eq_ignore_ascii_case("true"));
        if off || !(set("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") || set("OTEL_EXPORTER_OTLP_ENDPOINT")) {
            return Ok(None);
        }
        Self::exporting(None, !set("OTEL_SERVICE_NAME")).map(Some)
    }

    fn exporting(endpoint: Option<&str>, name: bool) -> Result<Self> {
        let mut exporter = SpanExporter::builder().with_http().with_protocol(Protocol::HttpBinary);
        if let Some(endpoint) = endpoint {
            exporter = exporter.with_endpoint(endpoint);
        }
        let exporter = exporter.build().map_err(|error| {
            Error::new(ErrorKind::Usage, format!("traces cannot be exported: {error}"))
                .with_hint("OTEL_EXPORTER_OTLP_ENDPOINT is the collector's address for HTTP, such as http://host:4318")
        })?;
        let mut resource =
            Resource::builder().with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
        if name {
            resource = resource.with_service_name(NAME);
        }
        let provider =
            SdkTracerProvider::builder().with_resource(resource.build()).with_batch_exporter(exporter).build();
        Ok(Self { provider })
    }

    /// The layer that hands spans over.
    #[must_use]
    pub fn layer<S>(&self) -> impl Layer<S> + Send + Sync + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    {
        let targets = TRACED.map(|target| (target, LevelFilter::INFO));
        tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer(NAME))
            .with_location(false)
            .with_threads(false)
            .with_filter(Targets::new().with_targets(targets))
    }

    /// Sends what is not sent yet, and no more after that. Blocks for a few seconds at most.
    pub fn end(&self) {
        if let Err(error) = self.provider.shutdown_with_timeout(PATIENCE) {
            tracing::debug!(%error, "the last traces were not sent");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::thread;

    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    /// Takes one request and gives back its head and its body.
    fn receive(mut stream: &TcpStream) -> (String, Vec<u8>) {
        let mut bytes = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            let read = stream.read(&mut buffer).unwrap();
            assert_ne!(read, 0, "the request ends early: {}", String::from_utf8_lossy(&bytes));
            bytes.extend_from_slice(&buffer[..read]);
            let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
            let head = String::from_utf8(bytes[..end].to_vec()).unwrap().to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
            if bytes.len() >= end + 4 + length.parse::<usize>().unwrap() {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
                return (head, bytes[end + 4..].to_vec());
            }
        }
    }

    #[test]
    fn spans_reach_a_collector_by_otlp_without_those_of_others() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}/v1/traces", listener.local_addr().unwrap());
        let collector = thread::spawn(move || receive(&listener.accept().unwrap().0));
        let telemetry = Telemetry::exporting(Some(&endpoint), true).unwrap();
        let subscriber = tracing_subscriber::registry().with(telemetry.layer());
        tracing::subscriber::with_default(subscriber, || {
            let span = tracing::info_span!("request", otel.name = tracing::field::Empty, url.path = "/a/b");
            span.record("otel.name", "GET resolve");
            tracing::info_span!(target: "reqwest", "foreign").in_scope(|| {});
            drop(span);
        });
        telemetry.end();
        let (head, body) = collector.join().unwrap();
        assert!(head.starts_with("post /v1/traces http/1.1"), "{head}");
        assert!(head.contains("content-type: application/x-protobuf"), "{head}");
        let has = |text: &str| body.windows(text.len()).any(|window| window == text.as_bytes());
        for text in ["GET resolve", "url.path", "/a/b", "service.name", NAME] {
            assert!(has(text), "{text} is missing in {}", String::from_utf8_lossy(&body));
        }
        assert!(!has("foreign"));
    }

    #[test]
    fn a_span_continues_the_trace_of_its_request() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}/v1/traces", listener.local_addr().unwrap());
        let collector = thread::spawn(move || receive(&listener.accept().unwrap().0));
        let telemetry = Telemetry::exporting(Some(&endpoint), true).unwrap();
        let subscriber = tracing_subscriber::registry().with(telemetry.layer());
        let mut headers = HeaderMap::new();
        tracing::subscriber::with_default(subscriber, || {
            for traceparent in ["nonsense", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"] {
                headers.insert("traceparent", traceparent.parse().unwrap());
                let span = tracing::info_span!("request");
                continue_trace(&span, &headers);
                span.in_scope(|| {});
            }
        });
        telemetry.end();
        let (_, body) = collector.join().unwrap();
        let times = |bytes: &[u8]| body.windows(bytes.len()).filter(|window| *window == bytes).count();
        assert_eq!(times(&0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c_u128.to_be_bytes()), 1);
        assert_eq!(times(&0xb7ad_6b71_6920_3331_u64.to_be_bytes()), 1);
    }

    #[test]
    fn an_address_that_is_none_is_refused() {
        let error = Telemetry::exporting(Some("no address"), true).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
    }
}
