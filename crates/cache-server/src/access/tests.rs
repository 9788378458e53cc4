use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use cache_lib::{Error, ErrorKind, Evidence, ModelId, RepoKind, RepoName, Retry, Visibility, VisibilityRecord};

use super::*;
use crate::clock::TestClock;
use crate::config::{ModelAlias, User};
use crate::listen::Peer;
use crate::upstream::Limits;

const SECOND: Duration = Duration::from_secs(1);

/// An upstream with one public repository, `org/open`, and one, `org/secret`, for `hf_ana`.
#[derive(Debug, Default)]
struct Hub {
    asked: AtomicUsize,
    tokens: Mutex<Vec<Option<String>>>,
    fails: Mutex<Option<Retry>>,
    closed: Mutex<bool>,
    /// Questions get no answer.
    hangs: AtomicBool,
}

#[async_trait]
impl Permissions for Hub {
    async fn ask(&self, repo: &Repo, token: Option<&Token>) -> Result<RepoAccess> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.tokens.lock().unwrap().push(token.map(|token| token.expose().to_owned()));
        tokio::task::yield_now().await;
        if self.hangs.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        if let Some(retry) = *self.fails.lock().unwrap() {
            let error = Error::new(ErrorKind::Network, "no answer").with_retry(retry);
            return Err(if matches!(retry, Retry::After(_)) { error.with_rate_limited() } else { error });
        }
        Ok(match (repo.to_string().as_str(), token.map(Token::expose)) {
            ("org/open", _) if !*self.closed.lock().unwrap() => RepoAccess::Public,
            ("org/open" | "org/secret" | "org/gated", Some("hf_ana")) => RepoAccess::Accepted,
            ("org/gated", _) => RepoAccess::Gated,
            _ => RepoAccess::Refused,
        })
    }
}

struct World {
    folder: tempfile::TempDir,
    hub: Arc<Hub>,
    clock: TestClock,
    access: Access,
}

impl World {
    fn new(config: &ServerConfig) -> Self {
        let (folder, hub, clock) = (tempfile::tempdir().unwrap(), Arc::new(Hub::default()), TestClock::new());
        let access = open(&folder, config, &hub, &clock, false);
        Self { folder, hub, clock, access }
    }

    fn restart(&mut self, offline: bool) {
        self.restart_with(&ServerConfig::default(), offline);
    }

    fn restart_with(&mut self, config: &ServerConfig, offline: bool) {
        self.access = open(&self.folder, config, &self.hub, &self.clock, offline);
    }

    fn record(&self, name: &str, visibility: Visibility) {
        let store = self.access.cache.store();
        let record = VisibilityRecord::new(visibility, Evidence::Token, store.now());
        store.put_visibility(&repo(name).model(), &record).unwrap();
    }

    async fn reads(&self, token: Option<&str>, name: &str) -> &'static str {
        match self.access.grant(&caller(token), &repo(name)).await {
            Ok(Grant { own: true, token: None }) => "own",
            Ok(Grant { own: false, token: None }) => "public",
            Ok(Grant { own: false, token: Some(sent) }) if Some(sent.expose()) == token => "token",
            Ok(_) => "nonsense",
            Err(HubError::RepoNotFound) => "none",
            Err(HubError::Unavailable(_)) => "down",
            Err(HubError::Limited(_)) => "limited",
            Err(HubError::Gated { .. }) => "gated",
            Err(_) => "other",
        }
    }

    async fn grant_at(&self, host: u8, token: Option<&str>, name: &str) -> Result<Grant, HubError> {
        let caller = Caller { address: Some([10, 0, 0, host].into()), ..caller(token) };
        self.access.grant(&caller, &repo(name)).await
    }

    /// How many questions were asked since the last time.
    fn asked(&self) -> usize {
        self.hub.asked.swap(0, Ordering::SeqCst)
    }

    fn fail(&self, retry: Option<Retry>) {
        *self.hub.fails.lock().unwrap() = retry;
    }
}

fn open(folder: &tempfile::TempDir, config: &ServerConfig, hub: &Arc<Hub>, clock: &TestClock, offline: bool) -> Access {
    let cache = Cache::builder().root(folder.path()).offline(offline).build().unwrap();
    Access::with_clock(config, cache, Arc::clone(hub) as _, clock.clock()).unwrap()
}

fn repo(text: &str) -> Repo {
    match text.strip_prefix("datasets/") {
        Some(name) => Repo { kind: RepoKind::Dataset, name: RepoName::parse(name).unwrap() },
        None => Repo::of(&ModelId::hub(text).unwrap()).unwrap(),
    }
}

fn caller(token: Option<&str>) -> Caller {
    Caller { token: token.map(Token::new), ..Caller::default() }
}

#[test]
fn a_caller_is_who_the_request_says() {
    let token = |header: &str| {
        let request = http::Request::builder().header("authorization", header).body(()).unwrap();
        Caller::of(&request.into_parts().0).token.map(|token| token.expose().to_owned())
    };
    assert_eq!(token("Bearer hf_x").as_deref(), Some("hf_x"));
    assert_eq!(token("bearer  hf_x ").as_deref(), Some("hf_x"));
    for header in ["hf_x", "Basic hf_x", "Bearer", "Bearer ", "Bearer a b"] {
        assert_eq!(token(header), None, "{header}");
    }
    assert_eq!(token(&format!("Bearer {}", "x".repeat(5000))), None);
    let mut parts = http::Request::new(()).into_parts().0;
    assert!(!Caller::of(&parts).local_admin);
    parts.extensions.insert(Peer::Unix);
    assert!(Caller::of(&parts).local_admin);
    assert!(!format!("{:?}", caller(Some("hf_x"))).contains("hf_x"));
}

#[tokio::test]
async fn as_few_questions_as_can_be() {
    let world = World::new(&ServerConfig::default());
    for token in [Some("hf_ana"), Some("hf_ben"), None] {
        assert_eq!(world.reads(token, "org/open").await, "public");
    }
    assert_eq!(world.asked(), 1, "one for everyone");
    assert_eq!(world.reads(Some("hf_ana"), "org/secret").await, "token");
    assert_eq!(world.asked(), 2);
    world.clock.pass(60 * SECOND);
    assert_eq!(world.reads(Some("hf_ana"), "org/secret").await, "token");
    assert_eq!(world.asked(), 1, "known not to be public");
    assert_eq!(world.reads(Some("hf_eve"), "org/secret").await, "none");
    assert_eq!(world.asked(), 2);
    assert_eq!(world.reads(Some("hf_eve"), "org/secret").await, "none");
    assert_eq!(world.asked(), 0);
    world.clock.pass(10 * SECOND);
    let many = (0..50).map(|_| world.reads(None, "org/secret"));
    assert!(futures::future::join_all(many).await.iter().all(|read| *read == "none"));
    assert_eq!(world.asked(), 1, "one in flight");
}

#[tokio::test]
async fn what_turned_private_is_gone_at_the_next_refresh() {
    let world = World::new(&ServerConfig::default());
    assert_eq!(world.reads(None, "org/open").await, "public");
    *world.hub.closed.lock().unwrap() = true;
    world.clock.pass(59 * SECOND);
    assert_eq!(world.reads(None, "org/open").await, "public");
    world.clock.pass(SECOND);
    assert_eq!(world.reads(None, "org/open").await, "none");
    assert!(!world.access.may_list(&caller(None), &repo("org/open")).await);
    world.fail(Some(Retry::Backoff));
    world.clock.pass(60 * SECOND);
    assert_eq!(world.reads(None, "org/open").await, "down");
}

#[tokio::test]
async fn public_repos_are_served_while_upstream_is_down() {
    let mut world = World::new(&ServerConfig::default());
    assert_eq!(world.reads(None, "org/open").await, "public");
    assert_eq!(world.reads(Some("hf_ana"), "org/secret").await, "token");
    world.fail(Some(Retry::Backoff));
    for _ in 0..2 {
        world.clock.pass(61 * SECOND);
        assert_eq!(world.reads(Some("hf_eve"), "org/open").await, "public");
        for name in ["org/secret", "org/absent"] {
            assert_eq!(world.reads(Some("hf_ana"), name).await, "down", "{name}");
            assert!(!world.access.may_list(&caller(Some("hf_ana")), &repo(name)).await);
        }
        assert!(world.access.may_list(&caller(None), &repo("org/open")).await);
        world.restart(false);
    }
    world.asked();
    world.restart(true);
    assert_eq!(world.reads(None, "org/open").await, "public");
    assert_eq!(world.reads(Some("hf_ana"), "org/secret").await, "none");
    assert_eq!(world.reads(None, "org/absent").await, "none", "what has no record is not public");
    assert!(!world.access.may_list(&caller(Some("hf_ana")), &repo("org/secret")).await);
    assert_eq!(world.asked(), 0);
    let record = world.access.cache.store().visibility(&repo("org/absent").model()).unwrap();
    assert_eq!(record, None, "nothing is written about what does not exist");
}

#[tokio::test]
async fn an_accepted_token_also_tells_that_it_is_no_longer_public() {
    let mut world = World::new(&ServerConfig::default());
    let close = |closed| *world.hub.closed.lock().unwrap() = closed;
    close(true);
    assert_eq!(world.reads(Some("hf_ana"), "org/open").await, "token");
    world.clock.pass(61 * SECOND);
    close(false);
    assert_eq!(world.reads(None, "org/open").await, "public");
    world.clock.pass(61 * SECOND);
    close(true);
    // Upstream wants no question without a token for a while.
    world.fail(Some(Retry::After(30 * SECOND)));
    assert_eq!(world.reads(None, "org/open").await, "public");
    world.fail(None);
    assert_eq!(world.reads(Some("hf_ana"), "org/open").await, "token");
    assert_eq!(world.reads(None, "org/open").await, "limited");
    world.fail(Some(Retry::Backoff));
    world.restart(false);
    assert_eq!(world.reads(None, "org/open").await, "down");
}

#[tokio::test]
async fn upstreams_wait_is_honoured() {
    let world = World::new(&ServerConfig::default());
    world.fail(Some(Retry::After(30 * SECOND)));
    for name in ["org/open", "org/secret", "org/absent"] {
        assert_eq!(world.reads(None, name).await, "limited");
    }
    assert_eq!(world.asked(), 1);
    world.fail(None);
    world.clock.pass(29 * SECOND);
    assert_eq!(world.reads(None, "org/open").await, "limited");
    assert_eq!(world.asked(), 0);
    assert_eq!(world.reads(Some("hf_ana"), "org/secret").await, "token", "another token's limit is its own");
    world.clock.pass(SECOND);
    assert_eq!(world.reads(None, "org/open").await, "public");
}

#[tokio::test(start_paused = true)]
async fn strangers_cost_bounded_memory_and_questions() {
    let mut world = World::new(&ServerConfig::default());
    let access = open(&world.folder, &ServerConfig::default(), &world.hub, &world.clock, false);
    world.access = access.with_limits(Limits::new(Some(30)));
    let world = &world;
    world.grant_at(1, Some("hf_ana"), "org/secret").await.unwrap();
    world.grant_at(1, None, "org/open").await.unwrap();
    world.asked();
    let flood = (0..30_000).map(|number| async move {
        let (token, name) = (format!("hf_{number}"), format!("org/r{number}"));
        world.grant_at(1, Some(&token), if number % 2 == 0 { "org/secret" } else { &name }).await
    });
    assert!(futures::future::join_all(flood).await.iter().all(Result::is_err));
    assert!(world.asked() <= 64);
    assert!(world.access.upstream.remembers() < 6 * (16 << 10));
    // Those who were let in before are not held up, nor are others in another place.
    world.clock.pass(60 * SECOND);
    let flood = (0..3000).map(|n| async move { world.grant_at(1, Some(&format!("hf_x{n}")), "org/secret").await });
    futures::future::join_all(flood).await;
    assert!(world.grant_at(1, Some("hf_ana"), "org/secret").await.is_ok());
    assert!(world.grant_at(1, None, "org/open").await.is_ok());
    assert!(matches!(world.grant_at(2, None, "org/new").await, Err(HubError::RepoNotFound)));
}

#[tokio::test(start_paused = true)]
async fn recorded_repository_waits_for_no_turn() {
    let mut world = World::new(&ServerConfig::default());
    world.record("org/open", Visibility::Public);
    let access = open(&world.folder, &ServerConfig::default(), &world.hub, &world.clock, false);
    world.access = access.with_limits(Limits::new(Some(30)));
    let flood = futures::future::join_all((0..100).map(async |n| world.grant_at(1, None, &format!("org/r{n}")).await));
    assert!(flood.await.iter().any(|end| matches!(end, Err(HubError::Limited(_)))));
    let began = tokio::time::Instant::now();
    assert!(world.grant_at(1, None, "org/open").await.is_ok());
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_hanging_upstream_lets_in_by_no_old_grant() {
    let world = World::new(&ServerConfig::default());
    assert_eq!(world.reads(None, "org/open").await, "public");
    assert_eq!(world.reads(Some("hf_ana"), "org/secret").await, "token");
    world.clock.pass(59 * SECOND);
    world.hub.hangs.store(true, Ordering::SeqCst);
    assert_eq!(world.reads(Some("hf_ana"), "org/secret").await, "token", "granted within the last minute");
    world.clock.pass(SECOND);
    world.asked();
    for _ in 0..100 {
        assert_eq!(world.reads(None, "org/open").await, "public");
        assert_eq!(world.reads(Some("hf_eve"), "org/open").await, "public");
    }
    assert_eq!(world.asked(), 1, "one question behind them");
    for token in [None, Some("hf_ana"), Some("hf_eve")] {
        let waits = tokio::time::timeout(3600 * SECOND, world.reads(token, "org/secret")).await;
        assert!(waits.is_err(), "{token:?}: {waits:?}");
    }
}

#[tokio::test]
async fn our_tokens_are_shown_to_nobody() {
    let world = World::new(&ServerConfig { admin_token: Some("sesame".to_owned()), ..ServerConfig::default() });
    let admin = caller(Some("sesame"));
    assert!(world.access.is_admin(&admin) && world.access.is_admin(&Caller { local_admin: true, ..Caller::default() }));
    for not in [None, Some(""), Some("sesam"), Some("sesame!"), Some("SESAME")] {
        assert!(!world.access.is_admin(&caller(not)), "{not:?}");
    }
    assert_eq!(world.reads(Some("sesame"), "org/secret").await, "own");
    assert!(world.access.may_list(&admin, &repo("org/secret")).await);
    assert_eq!(world.reads(Some("mct_one-of-ours"), "org/secret").await, "none");
    assert_eq!(*world.hub.tokens.lock().unwrap(), [None]);
}

#[tokio::test]
async fn users_of_our_own_decide_alone() {
    let user = |token: &str, read: &[&str]| User {
        token_sha256: Token::new(token).sha256(),
        read: read.iter().map(|&glob| glob.to_owned()).collect(),
    };
    let users = BTreeMap::from([
        ("ana".to_owned(), user("mct_ana", &["org/*", "datasets/org/*"])),
        ("ben".to_owned(), user("mct_ben", &["*"])),
    ]);
    let models = BTreeMap::from([("team/bucket".to_owned(), ModelAlias { from: "s3://b/p".to_owned() })]);
    let config = ServerConfig { users, models, anonymous: vec!["pub/*".to_owned()], ..ServerConfig::default() };
    let world = World::new(&config);
    for (token, name, reads) in [
        (Some("mct_ana"), "org/secret", "own"),
        (Some("mct_ana"), "datasets/org/x", "own"),
        (Some("mct_ana"), "datasets/other/x", "none"),
        (Some("mct_ana"), "organ/x", "none"),
        (Some("mct_ana"), "pub/x", "own"),
        (Some("mct_ana"), "team/bucket", "none"),
        (Some("mct_ben"), "team/bucket", "own"),
        (Some("mct_ben"), "datasets/other/x", "own"),
        (Some("hf_ana"), "org/secret", "none"),
        (Some("hf_ana"), "pub/x", "own"),
        (None, "org/open", "none"),
        (None, "pub/x", "own"),
    ] {
        assert_eq!(world.reads(token, name).await, reads, "{token:?} {name}");
        assert_eq!(world.access.may_list(&caller(token), &repo(name)).await, reads == "own", "{token:?} {name}");
    }
    assert_eq!(world.asked(), 0);
    assert_eq!(world.access.user(&caller(Some("mct_ben"))).as_deref(), Some("ben"));
    assert_eq!(world.access.user(&caller(Some("hf_ana"))), None);
    let twins = [("a", "mct_x"), ("b", "mct_x")].map(|(name, token)| (name.to_owned(), user(token, &[])));
    let error = Rules::of(&ServerConfig { users: twins.into(), ..ServerConfig::default() }).unwrap_err();
    assert!(error.message().contains("same token"), "{error:?}");
}

#[tokio::test]
async fn aliases_and_disallowed_repos_do_not_ask_upstream() {
    let models = BTreeMap::from([("team/bucket".to_owned(), ModelAlias { from: "s3://b/p".to_owned() })]);
    let upstream = vec!["org/*".to_owned()];
    let closed =
        World::new(&ServerConfig { models: models.clone(), upstream: upstream.clone(), ..ServerConfig::default() });
    assert_eq!(closed.reads(None, "team/bucket").await, "none", "a bucket is not known to be public");
    assert!(!closed.access.may_list(&caller(None), &repo("team/bucket")).await);
    let anonymous = vec!["team/*".to_owned()];
    let world = World::new(&ServerConfig { models, upstream, anonymous, ..ServerConfig::default() });
    assert_eq!(world.reads(None, "team/bucket").await, "public");
    assert!(world.access.may_list(&caller(None), &repo("team/bucket")).await);
    assert_eq!(world.reads(Some("hf_ana"), "other/x").await, "none");
    assert_eq!(world.asked(), 0);
    assert_eq!(world.reads(None, "org/open").await, "public");
    assert_eq!(world.asked(), 1);
}

#[tokio::test]
async fn offline_opens_what_is_public_or_named() {
    use Visibility::{Gated, Private, Public, Unknown};
    let mut world = World::new(&ServerConfig::default());
    let known = [("org/p", Public), ("org/s", Private), ("org/g", Gated), ("org/u", Unknown)];
    known.iter().for_each(|(name, visibility)| world.record(name, *visibility));
    let store = world.access.cache.store();
    let refused = VisibilityRecord::new(Unknown, Evidence::Refused, store.now());
    store.put_visibility(&repo("org/r").model(), &refused).unwrap();
    let named = |globs: &[&str]| ServerConfig {
        anonymous: globs.iter().map(|&glob| glob.to_owned()).collect(),
        ..ServerConfig::default()
    };
    let assuming = ServerConfig { assume_public: true, ..ServerConfig::default() };
    for (config, open) in [
        (ServerConfig::default(), &["org/p"][..]),
        (named(&["org/s", "org/n"]), &["org/p", "org/s", "org/n"]),
        (named(&["*"]), &["org/p", "org/s", "org/g", "org/u", "org/r", "org/n"]),
        (assuming, &["org/p", "org/u", "org/n"]),
    ] {
        world.restart_with(&config, true);
        for name in ["org/p", "org/s", "org/g", "org/u", "org/r", "org/n"] {
            let expected = if open.contains(&name) { "public" } else { "none" };
            assert_eq!(world.reads(Some("hf_ana"), name).await, expected, "{name} {:?}", config.anonymous);
            assert_eq!(world.access.may_list(&caller(None), &repo(name)).await, expected == "public", "{name}");
        }
    }
    assert_eq!(world.asked(), 0);
}

#[tokio::test]
async fn assume_public_opens_nothing_refused() {
    let mut world = World::new(&ServerConfig::default());
    world.restart_with(&ServerConfig { assume_public: true, ..ServerConfig::default() }, true);
    assert_eq!(world.reads(None, "org/n").await, "public");
    world.access.upstream.withdraw(&repo("org/n"), None).await;
    assert_eq!(world.reads(None, "org/n").await, "none", "nothing is recorded, and this process knows");
}

#[tokio::test]
async fn assume_public_opens_nothing_online() {
    let world = World::new(&ServerConfig { assume_public: true, ..ServerConfig::default() });
    assert_eq!(world.reads(None, "org/secret").await, "none");
    world.clock.pass(Duration::from_secs(24 * 3600));
    world.fail(Some(Retry::Never));
    assert_eq!(world.reads(None, "org/secret").await, "down", "upstream has refused it");
    assert_eq!(world.reads(None, "org/never").await, "down");
    assert!(!world.access.may_list(&caller(None), &repo("org/secret")).await);
}

#[tokio::test]
async fn named_repositories_open_when_upstream_refuses() {
    let anonymous = vec!["org/secret".to_owned()];
    let world = World::new(&ServerConfig { anonymous, ..ServerConfig::default() });
    assert_eq!(world.reads(None, "org/secret").await, "public");
    assert_eq!(world.reads(Some("hf_ana"), "org/secret").await, "token", "upstream is still asked");
    assert_eq!(world.reads(None, "org/other").await, "none");
}

#[tokio::test]
async fn gated_repository_is_hidden_unless_asked() {
    let mut world = World::new(&ServerConfig::default());
    assert_eq!(world.reads(None, "org/gated").await, "none");
    let config = ServerConfig { gated_as_hub: true, ..ServerConfig::default() };
    world.restart_with(&config, false);
    for token in [None, Some("hf_eve"), Some("mct_ours")] {
        assert_eq!(world.reads(token, "org/gated").await, "gated", "{token:?}");
        assert_eq!(world.reads(token, "org/secret").await, "none", "{token:?}");
    }
    assert_eq!(world.reads(Some("hf_ana"), "org/gated").await, "token");
    world.record("org/gated", Visibility::Gated);
    world.restart_with(&config, true);
    assert_eq!(world.reads(None, "org/gated").await, "gated");
    let users = BTreeMap::from([(
        "ben".to_owned(),
        User { token_sha256: Token::new("mct_ben").sha256(), read: vec!["pub/*".to_owned()] },
    )]);
    world.restart_with(&ServerConfig { users, ..config }, true);
    assert_eq!(world.reads(Some("mct_ben"), "org/gated").await, "none", "users decide alone");
}

#[tokio::test]
async fn withdrawn_grant_is_asked_for_again() {
    let world = World::new(&ServerConfig::default());
    let model = repo("org/open").model();
    for (token, name, read) in [(None, "org/open", "public"), (Some("hf_ana"), "org/secret", "token")] {
        assert_eq!(world.reads(token, name).await, read);
        let grant = world.access.grant(&caller(token), &repo(name)).await.unwrap();
        let refusal = HubError::Unavailable(Error::new(ErrorKind::Unauthorized, "no longer"));
        let answer = world.access.withdraw(&caller(token), &repo(name), &grant, refusal).await;
        assert!(matches!(answer, HubError::RepoNotFound), "{answer:?}");
        assert!(!world.access.may_list(&caller(token), &repo(name)).await);
        world.clock.pass(SECOND);
        assert_eq!(world.reads(token, name).await, "none", "{name}");
    }
    assert!(!world.access.cache.visibility(&model).is_public());
    world.clock.pass(10 * SECOND);
    assert_eq!(world.reads(None, "org/open").await, "public");
    assert!(world.access.cache.visibility(&model).is_public());
}
