//! The source as a whole, and what several modules' tests use.

mod conformance;
mod hostile;
mod hub;
mod reach;
pub(crate) mod server;
mod tokenless;

/// A client that does not take long to try again.
fn http() -> cache_net::HttpClient {
    let mut config = cache_net::HttpConfig::default();
    config.retry.base = std::time::Duration::from_millis(1);
    cache_net::HttpClient::new(config).unwrap()
}
