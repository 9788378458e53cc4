use std::time::Duration;

use cache_config::{Settings, TokenRef};
use cache_lib::ErrorKind;

use super::*;

fn settings(change: impl FnOnce(&mut Settings)) -> Settings {
    let mut settings = Settings::default();
    change(&mut settings);
    settings
}

fn user(settings: &mut Settings, name: &str, sha256: &str, read: &[&str]) {
    let user = settings.users.entry(name.to_owned()).or_default();
    user.token_sha256 = sha256.to_owned();
    user.read = read.iter().map(|&glob| glob.to_owned()).collect();
}

#[test]
fn systemd_unit_denies_link_local() {
    let unit = include_str!("../../../../packaging/systemd/model-cache.service");
    assert!(unit.lines().any(|line| line == "IPAddressDeny=link-local"), "{unit}");
}

#[test]
fn settings_become_a_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    fs_err::write(&token, "secretsecret\n").unwrap();
    let config = ServerConfig::from_settings(&settings(|settings| {
        let server = &mut settings.server;
        server.listen = [":1", "[::1]:2", "unix:/run/s", "systemd"].map(str::to_owned).to_vec();
        server.refresh = Some(Duration::from_secs(9));
        server.rate = Some(7);
        server.admin_token = Some(TokenRef::File(token));
        user(settings, "ana", &"AB".repeat(32), &["org/*"]);
        settings.models.entry("datasets/org/name".to_owned()).or_default().from = "./dir".to_owned();
    }))
    .unwrap();
    let tcp = |text: &str| Listen::Tcp(text.parse().unwrap());
    assert_eq!(config.listen, [tcp("127.0.0.1:1"), tcp("[::1]:2"), Listen::Unix("/run/s".into()), Listen::Systemd]);
    assert_eq!((config.refresh, config.rate), (Duration::from_secs(9), Some(7)));
    assert_eq!(config.admin_token.as_deref(), Some("secretsecret"));
    assert_eq!(config.users["ana"].token_sha256.to_string(), "ab".repeat(32));
    assert_eq!(config.models["datasets/org/name"].from, "./dir");
    let plain = ServerConfig::from_settings(&Settings::default()).unwrap();
    assert_eq!(plain.listen, ServerConfig::default().listen);
    assert!(plain.users.is_empty() && plain.admin_token.is_none() && plain.tls.is_none());
}

type Case = (fn(&mut Settings), &'static str, &'static str);

#[test]
fn a_mistake_is_named_with_what_is_right() {
    let cases: [Case; 10] = [
        (|s| s.server.listen = vec!["8090".to_owned()], "\"8090\" is not an address", "127.0.0.1:8090"),
        (|s| s.server.listen = vec!["unix:".to_owned()], "not an address", "unix:/run"),
        (|s| user(s, "ana", "mct_secret", &[]), "users.ana.token-sha256", "not the token"),
        (|s| user(s, "ana", "", &[]), "users.ana.token-sha256", "not the token"),
        (|s| user(s, "ana", &"ab".repeat(32), &["org/[a"]), "users.ana.read", "org/*"),
        (|s| s.server.upstream = vec!["{".to_owned()], "server.upstream", "org/*"),
        (|s| s.server.anonymous = vec!["{".to_owned()], "server.anonymous", "org/*"),
        (|s| s.server.tls_key = Some("k".into()), "one is missing", "both"),
        (|s| s.server.admin_token = Some(TokenRef::Env("MODEL_CACHE_NO_SUCH".to_owned())), "is not set", "set"),
        (|s| s.models.entry("a/b@c".to_owned()).or_default().from = "x".to_owned(), "not the name", "org/name"),
    ];
    for (change, message, hint) in cases {
        let error = ServerConfig::from_settings(&settings(change)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(error.message().contains(message), "{error:?}");
        assert!(error.hint().unwrap().contains(hint), "{error:?}");
        assert!(!format!("{error:?}").contains("mct_secret"), "{error:?}");
    }
    let nowhere = settings(|settings| drop(settings.models.insert("a/b".to_owned(), Default::default())));
    assert!(ServerConfig::from_settings(&nowhere).unwrap_err().message().contains("has no source"));
}

#[test]
fn others_are_served_on_purpose_only() {
    let addresses = |text: &str| text.split(' ').map(|one| one.parse().unwrap()).collect::<Vec<SocketAddr>>();
    let closed = ServerConfig::default();
    for fine in ["127.0.0.1:1", "127.9.9.9:1 [::1]:1", "[::ffff:127.0.0.1]:1"] {
        closed.check_exposure(&addresses(fine)).unwrap();
    }
    closed.check_exposure(&[]).unwrap();
    let mut users = ServerConfig::default();
    users.users.insert("ana".to_owned(), User { token_sha256: Sha256::from_bytes([0; 32]), read: Vec::new() });
    for open in ["0.0.0.0:1", "127.0.0.1:1 192.168.0.1:1", "[::]:1", "[::ffff:10.0.0.1]:1"] {
        let error = closed.check_exposure(&addresses(open)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert_eq!(error.reason(), Some(cache_lib::Reason::PublicWithoutTokens), "{error:?}");
        users.check_exposure(&addresses(open)).unwrap();
        ServerConfig { insecure_public: true, ..ServerConfig::default() }.check_exposure(&addresses(open)).unwrap();
    }
}
