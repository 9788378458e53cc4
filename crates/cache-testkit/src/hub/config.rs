//! [`HubConfig`]: how a Hub behaves.

use std::time::Duration;

/// How a Hub behaves.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct HubConfig {
    /// The Hub's port; 0 for any that is free. The CDN always takes a free one.
    pub port: u16,
    /// Bytes a second over each connection; 0 for as fast as it goes.
    pub rate: u64,
    /// Time before each reply: a round trip to somewhere far.
    pub latency: Duration,
    /// Entries on one page of a listing.
    pub page_size: usize,
    /// Small files are answered by a redirect to a path on the same origin, as the real Hub does since 2025.
    pub relative_redirects: bool,
    /// Large files carry Xet headers, which lead to a content store that is not there.
    pub xet: bool,
    /// The CDN answers 403 to requests with an `Authorization` header.
    pub cdn_refuses_authorization: bool,
    /// Requests that are remembered.
    pub log_limit: usize,
    /// Threads that serve.
    pub threads: usize,
}

impl Default for HubConfig {
    fn default() -> Self {
        Self {
            port: 0,
            rate: 0,
            latency: Duration::ZERO,
            page_size: 1000,
            relative_redirects: false,
            xet: false,
            cdn_refuses_authorization: true,
            log_limit: 100_000,
            threads: 1,
        }
    }
}

impl HubConfig {
    /// The Hub on this port.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// So many bytes a second over each connection; 0 for as fast as it goes.
    #[must_use]
    pub fn rate(mut self, rate: u64) -> Self {
        self.rate = rate;
        self
    }

    /// So long before each reply.
    #[must_use]
    pub fn latency(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }

    /// So many entries on one page of a listing.
    #[must_use]
    pub fn page_size(mut self, entries: usize) -> Self {
        self.page_size = entries;
        self
    }

    /// Whether small files come by a relative redirect.
    #[must_use]
    pub fn relative_redirects(mut self, on: bool) -> Self {
        self.relative_redirects = on;
        self
    }

    /// Whether large files carry Xet headers.
    #[must_use]
    pub fn xet(mut self, on: bool) -> Self {
        self.xet = on;
        self
    }

    /// Whether the CDN answers 403 to a request with an `Authorization` header.
    #[must_use]
    pub fn cdn_refuses_authorization(mut self, on: bool) -> Self {
        self.cdn_refuses_authorization = on;
        self
    }

    /// So many threads that serve.
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }
}
