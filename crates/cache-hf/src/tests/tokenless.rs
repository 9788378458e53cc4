//! Without a token none is sent, whatever the environment and the token file hold: in a process of its own, because the
//! environment belongs to the process.

use cache_core::{ModelId, RetryBudget, Revision, Source as _};

use super::server::{Server, reply};
use crate::{HfConfig, HfSource};

const INSIDE: &str = "CACHE_HF_TEST_TOKENLESS";
const NAME: &str = "tests::tokenless::no_token_is_sent_when_there_is_to_be_none";

#[tokio::test]
async fn no_token_is_sent_when_there_is_to_be_none() {
    if std::env::var_os(INSIDE).is_some() {
        return inside().await;
    }
    let home = tempfile::tempdir().unwrap();
    fs_err::write(home.path().join("token"), "hf_file").unwrap();
    for variables in [vec![], vec![("HF_TOKEN", "hf_variable")]] {
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", NAME])
            .env_remove("HF_HUB_DISABLE_IMPLICIT_TOKEN")
            .env("HF_HOME", home.path())
            .env(INSIDE, "1")
            .envs(variables)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
    }
}

async fn inside() {
    assert!(HfConfig::from_env().unwrap().token.is_some(), "the environment has a token to leak");
    let sha = "ab".repeat(20);
    let hub = Server::start(move |head| match head.contains("/tree/") {
        true => reply("200 OK", "", "[]"),
        false => reply("200 OK", "", &format!(r#"{{"id":"org/name","sha":"{sha}"}}"#)),
    })
    .await;
    let config = HfConfig::default().with_endpoint(hub.url().as_str()).unwrap();
    let source = HfSource::new(config, super::http()).unwrap();
    source.resolve(&ModelId::hub("org/name").unwrap(), &Revision::main(), &RetryBudget::default()).await.unwrap();
    assert_eq!(hub.heard().len(), 2);
    for head in hub.heard() {
        assert!(!head.to_ascii_lowercase().contains("authorization"), "{head}");
    }
}
