//! Where the Hub's redirects may lead, and over what its token goes.

use std::net::IpAddr;
use std::sync::Arc;

use cache_core::{ErrorKind, OpenOptions, RepoPath, RetryBudget, Revision, Source as _};
use cache_net::{HttpClient, HttpConfig, Resolver};
use cache_testkit::{Files, Hub, HubConfig};
use futures::future::BoxFuture;
use url::Url;

use crate::{HfConfig, HfSource};

/// Every name is the loopback.
#[derive(Debug)]
struct Loopback;

impl Resolver for Loopback {
    fn resolve(&self, _: &str) -> BoxFuture<'static, std::io::Result<Vec<IpAddr>>> {
        Box::pin(std::future::ready(Ok(vec![IpAddr::from([127, 0, 0, 1])])))
    }
}

fn http() -> HttpClient {
    let mut config = HttpConfig::default();
    config.resolver = Arc::new(Loopback);
    config.retry.base = std::time::Duration::from_millis(1);
    HttpClient::new(config).unwrap()
}

async fn hub() -> Hub {
    let hub = Hub::start(HubConfig::default()).await;
    hub.add_model("org/name", Files::new().with_large("x.bin", vec![7; 100_000]));
    hub.add_user("hf_secret", "reader");
    hub
}

/// The hub under a name that is not one of the loopback's.
fn named(hub: &Hub) -> String {
    let port = Url::parse(hub.url()).unwrap().port().unwrap();
    format!("http://hub.example:{port}")
}

#[tokio::test]
async fn token_goes_over_http_only_when_told() {
    let hub = hub().await;
    let model = cache_core::ModelId::hub("org/name").unwrap();
    let config = HfConfig::default().with_endpoint(&named(&hub)).unwrap().with_token(Some("hf_secret")).unwrap();
    let budget = RetryBudget::default();
    let refused = HfSource::new(config.clone(), http()).unwrap();
    let errors = [
        refused.resolve(&model, &Revision::main(), &budget).await.map(|_| ()).unwrap_err(),
        refused.pin(&model, &Revision::main(), &budget).await.map(|_| ()).unwrap_err(),
        refused.whoami().await.map(|_| ()).unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
        assert!(error.message().contains("not sent over plain http") && !format!("{error:?}").contains("hf_secret"));
    }
    assert!(hub.requests().is_empty());
    let allowed = HfSource::new(config.clone().with_allow_http(true), http()).unwrap();
    assert_eq!(allowed.whoami().await.unwrap().as_deref(), Some("reader"));
    // Without a token there is nothing to protect, and the loopback is no network.
    let anonymous = HfSource::new(config.with_token(None).unwrap(), http()).unwrap();
    assert!(anonymous.resolve(&model, &Revision::main(), &budget).await.is_ok());
    let local = HfConfig::default().with_endpoint(hub.url()).unwrap().with_token(Some("hf_secret")).unwrap();
    assert!(HfSource::new(local, http()).unwrap().resolve(&model, &Revision::main(), &budget).await.is_ok());
}

#[tokio::test]
async fn hub_leads_to_no_metadata_service() {
    let hub = hub().await;
    let source = HfSource::new(HfConfig::default().with_endpoint(hub.url()).unwrap(), http()).unwrap();
    let model = cache_core::ModelId::hub("org/name").unwrap();
    let manifest = source.resolve(&model, &Revision::main(), &RetryBudget::default()).await.unwrap();
    let file = manifest.require(&RepoPath::parse("x.bin").unwrap()).unwrap();
    for target in ["http://169.254.169.254/latest/meta-data/", "http://[fe80::1]/", "http://[::ffff:a9fe:a9fe]/"] {
        hub.serve_from("org/name", "x.bin", target);
        let error = source.open(&manifest.version, file, OpenOptions::whole()).await.map(|_| ()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Network, "{target}: {error}");
        assert!(error.message().contains("which is refused") && !error.is_retryable(), "{target}: {error}");
    }
    // Another port of the loopback is the hub's own class.
    let other = Hub::start(HubConfig::default()).await;
    let commit = other.add_model("org/other", Files::new().with_small("x.bin", vec![7; 100_000]));
    hub.serve_from("org/name", "x.bin", &format!("{}/org/other/resolve/{commit}/x.bin", other.url()));
    assert!(source.open(&manifest.version, file, OpenOptions::whole()).await.is_ok());
}
