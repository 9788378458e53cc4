//! The example does what it says, against a hub on loopback.

#![expect(clippy::unwrap_used, reason = "a helper that fails, fails its test")]

use cache_config::LoadOptions;
use cache_testkit::{Hub, HubConfig, fixtures};

#[expect(dead_code, reason = "the example's main is not run")]
#[path = "../examples/configuration.rs"]
mod configuration;

const MODEL: &str = "org/model";

#[tokio::test]
async fn settings_come_from_a_file() {
    let (hub, folder) = (Hub::spawn(HubConfig::default()).unwrap(), tempfile::tempdir().unwrap());
    hub.add_model(MODEL, fixtures::model());
    let file = folder.path().join("model-cache.toml");
    let text = format!(
        "[store]\ndir = {:?}\nquota = \"1GB\"\n[hub]\nendpoint = {:?}\n",
        folder.path().join("store"),
        hub.url()
    );
    fs_err::write(&file, text).unwrap();
    let options = LoadOptions::default().with_file(Some(file)).with_environment(|_| None);
    let (config, cache) = configuration::open(&options).unwrap();
    assert_eq!(cache.quota(), Some(1_000_000_000));
    let lines = configuration::lines(&config);
    assert!(lines.iter().any(|line| line.starts_with("store.quota = 1GB (") && line.ends_with("toml:3)")), "{lines:?}");
    let got = cache.get(MODEL).await.unwrap();
    assert!(got.path().starts_with(folder.path()), "{}", got.path().display());
}
