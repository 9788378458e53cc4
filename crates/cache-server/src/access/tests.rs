use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cache_lib::{Error, ErrorKind, ModelId, RepoKind, RepoName, Retry};

use super::*;
use crate::clock::TestClock;
use crate::config::{ModelAlias, User};

const SECOND: Duration = Duration::from_secs(1);

/// An upstream with one public repository, `org/open`, and one, `org/secret`, for `hf_ana`.
#[derive(Debug, Default)]
struct Hub {
    asked: AtomicUsize,
    tokens: Mutex<Vec<Option<String>>>,
    fails: Mutex<Option<Retry>>,
    closed: Mutex<bool>,
}

#[async_trait]
impl Permissions for Hub {
    async fn ask(&self, repo: &Repo, token: Option<&Token>) -> Result<Standing> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.tokens.lock().unwrap().push(token.map(|token| token.expose().to_owned()));
        tokio::task::yield_now().await;
        if let Some(retry) = *self.fails.lock().unwrap() {
            return Err(Error::new(ErrorKind::Network, "no answer").with_retry(retry));
        }
        Ok(match (repo.to_string().as_str(), token.map(Token::expose)) {
            ("org/open", _) if !*self.closed.lock().unwrap() => Standing::Public,
            ("org/open" | "org/secret", Some("hf_ana")) => Standing::Accepted,
            _ => Standing::Refused,
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
        self.access = open(&self.folder, &ServerConfig::default(), &self.hub, &self.clock, offline);
    }

    async fn reads(&self, token: Option<&str>, name: &str) -> &'static str {
        match self.access.grant(&caller(token), &repo(name)).await {
            Ok(Grant { own: true, token: None }) => "own",
            Ok(Grant { own: false, token: None }) => "public",
            Ok(Grant { own: false, token: Some(sent) }) if Some(sent.expose()) == token => "token",
            Ok(_) => "nonsense",
            Err(Refusal::RepoNotFound) => "none",
            Err(Refusal::Unavailable(_)) => "down",
            Err(Refusal::Limited(_)) => "limited",
            Err(_) => "other",
        }
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
    Caller { token: token.map(Token::new), local_admin: false }
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
    assert!(!world.access.may_list(&caller(None), &repo("org/open")));
    world.fail(Some(Retry::Backoff));
    world.clock.pass(60 * SECOND);
    assert_eq!(world.reads(None, "org/open").await, "down");
}

#[tokio::test]
async fn while_upstream_is_down_the_public_is_served_also_after_a_restart() {
    let mut world = World::new(&ServerConfig::default());
    assert_eq!(world.reads(None, "org/open").await, "public");
    assert_eq!(world.reads(Some("hf_ana"), "org/secret").await, "token");
    world.fail(Some(Retry::Backoff));
    for _ in 0..2 {
        world.clock.pass(61 * SECOND);
        assert_eq!(world.reads(Some("hf_eve"), "org/open").await, "public");
        for name in ["org/secret", "org/absent"] {
            assert_eq!(world.reads(Some("hf_ana"), name).await, "down", "{name}");
            assert!(!world.access.may_list(&caller(Some("hf_ana")), &repo(name)));
        }
        assert!(world.access.may_list(&caller(None), &repo("org/open")));
        world.restart(false);
    }
    world.asked();
    world.restart(true);
    assert_eq!(world.reads(None, "org/open").await, "public");
    assert_eq!(world.reads(Some("hf_ana"), "org/secret").await, "none");
    assert_eq!(world.reads(None, "org/absent").await, "public", "the store says whether it is there");
    assert!(!world.access.may_list(&caller(Some("hf_ana")), &repo("org/secret")));
    assert_eq!(world.asked(), 0);
    let record = super::record::read(world.access.cache.store(), &repo("org/absent"));
    assert_eq!(record, None, "nothing is written about what does not exist");
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

#[tokio::test]
async fn strangers_cost_bounded_memory_and_questions() {
    let world = World::new(&ServerConfig::default());
    assert_eq!(world.reads(Some("hf_ana"), "org/secret").await, "token");
    assert_eq!(world.reads(None, "org/open").await, "public");
    world.asked();
    for number in 0..30_000 {
        let (token, name) = (format!("hf_{number}"), format!("org/r{number}"));
        let name = if number % 2 == 0 { "org/secret" } else { &name };
        assert_ne!(world.reads(Some(&token), name).await, "token");
    }
    assert!(world.asked() <= 256);
    assert!(world.access.upstream.remembers() < 6 * (16 << 10));
    // Those who were let in before are not held up, the others all alike.
    world.clock.pass(60 * SECOND);
    for number in 0..3000 {
        world.reads(Some(&format!("hf_x{number}")), "org/secret").await;
    }
    assert_eq!(world.reads(Some("hf_ana"), "org/secret").await, "token");
    assert_eq!(world.reads(None, "org/open").await, "public");
    world.clock.pass(0 * SECOND);
    assert_eq!(world.reads(None, "org/new").await, "limited");
}

#[tokio::test]
async fn our_tokens_are_shown_to_nobody() {
    let world = World::new(&ServerConfig { admin_token: Some("sesame".to_owned()), ..ServerConfig::default() });
    let admin = caller(Some("sesame"));
    assert!(world.access.is_admin(&admin) && world.access.is_admin(&Caller { token: None, local_admin: true }));
    for not in [None, Some(""), Some("sesam"), Some("sesame!"), Some("SESAME")] {
        assert!(!world.access.is_admin(&caller(not)), "{not:?}");
    }
    assert_eq!(world.reads(Some("sesame"), "org/secret").await, "own");
    assert!(world.access.may_list(&admin, &repo("org/secret")));
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
        assert_eq!(world.access.may_list(&caller(token), &repo(name)), reads == "own", "{token:?} {name}");
    }
    assert_eq!(world.asked(), 0);
    assert_eq!(world.access.user(&caller(Some("mct_ben"))).as_deref(), Some("ben"));
    assert_eq!(world.access.user(&caller(Some("hf_ana"))), None);
    let twins = [("a", "mct_x"), ("b", "mct_x")].map(|(name, token)| (name.to_owned(), user(token, &[])));
    let error = Rules::of(&ServerConfig { users: twins.into(), ..ServerConfig::default() }).unwrap_err();
    assert!(error.message().contains("same token"), "{error:?}");
}

#[tokio::test]
async fn what_is_configured_needs_no_upstream_and_what_is_not_allowed_is_not_asked() {
    let models = BTreeMap::from([("team/bucket".to_owned(), ModelAlias { from: "s3://b/p".to_owned() })]);
    let world = World::new(&ServerConfig { models, upstream: vec!["org/*".to_owned()], ..ServerConfig::default() });
    assert_eq!(world.reads(None, "team/bucket").await, "public");
    assert!(world.access.may_list(&caller(None), &repo("team/bucket")));
    assert_eq!(world.reads(Some("hf_ana"), "other/x").await, "none");
    assert_eq!(world.asked(), 0);
    assert_eq!(world.reads(None, "org/open").await, "public");
    assert_eq!(world.asked(), 1);
}
