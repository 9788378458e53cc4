//! Random tokens, repositories, operations, passing time, changes upstream and failures of it, fetches by command,
//! restarts offline, with users and after they are taken away, judged by an oracle that knows the truth and nothing of
//! how permission is remembered.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use cache_lib::{Error, ErrorKind, Evidence, Retry, Visibility, VisibilityRecord};

use super::*;
use crate::clock::TestClock;
use crate::config::User;

const CASES: usize = 10_000;
const SECOND: Duration = Duration::from_secs(1);
const REFRESH: Duration = Duration::from_secs(60);
const GRANT: Duration = Duration::from_secs(60);
const NEGATIVE: Duration = Duration::from_secs(10);
const TOKENS: [&str; 3] = ["hf_ana", "hf_ben", "hf_eve"];
/// A user of the server, with the repositories it may read.
const USER: &str = "mct_user";
const READABLE: [&str; 2] = ["org/a", "org/never"];
/// Open by the configuration.
const NAMED: &str = "org/named";
const REPOS: [&str; 6] = ["org/a", "org/b", "org/c", "org/d", "org/never", NAMED];

type Pair = (String, Option<String>);

#[derive(Debug, Clone, PartialEq)]
enum State {
    Absent,
    Public,
    /// For these tokens.
    Restricted(HashSet<&'static str>),
}

impl State {
    fn admits(&self, token: Option<&str>) -> bool {
        match self {
            Self::Absent => false,
            Self::Public => true,
            Self::Restricted(tokens) => token.is_some_and(|token| tokens.contains(token)),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Mood {
    Up,
    Down,
    Limiting,
}

/// How the server runs.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Mode {
    Online,
    /// What has no record assumed to be public, or not.
    Offline(bool),
    /// With a user, offline or not.
    Users(bool),
}

/// Upstream, and what it has said.
#[derive(Debug)]
struct Hub(Mutex<Truth>, TestClock);

#[derive(Debug)]
struct Truth {
    mood: Mood,
    /// What each repository was, and since when.
    history: HashMap<String, Vec<(Instant, State)>>,
    /// The last word on whether everyone may read it that this process has heard.
    public: HashMap<String, bool>,
    /// The last one that any process has heard.
    recorded: HashMap<String, bool>,
    /// What has a record of whatever kind.
    has_record: HashSet<String>,
    refused: HashMap<Pair, Instant>,
    accepted: HashMap<Pair, Instant>,
    /// Until when a failure may be answered from memory.
    shaky: Instant,
    asked: usize,
}

impl Truth {
    fn state(&self, repo: &str) -> &State {
        &self.history[repo].last().unwrap().1
    }

    /// Whether it counts as public while upstream is unreachable: anything that closes it decides.
    fn is_known_public(&self, repo: &str) -> bool {
        self.recorded.get(repo) == Some(&true) && self.public.get(repo) != Some(&false)
    }

    fn hear(&mut self, repo: &str, public: bool) {
        self.public.insert(repo.to_owned(), public);
        self.recorded.insert(repo.to_owned(), public);
        if public {
            // What was never public gets no record.
            self.has_record.insert(repo.to_owned());
        }
    }

    /// Whether it is open offline.
    fn is_open(&self, repo: &str, assumed: bool) -> bool {
        self.is_known_public(repo) || repo == NAMED || (assumed && !self.has_record.contains(repo))
    }

    /// Whether the state fitted at some time (`any`) or all the time since.
    fn since(&self, repo: &str, since: Instant, any: bool, fits: impl Fn(&State) -> bool) -> bool {
        let history = &self.history[repo];
        let mut spans = (0..history.len()).filter(|&at| history.get(at + 1).is_none_or(|next| next.0 > since));
        if any { spans.any(|at| fits(&history[at].1)) } else { spans.all(|at| fits(&history[at].1)) }
    }
}

#[async_trait]
impl Permissions for Hub {
    async fn ask(&self, repo: &Repo, token: Option<&Token>) -> Result<RepoAccess> {
        tokio::task::yield_now().await;
        let now = self.1.now();
        let truth = &mut *self.0.lock().unwrap();
        truth.asked += 1;
        let error = Error::new(ErrorKind::Network, format!("no answer about {repo}"));
        match truth.mood {
            Mood::Up => {}
            Mood::Down => {
                truth.shaky = truth.shaky.max(now + SECOND);
                return Err(error);
            }
            Mood::Limiting => {
                truth.shaky = truth.shaky.max(now + 20 * SECOND);
                return Err(error.with_retry(Retry::After(20 * SECOND)).with_rate_limited());
            }
        }
        let name = repo.to_string();
        let token = token.map(|token| token.expose().to_owned());
        let pair = (name.clone(), token.clone());
        let standing = match truth.state(&name) {
            State::Public => RepoAccess::Public,
            state if state.admits(token.as_deref()) => RepoAccess::Accepted,
            _ => RepoAccess::Refused,
        };
        truth.accepted.remove(&pair);
        match standing {
            RepoAccess::Public => {
                truth.refused.remove(&(name.clone(), None));
                truth.hear(&name, true);
            }
            RepoAccess::Accepted => {
                truth.hear(&name, false);
                truth.refused.remove(&pair);
                truth.accepted.insert(pair, now);
            }
            RepoAccess::Refused | RepoAccess::Gated => {
                if token.is_none() {
                    truth.hear(&name, false);
                }
                truth.refused.insert(pair, now);
            }
        }
        Ok(standing)
    }
}

/// A generator of numbers with a fixed seed (splitmix64).
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % u64::try_from(most).unwrap()).unwrap()
    }

    pub(super) fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}

fn repo(name: &str) -> Repo {
    Repo::of(&cache_lib::ModelId::hub(name).unwrap()).unwrap()
}

fn caller(token: Option<&str>) -> Caller {
    Caller { token: token.map(Token::new), ..Caller::default() }
}

fn open(folder: &std::path::Path, hub: &Arc<Hub>, mode: Mode) -> Access {
    let offline = matches!(mode, Mode::Offline(_) | Mode::Users(true));
    let cache = Cache::builder().root(folder).offline(offline).build().unwrap();
    let mut config = ServerConfig { refresh: REFRESH, grant: GRANT, negative: NEGATIVE, ..ServerConfig::default() };
    config.anonymous = vec![NAMED.to_owned()];
    config.assume_public = mode == Mode::Offline(true);
    if let Mode::Users(_) = mode {
        let read = READABLE.map(str::to_owned).to_vec();
        config.users.insert("user".to_owned(), User { token_sha256: Token::new(USER).sha256(), read });
    }
    Access::with_clock(&config, cache, Arc::clone(hub) as _, hub.1.clock()).unwrap()
}

/// What a get by the command leaves in the store, as `cache-lib` does.
fn get(cache: &Cache, hub: &Hub, name: &str, token: Option<&str>) {
    let truth = &mut *hub.0.lock().unwrap();
    if truth.mood != Mood::Up {
        return;
    }
    let (store, model) = (cache.store(), repo(name).model());
    let (word, evidence) = match truth.state(name) {
        State::Public => (Visibility::Public, Evidence::Anonymous),
        state if state.admits(token) => (Visibility::Private, Evidence::Token),
        _ => (Visibility::Unknown, Evidence::Refused),
    };
    if word != Visibility::Unknown || cache.visibility(&model).is_public() {
        store.put_visibility(&model, &VisibilityRecord::new(word, evidence, store.now())).unwrap();
        truth.has_record.insert(name.to_owned());
    }
    truth.recorded.insert(name.to_owned(), word.is_public());
}

#[derive(Debug, Default)]
struct Counts {
    served: usize,
    refused: usize,
    listed: usize,
    offline_served: usize,
    offline_refused: usize,
    user_served: usize,
}

#[tokio::test]
async fn nobody_reads_or_sees_what_upstream_would_not_show() {
    let folder = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let start = clock.now();
    let history = REPOS.map(|name| (name.to_owned(), vec![(start, State::Absent)]));
    let hub = Arc::new(Hub(
        Mutex::new(Truth {
            mood: Mood::Up,
            history: history.into(),
            public: HashMap::new(),
            recorded: HashMap::new(),
            has_record: HashSet::new(),
            refused: HashMap::new(),
            accepted: HashMap::new(),
            shaky: start,
            asked: 0,
        }),
        clock.clone(),
    ));
    let mut mode = Mode::Online;
    let mut access = open(folder.path(), &hub, mode);
    let mut dice = Dice(4);
    let mut counts = Counts::default();
    let (mut case, mut withdrawn) = (0, 0);
    while case < CASES {
        let name = dice.one(&REPOS);
        let token = dice.one(&[None, Some(TOKENS[0]), Some(TOKENS[1]), Some(TOKENS[2]), Some(USER)]);
        match dice.below(100) {
            0..60 => {
                case += 1;
                let asked = hub.0.lock().unwrap().asked;
                let granted = access.grant(&caller(token), &repo(name)).await;
                let truth = hub.0.lock().unwrap();
                if mode == Mode::Online {
                    let served = judge(&truth, clock.now(), name, token.filter(|token| *token != USER), &granted);
                    counts.served += usize::from(served);
                    counts.refused += usize::from(!served);
                } else {
                    judge_alone(&truth, mode, name, token, &granted, &mut counts);
                    assert_eq!(truth.asked, asked, "nobody is asked in {mode:?}");
                }
            }
            60..80 => {
                case += 1;
                let expected = {
                    let truth = hub.0.lock().unwrap();
                    let pair = (name.to_owned(), token.map(str::to_owned));
                    let accepted = truth.accepted.get(&pair).is_some_and(|at| clock.now() - *at < GRANT);
                    match mode {
                        Mode::Online => truth.is_open(name, false) || accepted,
                        Mode::Offline(assumed) => truth.is_open(name, assumed),
                        Mode::Users(_) => name == NAMED || (token == Some(USER) && READABLE.contains(&name)),
                    }
                };
                let shown = access.may_list(&caller(token), &repo(name)).await;
                assert_eq!(shown, expected, "listing of {name} for {token:?} in {mode:?}");
                counts.listed += usize::from(expected);
            }
            80..86 => clock.pass(SECOND * dice.one(&[0, 1, 5, 9, 11, 30, 59, 61])),
            86..91 if name != "org/never" => {
                let state = match dice.below(4) {
                    0 => State::Absent,
                    1 => State::Public,
                    _ => State::Restricted(TOKENS.into_iter().filter(|_| dice.below(2) == 0).collect()),
                };
                hub.0.lock().unwrap().history.get_mut(name).unwrap().push((clock.now(), state));
            }
            91..94 => hub.0.lock().unwrap().mood = dice.one(&[Mood::Up, Mood::Up, Mood::Down, Mood::Limiting]),
            94..97 => {
                get(&access.cache, &hub, name, token.filter(|token| *token != USER));
                // What another process records counts within a second.
                clock.pass(SECOND);
            }
            97 => {
                let modes = [Mode::Offline(false), Mode::Offline(true), Mode::Users(false), Mode::Users(true)];
                mode = if dice.below(2) == 0 { Mode::Online } else { dice.one(&modes) };
                access = open(folder.path(), &hub, mode);
                let mut truth = hub.0.lock().unwrap();
                truth.refused.clear();
                truth.accepted.clear();
                truth.public.clear();
            }
            // Upstream no longer honors what it has granted.
            _ if mode == Mode::Online && name != NAMED => {
                let Ok(grant) = access.grant(&caller(token), &repo(name)).await else { continue };
                {
                    let truth = &mut *hub.0.lock().unwrap();
                    truth.history.get_mut(name).unwrap().push((clock.now(), State::Absent));
                    let sent = grant.token.as_ref().map(|token| token.expose().to_owned());
                    truth.recorded.insert(name.to_owned(), false);
                    if sent.is_none() {
                        truth.public.insert(name.to_owned(), false);
                    }
                    let pair = (name.to_owned(), sent);
                    truth.accepted.remove(&pair);
                    truth.refused.insert(pair, clock.now());
                    withdrawn += 1;
                }
                let refusal = access.withdraw(&caller(token), &repo(name), &grant, HubError::RepoNotFound).await;
                assert!(matches!(refusal, HubError::RepoNotFound), "{refusal:?}");
            }
            _ => {}
        }
    }
    assert!(withdrawn > 5, "{withdrawn}");
    // None is a judge who has seen nothing.
    let Counts { served, refused, listed, offline_served, offline_refused, user_served } = counts;
    assert!(served > 300 && refused > 800 && listed > 300, "{counts:?}");
    assert!(offline_served > 100 && offline_refused > 300 && user_served > 50, "{counts:?}");
    let asked = hub.0.lock().unwrap().asked;
    assert!(asked < served + refused, "{asked} questions for {served} + {refused} answers");
}

/// That what is decided here alone is rightly served or refused, in the words of what does not exist.
fn judge_alone(
    truth: &Truth,
    mode: Mode,
    name: &str,
    token: Option<&str>,
    granted: &Result<Grant, HubError>,
    counts: &mut Counts,
) {
    let case = format!("{name} for {token:?} in {mode:?}: {granted:?}");
    let (expected, own) = match mode {
        Mode::Users(_) => (name == NAMED || (token == Some(USER) && READABLE.contains(&name)), true),
        _ => (truth.is_open(name, mode == Mode::Offline(true)), false),
    };
    match granted {
        Ok(grant) => assert!(expected && grant.own == own && grant.token.is_none(), "{case}"),
        Err(HubError::RepoNotFound) => assert!(!expected, "{case}"),
        Err(_) => panic!("{case}"),
    }
    match mode {
        Mode::Users(_) => counts.user_served += usize::from(expected),
        _ if expected => counts.offline_served += 1,
        _ => counts.offline_refused += 1,
    }
}

/// Whether it was rightly served; fails the test if it was wrongly served or refused, or refused in other words than a
/// repository that does not exist and was asked for at the same times.
fn judge(truth: &Truth, now: Instant, name: &str, token: Option<&str>, granted: &Result<Grant, HubError>) -> bool {
    let case = format!("{name} for {token:?}: {granted:?}, {:?} in {:?}", truth.state(name), truth.mood);
    let answers = truth.mood == Mood::Up && now >= truth.shaky;
    let ago = |age: Duration| now.checked_sub(age).unwrap();
    match granted {
        Ok(grant) if name == NAMED && grant.token.is_none() => !grant.own,
        Ok(grant) => {
            assert!(!grant.own, "{case}");
            let lately_public = truth.since(name, ago(REFRESH), true, |state| *state == State::Public);
            let kept = !answers && truth.is_known_public(name);
            match &grant.token {
                None => assert!(lately_public || kept, "{case}"),
                Some(sent) => {
                    assert_eq!(Some(sent.expose()), token, "{case}");
                    let lately = truth.since(name, ago(GRANT), true, |state| state.admits(token));
                    assert!(lately, "{case}");
                }
            }
            true
        }
        Err(_) if name == NAMED => panic!("{case}"),
        Err(refusal) => {
            let admitted = |state: &State| state.admits(token);
            assert!(!(answers && truth.since(name, ago(NEGATIVE), false, admitted)), "{case}");
            let said = |token: Option<&str>| {
                let at = truth.refused.get(&(name.to_owned(), token.map(str::to_owned)));
                at.is_some_and(|at| now - *at < NEGATIVE)
            };
            match (refusal, said(None) && said(token)) {
                (HubError::RepoNotFound, said) => assert!(said, "{case}"),
                (HubError::Limited(_), false) => assert!(!answers, "{case}"),
                (HubError::Unavailable(error), false) => {
                    assert!(!answers && !error.to_string().contains(name), "{case}");
                }
                _ => panic!("{case}"),
            }
            false
        }
    }
}
