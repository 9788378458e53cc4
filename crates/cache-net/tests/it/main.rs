//! The client and the plain source against real sockets on the loopback.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests, which may")]

mod addresses;
mod faults;
mod proxies;
mod requests;
mod secrets;
mod server;
mod source;
#[cfg(any(feature = "rustls", feature = "native-tls"))]
mod tls;

use std::time::Duration;

use cache_net::{HttpClient, HttpConfig};

/// A client that does not wait long between attempts.
fn client() -> HttpClient {
    HttpClient::new(config()).unwrap()
}

fn config() -> HttpConfig {
    let mut config = HttpConfig::default();
    config.retry.base = Duration::from_millis(2);
    config.seed = Some(1);
    config
}
