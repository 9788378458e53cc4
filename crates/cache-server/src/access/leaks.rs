//! Random requests through all of the server, in front of a Hub and offline, and fetches by command: what is refused is,
//! to the byte, what a repository that does not exist is answered with.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use axum::body::Body;
use cache_testkit as hub;
use http::{HeaderMap, Method, StatusCode};
use tower::ServiceExt as _;

use super::*;
use crate::app::App;
use crate::clock::TestClock;

const CASES: usize = 10_000;
const WINDOW: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);
/// The last is private whatever happens.
const REPOS: [&str; 4] = ["org/aaaa", GATED, "org/cccc", "org/dddd"];
/// Gated where others are private.
const GATED: &str = "org/bbbb";
/// Does not exist.
const ABSENT: &str = "org/none";
const TOKENS: [&str; 3] = ["hf_ana", "hf_ben", "hf_eve"];

/// Operations; of the repository, its commit.
const OPERATIONS: [(&str, &str); 16] = [
    ("GET", "/{repo}/resolve/main/config.json"),
    ("HEAD", "/{repo}/resolve/main/config.json"),
    ("GET", "/{repo}/resolve/{commit}/config.json"),
    ("HEAD", "/{repo}/resolve/{commit}/weights.bin"),
    ("GET", "/{repo}/resolve/{commit}/weights.bin"),
    ("GET", "/{repo}/resolve/main/absent.json"),
    ("GET", "/api/models/{repo}"),
    ("GET", "/api/models/{repo}/revision/main"),
    ("GET", "/api/models/{repo}/revision/{commit}?blobs=true"),
    ("GET", "/api/models/{repo}/tree/{commit}?recursive=true&expand=false"),
    ("GET", "/api/models/{repo}/tree/main"),
    ("POST", "/api/models/{repo}/paths-info/{commit}"),
    ("GET", "/api/models/{repo}/refs"),
    ("GET", "/api/models/{repo}/commits/main"),
    ("GET", "/api/models/{repo}/auth-check"),
    ("GET", "/api/models/{repo}/xet-read-token/{commit}"),
];

/// Who may read: everyone (`None`) or these tokens.
type Readers = Option<Vec<&'static str>>;
type Answer = (StatusCode, HeaderMap, Vec<u8>);

struct World {
    app: Arc<App>,
    hub: hub::Hub,
    clock: TestClock,
    commits: HashMap<&'static str, String>,
    /// Who might read since when.
    history: HashMap<&'static str, Vec<(Instant, Readers)>>,
    offline: bool,
    folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let (folder, clock) = (tempfile::tempdir().unwrap(), TestClock::new());
        let hub = hub::Hub::spawn(hub::HubConfig::default()).unwrap();
        TOKENS.iter().for_each(|token| hub.add_user(token, token));
        let mut commits = HashMap::new();
        for name in REPOS {
            let files = hub::Files::new().with("config.json", name).with_large("weights.bin", name.repeat(1000));
            commits.insert(name, hub.add_model(name, files).to_string());
        }
        let app = open(folder.path(), &hub, &clock, false);
        let mut world = Self { app, hub, clock, commits, history: HashMap::new(), offline: false, folder };
        REPOS.iter().for_each(|name| world.set(name, Some(vec![TOKENS[0]])));
        world
    }

    fn set(&mut self, name: &'static str, readers: Readers) {
        let access = match &readers {
            None => hub::Access::Public,
            Some(tokens) if name == GATED => hub::Access::gated(tokens.iter().copied()),
            Some(tokens) => hub::Access::private(tokens.iter().copied()),
        };
        self.hub.set_access(name, access);
        self.history.entry(name).or_default().push((self.clock.now(), readers));
    }

    fn restart(&mut self, offline: bool) {
        self.offline = offline;
        self.app = open(self.folder.path(), &self.hub, &self.clock, offline);
    }

    /// As the command does, in a process of its own.
    async fn get(&self, name: &str, token: Option<&str>) {
        let cache = Cache::builder().root(self.folder.path()).endpoint(self.hub.url()).offline(false).retries(0);
        let cache = cache.build().unwrap().with_hub_token(token).unwrap();
        drop(cache.get(name).await);
        // What another process records counts within a second.
        self.clock.pass(SECOND);
    }

    /// Whether everyone could read it at some time.
    fn once_public(&self, name: &str) -> bool {
        self.history[name].iter().any(|(_, readers)| readers.is_none())
    }

    /// Whether the token could read it at some time of the last minute.
    fn lately(&self, name: &str, token: Option<&str>) -> bool {
        let since = self.clock.now().checked_sub(WINDOW).unwrap();
        let history = &self.history[name];
        (0..history.len()).filter(|&at| history.get(at + 1).is_none_or(|next| next.0 > since)).any(|at| {
            let readers = &history[at].1;
            readers.as_ref().is_none_or(|readers| token.is_some_and(|token| readers.contains(&token)))
        })
    }

    async fn send(&self, method: &str, path: &str, token: Option<&str>) -> Answer {
        let mut request = http::Request::builder().method(method).uri(path).header("host", "localhost");
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let body = if request.method_ref() == Some(&Method::POST) {
            request = request.header("content-type", "application/x-www-form-urlencoded");
            Body::from("paths=config.json&expand=true")
        } else {
            Body::empty()
        };
        let response = crate::router::router(&self.app).oneshot(request.body(body).unwrap()).await.unwrap();
        let (mut parts, body) = response.into_parts();
        parts.headers.remove("date");
        let body = axum::body::to_bytes(body, 1 << 24).await.unwrap();
        (parts.status, parts.headers, body.to_vec())
    }

    async fn ask(&self, operation: (&str, &str), name: &str, commit: &str, token: Option<&str>) -> Answer {
        let path = operation.1.replace("{repo}", name).replace("{commit}", commit);
        self.send(operation.0, &path, token).await
    }
}

fn open(folder: &std::path::Path, hub: &hub::Hub, clock: &TestClock, offline: bool) -> Arc<App> {
    let cache = Cache::builder().root(folder).endpoint(hub.url()).offline(offline).build().unwrap();
    let config = ServerConfig { rate: None, ..ServerConfig::default() };
    let mut app = Arc::into_inner(App::new(cache.clone(), config.clone()).unwrap()).unwrap();
    app.access = Access::with_clock(&config, cache, Arc::clone(&app.catalog) as _, clock.clock()).unwrap();
    Arc::new(app)
}

#[tokio::test]
async fn what_is_refused_does_not_exist() {
    let mut world = World::new();
    let mut dice = super::oracle::Dice(4);
    let (mut served, mut refused, mut listed, mut offline) = (0, 0, 0, 0);
    for _ in 0..CASES {
        let name = dice.one(&REPOS);
        let token = dice.one(&[None, Some(TOKENS[0]), Some(TOKENS[1]), Some(TOKENS[2])]);
        match dice.below(100) {
            0..75 => {
                let operation = dice.one(&OPERATIONS);
                let commit = &world.commits[name];
                let answer = world.ask(operation, name, commit, token).await;
                let absent = world.ask(operation, ABSENT, commit, token).await;
                if answer == absent {
                    refused += 1;
                } else {
                    served += 1;
                    let case = format!("{operation:?} of {name} for {token:?}: {answer:?}");
                    // Without upstream's word what was public when it last said so is served.
                    let kept = world.offline && world.once_public(name);
                    assert!(kept || world.lately(name, token), "{case} and not {absent:?}");
                    offline += usize::from(world.offline);
                }
            }
            75..83 => {
                let (_, _, body) = world.send("GET", "/api/models?full=true", token).await;
                let body = String::from_utf8(body).unwrap();
                for name in REPOS.into_iter().filter(|name| body.contains(name)) {
                    listed += 1;
                    // What was public when upstream last said so may be shown.
                    assert!(world.once_public(name) || world.lately(name, token), "{name} is shown to {token:?}");
                }
            }
            83..90 => world.clock.pass(SECOND * dice.one(&[1, 9, 11, 30, 59, 61])),
            90 => {
                let offline = dice.below(3) == 0;
                world.restart(offline);
            }
            91 => world.get(name, token).await,
            _ => {
                let tokens = TOKENS.into_iter().filter(|_| dice.below(2) == 0).collect();
                let public = dice.below(3) == 0 && name != REPOS[3];
                world.set(name, (!public).then_some(tokens));
            }
        }
    }
    assert!(served > 300 && refused > 300 && listed > 50, "{served} {refused} {listed}");
    assert!(offline > 30, "{offline}");
}
