//! Whole servers, asked over sockets.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a helper that fails, fails its test")]

mod chain;
mod connections;
mod hang;
#[cfg(feature = "tls")]
mod tls;

use std::path::Path;

use cache_lib::Cache;
use cache_server::{Address, Server, ServerConfig};

/// Starts a mirror and tells its address.
async fn mirror(root: &Path, upstream: &str, change: impl FnOnce(&mut ServerConfig)) -> String {
    let cache = Cache::builder().root(root).endpoint(upstream).build().unwrap();
    let mut config = ServerConfig::default();
    config.listen = vec!["127.0.0.1:0".parse().unwrap()];
    change(&mut config);
    let server = Server::bind(cache, config).await.unwrap();
    let Address::Tcp(address) = server.addresses().unwrap()[0] else { panic!() };
    tokio::spawn(server.run(std::future::pending(), std::future::pending::<()>));
    format!("http://{address}")
}
