//! Random tokens, repositories, operations, passing time, changes upstream and failures of it, judged by an oracle that
//! knows the truth and nothing of how permission is remembered.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use cache_lib::{Error, ErrorKind, Retry};

use super::*;
use crate::clock::TestClock;

const CASES: usize = 10_000;
const SECOND: Duration = Duration::from_secs(1);
const REFRESH: Duration = Duration::from_secs(60);
const GRANT: Duration = Duration::from_secs(60);
const NEGATIVE: Duration = Duration::from_secs(10);
const TOKENS: [&str; 3] = ["hf_ana", "hf_ben", "hf_eve"];
const REPOS: [&str; 5] = ["org/a", "org/b", "org/c", "org/d", "org/never"];

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

/// Upstream, and what it has said.
#[derive(Debug)]
struct Hub(Mutex<Truth>, TestClock);

#[derive(Debug)]
struct Truth {
    mood: Mood,
    /// What each repository was, and since when.
    history: HashMap<String, Vec<(Instant, State)>>,
    /// The last word on whether everyone may read it.
    public: HashMap<String, bool>,
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

    /// Whether the state fitted at some time (`any`) or all the time since.
    fn since(&self, repo: &str, since: Instant, any: bool, fits: impl Fn(&State) -> bool) -> bool {
        let history = &self.history[repo];
        let mut spans = (0..history.len()).filter(|&at| history.get(at + 1).is_none_or(|next| next.0 > since));
        if any { spans.any(|at| fits(&history[at].1)) } else { spans.all(|at| fits(&history[at].1)) }
    }
}

#[async_trait]
impl Permissions for Hub {
    async fn ask(&self, repo: &Repo, token: Option<&Token>) -> Result<Standing> {
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
                return Err(error.with_retry(Retry::After(20 * SECOND)));
            }
        }
        let name = repo.to_string();
        let token = token.map(|token| token.expose().to_owned());
        let pair = (name.clone(), token.clone());
        let standing = match truth.state(&name) {
            State::Public => Standing::Public,
            state if state.admits(token.as_deref()) => Standing::Accepted,
            _ => Standing::Refused,
        };
        truth.accepted.remove(&pair);
        match standing {
            Standing::Public => {
                truth.refused.remove(&(name.clone(), None));
                truth.public.insert(name, true);
            }
            Standing::Accepted => {
                truth.public.insert(name, false);
                truth.refused.remove(&pair);
                truth.accepted.insert(pair, now);
            }
            Standing::Refused => {
                if token.is_none() {
                    truth.public.insert(name, false);
                }
                truth.refused.insert(pair, now);
            }
        }
        Ok(standing)
    }
}

/// A generator of numbers with a fixed seed (splitmix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % u64::try_from(most).unwrap()).unwrap()
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}

fn repo(name: &str) -> Repo {
    Repo::of(&cache_lib::ModelId::hub(name).unwrap()).unwrap()
}

fn caller(token: Option<&str>) -> Caller {
    Caller { token: token.map(Token::new), local_admin: false }
}

fn open(folder: &std::path::Path, hub: &Arc<Hub>) -> Access {
    let cache = Cache::builder().root(folder).offline(false).build().unwrap();
    let config = ServerConfig { refresh: REFRESH, grant: GRANT, negative: NEGATIVE, ..ServerConfig::default() };
    Access::with_clock(&config, cache, Arc::clone(hub) as _, hub.1.clock()).unwrap()
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
            refused: HashMap::new(),
            accepted: HashMap::new(),
            shaky: start,
            asked: 0,
        }),
        clock.clone(),
    ));
    let mut access = open(folder.path(), &hub);
    let mut dice = Dice(4);
    let (mut served, mut refused, mut listed) = (0, 0, 0);
    let mut case = 0;
    while case < CASES {
        let name = dice.one(&REPOS);
        let token = dice.one(&[None, Some(TOKENS[0]), Some(TOKENS[1]), Some(TOKENS[2])]);
        match dice.below(100) {
            0..60 => {
                case += 1;
                let granted = access.grant(&caller(token), &repo(name)).await;
                let now = clock.now();
                if judge(&hub.0.lock().unwrap(), now, name, token, &granted) { served += 1 } else { refused += 1 }
            }
            60..80 => {
                case += 1;
                let truth = hub.0.lock().unwrap();
                let pair = (name.to_owned(), token.map(str::to_owned));
                let accepted = truth.accepted.get(&pair).is_some_and(|at| clock.now() - *at < GRANT);
                let expected = truth.public.get(name) == Some(&true) || accepted;
                assert_eq!(access.may_list(&caller(token), &repo(name)), expected, "listing of {name} for {token:?}");
                listed += usize::from(expected);
            }
            80..88 => clock.pass(SECOND * dice.one(&[0, 1, 5, 9, 11, 30, 59, 61])),
            88..94 if name != "org/never" => {
                let state = match dice.below(4) {
                    0 => State::Absent,
                    1 => State::Public,
                    _ => State::Restricted(TOKENS.into_iter().filter(|_| dice.below(2) == 0).collect()),
                };
                hub.0.lock().unwrap().history.get_mut(name).unwrap().push((clock.now(), state));
            }
            94..98 => hub.0.lock().unwrap().mood = dice.one(&[Mood::Up, Mood::Up, Mood::Down, Mood::Limiting]),
            98 if dice.below(4) == 0 => {
                access = open(folder.path(), &hub);
                let mut truth = hub.0.lock().unwrap();
                truth.refused.clear();
                truth.accepted.clear();
            }
            _ => {}
        }
    }
    // Neither is a judge who has seen nothing.
    assert!(served > 1000 && refused > 1000 && listed > 300, "{served} {refused} {listed}");
    let asked = hub.0.lock().unwrap().asked;
    assert!(asked < served + refused, "{asked} questions for {served} + {refused} answers");
}

/// Whether it was rightly served; fails the test if it was wrongly served or refused, or refused in other words than a
/// repository that does not exist and was asked for at the same times.
fn judge(truth: &Truth, now: Instant, name: &str, token: Option<&str>, granted: &Result<Grant, Refusal>) -> bool {
    let case = format!("{name} for {token:?}: {granted:?}, {:?} in {:?}", truth.state(name), truth.mood);
    let answers = truth.mood == Mood::Up && now >= truth.shaky;
    let ago = |age: Duration| now.checked_sub(age).unwrap();
    match granted {
        Ok(grant) => {
            assert!(!grant.own, "{case}");
            let lately_public = truth.since(name, ago(REFRESH), true, |state| *state == State::Public);
            let kept = !answers && truth.public.get(name) == Some(&true);
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
        Err(refusal) => {
            let admitted = |state: &State| state.admits(token);
            assert!(!(answers && truth.since(name, ago(NEGATIVE), false, admitted)), "{case}");
            let said = |token: Option<&str>| {
                let at = truth.refused.get(&(name.to_owned(), token.map(str::to_owned)));
                at.is_some_and(|at| now - *at < NEGATIVE)
            };
            match (refusal, said(None) && said(token)) {
                (Refusal::RepoNotFound, said) => assert!(said, "{case}"),
                (Refusal::Limited(_), false) => assert!(!answers, "{case}"),
                (Refusal::Unavailable(error), false) => {
                    assert!(!answers && !error.to_string().contains(name), "{case}");
                }
                _ => panic!("{case}"),
            }
            false
        }
    }
}
