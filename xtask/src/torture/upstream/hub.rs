//! A hub with every fault: each request draws its own, from a generator with a seed. It notes what it was asked too soon.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::failure::Result;
use crate::torture::content::{Noise, content};
use crate::torture::listing::{self, commit, hex};
use crate::torture::web::{self, Answer, Reply, Request};

/// Models `org/hot-0` and so on, which the mirror has before the faults begin.
pub(crate) const HOT: u64 = 8;
/// Bytes a second over each connection: clients get the first part while the rest comes.
const RATE: u64 = 4_000_000;
/// The same for a slow one.
const SLOW: u64 = 200_000;
/// How long a hanging request takes.
const HANG: Duration = Duration::from_secs(8);
/// The hub says nothing at all, as one that is stopped: from when to when, in every `SILENCE_EVERY`.
const SILENCE: std::ops::Range<Duration> = Duration::from_secs(4)..Duration::from_secs(13);
const SILENCE_EVERY: Duration = Duration::from_secs(120);
/// Seconds that a 429 asks to wait.
const WAIT: u64 = 2;
/// Requests that were on their way when the 429 was written are no violation.
const GRACE: Duration = Duration::from_millis(200);
/// Names that one client may have asked for in a minute, and twice as many at once.
pub(crate) const UNKNOWN_RATE: u64 = 120;
/// Requests that one name may cost: a question, and another one after a fault.
const PER_NAME: u64 = 2;
/// Paths of the models `org/deep-0`, `org/deep-1` and so on, in turn, and the folders of each path: one listing that
/// takes little to send and a lot to keep as a tree of folders, and one that is merely too deep (64).
const DEEP: [(usize, usize); 2] = [(1000, 1000), (20, 100)];
/// Files that are kept.
const KEPT: usize = 24;
/// How often a body may be sent without a fault to excuse it. A slow connection's rest is asked for twice.
const SENT_TWICE: u64 = 3;

/// What goes wrong with one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Fault {
    Hang,
    Refuse,
    Flip,
    Short,
    Long,
    Html,
    Status429,
    Status403,
    Status503,
    Slow,
}

/// Faults of a hundred requests for a file's bytes; the rest goes well.
const OF_BODIES: [(Fault, u64); 9] = [
    (Fault::Flip, 18),
    (Fault::Short, 8),
    (Fault::Long, 4),
    (Fault::Html, 4),
    (Fault::Slow, 3),
    (Fault::Hang, 2),
    (Fault::Refuse, 3),
    (Fault::Status429, 2),
    (Fault::Status403, 1),
];
/// The same for the API.
const OF_ANSWERS: [(Fault, u64); 7] = [
    (Fault::Hang, 3),
    (Fault::Refuse, 4),
    (Fault::Html, 4),
    (Fault::Status429, 3),
    (Fault::Status403, 1),
    (Fault::Status503, 4),
    (Fault::Short, 3),
];

#[derive(Debug, Default)]
struct Book {
    requests: u64,
    faults: HashMap<Fault, u64>,
    /// Bytes sent of each file, and faults that excuse them.
    sent: HashMap<String, u64>,
    excused: HashMap<String, u64>,
    /// Times that its client was killed.
    kills: u64,
    /// Paths that were answered by 429, and since when they may be asked for again.
    closed: HashMap<String, (Instant, Instant)>,
    /// Questions about models that do not exist, and since when.
    unknown: u64,
    /// Requests that came while the hub was silent.
    unanswered: u64,
    began: Option<Instant>,
    violations: Vec<String>,
}

/// A file that was made.
#[derive(Debug, Clone)]
struct Made {
    bytes: Arc<Vec<u8>>,
    tag: String,
    entry: Value,
}

#[derive(Debug)]
struct Service {
    noise: Mutex<Noise>,
    made: Mutex<HashMap<String, Made>>,
    misbehaves: AtomicBool,
    book: Mutex<Book>,
}

#[derive(Debug)]
pub(crate) struct Hub {
    service: Arc<Service>,
    pub(crate) url: String,
}

impl Hub {
    pub(crate) fn start(seed: u64) -> Result<Self> {
        let service = Arc::new(Service {
            noise: Mutex::new(Noise::new(seed)),
            made: Mutex::default(),
            misbehaves: AtomicBool::new(false),
            book: Mutex::default(),
        });
        let url = web::serve(Arc::clone(&service))?;
        Ok(Self { service, url })
    }

    /// From now on things go wrong.
    pub(crate) fn misbehave(&self) {
        self.service.book().began = Some(Instant::now());
        self.service.misbehaves.store(true, Ordering::Relaxed);
    }

    /// Its client was killed and has forgotten the answers.
    pub(crate) fn forgive(&self) {
        let mut book = self.service.book();
        book.kills += 1;
        book.closed.clear();
    }

    /// What it was asked for that the rules do not allow.
    pub(crate) fn violations(&self) -> Vec<String> {
        let book = self.service.book();
        let mut violations = book.violations.clone();
        let minutes = book.began.map_or(0, |began| began.elapsed().as_secs()) / 60 + 1;
        // A mirror that is started anew has forgotten what it counted.
        let most = UNKNOWN_RATE * PER_NAME * (minutes + 2 * (1 + book.kills));
        if book.unknown > most {
            violations.push(format!("the hub was asked {} times for invented names, more than {most}", book.unknown));
        }
        for (key, sent) in &book.sent {
            let size = size(key.split("/model").next().unwrap_or_default()) as u64;
            let most = size * (SENT_TWICE + book.kills + book.excused.get(key).copied().unwrap_or_default());
            if *sent > most {
                violations.push(format!("the hub sent {sent} bytes of {key}, more than {most}"));
            }
        }
        violations
    }

    pub(crate) fn summary(&self) -> String {
        let book = self.service.book();
        let mut faults: Vec<_> = book.faults.iter().collect();
        faults.sort();
        let faults: Vec<String> = faults.iter().map(|(fault, count)| format!("{fault:?} {count}")).collect();
        let (requests, unanswered) = (book.requests, book.unanswered);
        format!("the hub: {requests} requests, {unanswered} of them in its silence; {}", faults.join(", "))
    }
}

/// The size of a model's large file, in bytes. Some are larger than what `hf` reads at a time, of which it keeps nothing.
fn size(model: &str) -> usize {
    let digest = Sha256::digest(model.as_bytes());
    let number = (usize::from(digest[0]) << 8) | usize::from(digest[1]);
    match number % 8 {
        _ if model.starts_with("org/hot-") => 100_000,
        0 => 12_000_000,
        _ => 400_000 + number * 40,
    }
}

/// The listing of a model with deep paths.
fn deep(model: &str) -> Value {
    let is_odd = model.ends_with(['1', '3', '5', '7', '9']);
    let (paths, folders) = DEEP[usize::from(is_odd)];
    let path = |number: usize| format!("{number}/{}x", "a/".repeat(folders));
    (0..paths).map(|number| listing::entry(&path(number), b"x")).collect::<Vec<_>>().into()
}

fn is_model(model: &str) -> bool {
    ["org/hot-", "org/cold-"]
        .iter()
        .any(|kind| model.strip_prefix(kind).is_some_and(|rest| rest.parse::<u64>().is_ok()))
}

impl Service {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long it still says nothing.
    fn silence(&self) -> Option<Duration> {
        let at = self.book().began?.elapsed().as_secs_f64() % SILENCE_EVERY.as_secs_f64();
        let at = Duration::from_secs_f64(at);
        SILENCE.contains(&at).then(|| SILENCE.end - at)
    }

    /// What goes wrong this time.
    fn draw(&self, of: &[(Fault, u64)]) -> Option<(Fault, u64)> {
        let mut noise = self.noise.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut at, more) = (noise.below(100), noise.next());
        if !self.misbehaves.load(Ordering::Relaxed) {
            return None;
        }
        for (fault, percent) in of {
            match at.checked_sub(*percent) {
                Some(rest) => at = rest,
                None => return Some((*fault, more)),
            }
        }
        None
    }

    /// A file of a model. The last few are kept: they are asked for by many.
    fn file(&self, model: &str, file: &str) -> Option<Made> {
        let size = match file {
            "model.safetensors" => size(model),
            "config.json" => 500,
            _ => return None,
        };
        let key = format!("{model}/{file}");
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if made.len() >= KEPT && !made.contains_key(&key) {
            made.clear();
        }
        let make = || {
            let bytes = content(&key, 0, size);
            let (tag, entry) = (format!("\"{}\"", hex(Sha256::digest(&bytes))), listing::entry(file, &bytes));
            Made { bytes: Arc::new(bytes), tag, entry }
        };
        Some(made.entry(key.clone()).or_insert_with(make).clone())
    }

    /// `/api/models/{model}`, `…/revision/{revision}` and `…/tree/{commit}`
    fn api(&self, path: &str) -> Option<Reply> {
        let (model, rest) = match path.match_indices('/').nth(1) {
            Some((at, _)) => path.split_at(at),
            None => (path, ""),
        };
        let at = commit(model, 0);
        let known = ["", "/revision/main", &format!("/revision/{at}")].contains(&rest);
        let value = match () {
            () if model.starts_with("org/deep-") && rest.starts_with("/tree/") => deep(model),
            () if model.starts_with("org/deep-") => listing::info(model, &at, std::iter::empty()),
            () if !is_model(model) => return None,
            () if known => listing::info(model, &at, ["config.json", "model.safetensors"].into_iter()),
            () if rest == format!("/tree/{at}") => {
                let entry = |file: &str| Some(self.file(model, file)?.entry);
                ["config.json", "model.safetensors"].into_iter().filter_map(entry).collect::<Vec<_>>().into()
            }
            () => return None,
        };
        let mut reply = Reply::new(200, value.to_string());
        reply.headers.push(("Content-Type", "application/json".to_owned()));
        Some(reply)
    }

    /// `/{model}/resolve/{revision}/{file}`
    fn resolve(&self, path: &str) -> Option<(String, Reply)> {
        let (model, rest) = path.split_once("/resolve/")?;
        let (revision, file) = rest.split_once('/')?;
        let at = commit(model, 0);
        if !is_model(model) || !(revision == "main" || revision == at) {
            return None;
        }
        let Made { bytes, tag, .. } = self.file(model, file)?;
        let mut reply = Reply { body: bytes, tag: Some(tag), ..Reply::new(200, Vec::new()) };
        reply.headers.push(("X-Repo-Commit", at));
        reply.ranges = true;
        reply.rate = Some(RATE);
        Some((format!("{model}/{file}"), reply))
    }

    /// Notes a request, and whether it comes although the path was closed.
    fn note(&self, request: &Request) {
        let mut book = self.book();
        book.requests += 1;
        let now = Instant::now();
        if let Some((since, until)) = book.closed.get(&request.path).copied()
            && now > since + GRACE
            && now + GRACE < until
        {
            let early = until.duration_since(now);
            book.violations.push(format!("{} {}: asked {early:.1?} too soon", request.method, request.path));
        }
    }

    fn spoil(&self, request: &Request, reply: Reply, key: Option<&str>) -> Option<Reply> {
        let of = if key.is_some() { &OF_BODIES[..] } else { &OF_ANSWERS[..] };
        let Some((mut fault, more)) = self.draw(of) else { return Some(reply) };
        // What a 403 takes back is no longer cached: it is asked about anew, at the pace of unknown names.
        if fault == Fault::Status403 && request.path.contains("org/hot-") {
            fault = Fault::Status503;
        }
        {
            let mut book = self.book();
            *book.faults.entry(fault).or_default() += 1;
            if let Some(key) = key {
                *book.excused.entry(key.to_owned()).or_default() += 1;
            }
            if fault == Fault::Status429 && key.is_none() {
                let now = Instant::now();
                book.closed.insert(request.path.clone(), (now, now + Duration::from_secs(WAIT)));
            }
        }
        let length = reply.body.len().max(1);
        let at = usize::try_from(more % length as u64).unwrap_or_default();
        let status = |status: u16| {
            let mut reply = Reply::new(status, *b"not now");
            reply.headers.push(("Retry-After", WAIT.to_string()));
            Some(reply)
        };
        match fault {
            Fault::Hang if more & 1 == 0 => {
                std::thread::sleep(HANG);
                None
            }
            Fault::Hang => Some(Reply { stall: Some((at, HANG)), ..reply }),
            Fault::Refuse => None,
            Fault::Flip => {
                let mut bytes = (*reply.body).clone();
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1;
                }
                Some(Reply { body: Arc::new(bytes), ..reply })
            }
            Fault::Short => Some(Reply { cut: Some((at, Box::new(|| ()))), ..reply }),
            Fault::Long => Some(Reply { surplus: 1 + at % 5000, ..reply }),
            Fault::Html => {
                let mut reply = Reply::new(200, *b"<!doctype html><title>Log in to this network</title>");
                reply.headers.push(("Content-Type", "text/html".to_owned()));
                Some(reply)
            }
            Fault::Status429 => status(429),
            Fault::Status403 => Some(Reply::new(403, *b"no")),
            Fault::Status503 => status(503),
            Fault::Slow => Some(Reply { rate: Some(SLOW), ..reply }),
        }
    }
}

impl Answer for Service {
    fn answer(&self, request: &Request) -> Option<Reply> {
        self.note(request);
        let path = request.path.trim_start_matches('/');
        if let Some(left) = self.silence() {
            self.book().unanswered += 1;
            std::thread::sleep(left);
            return None;
        }
        let absent = || Some(Reply::new(404, *b"no such thing"));
        if let Some(rest) = path.strip_prefix("api/models/") {
            let Some(reply) = self.api(rest) else {
                self.book().unknown += 1;
                return absent();
            };
            // Nothing comes between such a listing and the mirror.
            return if rest.starts_with("org/deep-") { Some(reply) } else { self.spoil(request, reply, None) };
        }
        let Some((key, reply)) = self.resolve(path) else { return absent() };
        if reply.tag.is_some() && reply.tag == request.if_none_match {
            return Some(Reply { status: 304, body: Arc::default(), ..reply });
        }
        if request.method == "HEAD" { Some(reply) } else { self.spoil(request, reply, Some(&key)) }
    }

    fn sent(&self, request: &Request, bytes: u64) {
        if let Some((model, rest)) = request.path.trim_start_matches('/').split_once("/resolve/")
            && let Some((_, file)) = rest.split_once('/')
        {
            *self.book().sent.entry(format!("{model}/{file}")).or_default() += bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::torture::content::identify;

    fn get(hub: &Hub, path: &str) -> web::Got {
        web::get(&hub.url, path, None, None, Duration::from_secs(20)).unwrap()
    }

    #[test]
    fn hub_is_right_until_it_misbehaves() {
        let hub = Hub::start(1).unwrap();
        let file = get(&hub, "/org/cold-7/resolve/main/model.safetensors").body;
        assert_eq!(identify(&file).unwrap().name, "org/cold-7/model.safetensors");
        let at = commit("org/cold-7", 0);
        let tree: serde_json::Value =
            serde_json::from_slice(&get(&hub, &format!("/api/models/org/cold-7/tree/{at}")).body).unwrap();
        assert_eq!(tree[1]["lfs"]["oid"], hex(Sha256::digest(&file)));
        assert_eq!(get(&hub, "/api/models/org/other").status, 404);
        assert!(hub.violations().is_empty());
    }

    #[test]
    fn early_question_after_a_429_is_a_violation() {
        let hub = Hub::start(1).unwrap();
        let now = Instant::now();
        let path = "/api/models/org/cold-1".to_owned();
        let ago = now.checked_sub(Duration::from_secs(1)).unwrap();
        hub.service.book().closed.insert(path.clone(), (ago, now + Duration::from_secs(60)));
        get(&hub, &path);
        assert_eq!(hub.violations().len(), 1);
    }

    #[test]
    fn body_sent_too_often_is_a_violation() {
        let hub = Hub::start(1).unwrap();
        for _ in 0..=SENT_TWICE {
            get(&hub, "/org/cold-7/resolve/main/model.safetensors");
        }
        assert_eq!(hub.violations().len(), 1);
    }
}
