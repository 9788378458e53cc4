//! A mirror of a mirror.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;

use cache_lib::{Cache, ModelId, Visibility};
use cache_server::{ModelAlias, User};
use cache_testkit::{Hub, HubConfig, fixtures};

use crate::mirror;

/// The status and the whole answer of one request.
pub(crate) async fn ask(base: &str, path: &str, token: Option<&str>) -> (u16, String) {
    let host = base.strip_prefix("http://").unwrap().to_owned();
    let bearer = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{bearer}\r\n");
    let answer = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(host).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    });
    let answer = answer.await.unwrap();
    (answer[9..12].parse().unwrap(), answer)
}

pub(crate) fn folder(at: &Path) -> ModelAlias {
    fs_err::create_dir_all(at.join("below")).unwrap();
    fs_err::write(at.join("config.json"), "{}").unwrap();
    fs_err::write(at.join("below/weights.bin"), vec![7; 300_000]).unwrap();
    ModelAlias { from: at.to_str().unwrap().to_owned() }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_upstream_shows_to_a_token_only_is_not_public() {
    let dir = tempfile::tempdir().unwrap();
    // One of the first mirror's own tokens would not be sent on by the second.
    let sent = "the-token";
    let alias = folder(&dir.path().join("folder"));
    let first = mirror(&dir.path().join("first"), "http://127.0.0.1:9", |config| {
        let user = User { token_sha256: sha256(sent), read: vec!["my/*".to_owned()] };
        config.users.insert("ann".to_owned(), user);
        config.models.insert("my/model".to_owned(), alias);
    })
    .await;
    let second = mirror(&dir.path().join("second"), &first, |_| {}).await;
    let path = "/my/model/resolve/main/config.json";
    assert_eq!(ask(&second, path, None).await.0, 401);
    assert_eq!(ask(&second, path, Some(sent)).await.0, 200);
    assert_eq!(ask(&second, path, None).await.0, 401);
    assert_eq!(ask(&second, path, Some("another")).await.0, 404);
    let (status, listed) = ask(&second, "/api/models", None).await;
    assert!(status == 200 && !listed.contains("my/model"), "{listed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_comes_through_two_mirrors() {
    let dir = tempfile::tempdir().unwrap();
    let alias = folder(&dir.path().join("folder"));
    let first = mirror(&dir.path().join("first"), "http://127.0.0.1:9", |config| {
        config.models.insert("my/model".to_owned(), alias);
        config.anonymous = vec!["my/*".to_owned()];
    })
    .await;
    let second = mirror(&dir.path().join("second"), &first, |_| {}).await;
    let cache = Cache::builder().root(dir.path().join("client")).endpoint(&second).build().unwrap();
    let snapshot = cache.get("my/model").await.unwrap();
    for file in ["config.json", "below/weights.bin"] {
        let original = fs_err::read(dir.path().join("folder").join(file)).unwrap();
        assert_eq!(fs_err::read(snapshot.path().join(file)).unwrap(), original, "{file}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn public_word_to_a_token_is_asked_again() {
    let dir = tempfile::tempdir().unwrap();
    let hub = Hub::start(HubConfig::default()).await;
    hub.add_model("org/model", fixtures::model());
    let (sent, model) = ("the-token", ModelId::hub("org/model").unwrap());
    for (anonymous, visibility) in [("org/other", Visibility::Unknown), ("org/*", Visibility::Public)] {
        let first = mirror(&dir.path().join("first"), hub.url(), |config| {
            config.users.insert("ann".to_owned(), User { token_sha256: sha256(sent), read: vec!["org/*".to_owned()] });
            config.anonymous = vec![anonymous.to_owned()];
        })
        .await;
        let cache = Cache::builder().root(dir.path().join(visibility.as_str())).endpoint(&first).build().unwrap();
        let cache = cache.with_hub_token(Some(sent)).unwrap();
        drop(cache.get("org/model").await.unwrap());
        assert_eq!(cache.visibility(&model), visibility, "{anonymous}");
    }
}

fn sha256(text: &str) -> cache_lib::Sha256 {
    use sha2::Digest as _;
    cache_lib::Sha256::from_bytes(sha2::Sha256::digest(text).into())
}
