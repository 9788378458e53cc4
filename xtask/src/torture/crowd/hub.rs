//! What the crowd fetches from: models as the Hub serves them, and files of a web server that says little of them.
//! What something is follows from its name; versions, faults and bytes sent are remembered here.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use sha2::{Digest as _, Sha256};

use crate::failure::Result;
use crate::torture::content::{content, gzip};
use crate::torture::listing::{self, commit, hex};
use crate::torture::web::{self, Answer, Reply, Request};

/// What goes wrong with requests for the bytes of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Another answer.
    Status(u16),
    /// No answer.
    Hangup,
    /// The body breaks off before this byte.
    Cut(usize),
    /// The body breaks off before this byte, and then there is another version.
    CutAndChange(usize),
    /// One bit of this byte is wrong.
    Flip(usize),
}

/// What is done to the hub before an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// A model or a file gets another version.
    Version(String),
    /// So many requests for a file's bytes go wrong.
    Fault(String, Fault, u64),
}

/// Files of a model: their names, sizes, and bytes a second over each connection.
pub(crate) fn model_files(model: &str) -> Vec<(String, usize)> {
    let name = model.trim_start_matches("org/");
    let number = name.rsplit('-').next().and_then(|number| number.parse().ok()).unwrap_or(0);
    let files: &[(&str, usize)] = match name.split('-').next().unwrap_or_default() {
        "long" => &[("a.safetensors", 50_000), ("b.safetensors", 200_000), ("c.safetensors", 400_000)],
        "stop" => &[("a.safetensors", 500_000)],
        // No other file has this length.
        "sync" => return vec![(format!("{model}/a.safetensors"), 1_000_000 + number)],
        "limit" => &[("a.safetensors", 250_000), ("b.safetensors", 50_000)],
        _ => &[("a.safetensors", 150_000), ("b.safetensors", 60_000), ("config.json", 2_000), ("sub/c.json", 500)],
    };
    files.iter().map(|(file, size)| (format!("{model}/{file}"), *size)).collect()
}

/// Bytes of any version of a file of the web server, unpacked.
pub(crate) fn plain_size(name: &str) -> usize {
    if name.starts_with("plain-pool") || name.starts_with("packed-pool") { 80_000 } else { 600_000 }
}

/// Bytes a second over each connection for a file.
fn rate(key: &str) -> Option<u64> {
    let name = key.trim_start_matches("org/");
    match (name.split('-').next().unwrap_or_default(), name.contains("-pool-")) {
        (_, true) | ("pool" | "lie" | "limit", _) => None,
        ("plain" | "packed" | "unsized", _) => Some(200_000),
        _ => Some(100_000),
    }
}

fn version_of(commit: &str) -> Option<u64> {
    u64::from_str_radix(commit.get(..8)?, 16).ok()
}

#[derive(Debug, Default)]
struct State {
    versions: HashMap<String, u64>,
    faults: Vec<(String, Fault, u64)>,
    sent: HashMap<String, u64>,
    requests: HashMap<String, Vec<String>>,
    began: Option<Instant>,
}

#[derive(Debug, Clone)]
pub(crate) struct Hub {
    state: Arc<Mutex<State>>,
    pub(crate) url: String,
}

#[derive(Debug)]
struct Service(Arc<Mutex<State>>);

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Hub {
    pub(crate) fn start() -> Result<Self> {
        let state = Arc::default();
        let url = web::serve(Arc::new(Service(Arc::clone(&state))))?;
        Ok(Self { state, url })
    }

    pub(crate) fn change(&self, change: &Change) {
        let mut state = lock(&self.state);
        match change {
            Change::Version(name) => *state.versions.entry(name.clone()).or_default() += 1,
            Change::Fault(key, fault, times) => state.faults.push((key.clone(), fault.clone(), *times)),
        }
    }

    /// The newest version of a model or a file.
    pub(crate) fn version(&self, name: &str) -> u64 {
        lock(&self.state).versions.get(name).copied().unwrap_or_default()
    }

    /// Bytes of a file, or of all files of a model, that were given to sockets.
    pub(crate) fn sent(&self, of: &str) -> u64 {
        let is = |key: &str| key.strip_prefix(of).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        lock(&self.state).sent.iter().filter(|(key, _)| is(key)).map(|(_, bytes)| bytes).sum()
    }

    /// The ranges that were asked for of a file, each with the seconds since the hub began.
    pub(crate) fn requests(&self, key: &str) -> String {
        lock(&self.state).requests.get(key).map(|all| all.join(", ")).unwrap_or_default()
    }
}

/// The file that a request asks for, by its key.
fn key(path: &str) -> Option<String> {
    let path = path.trim_start_matches('/');
    if let Some(name) = path.strip_prefix("files/") {
        return Some(name.to_owned());
    }
    let (model, rest) = path.split_once("/resolve/")?;
    let (_, file) = rest.split_once('/')?;
    Some(format!("{model}/{file}"))
}

impl Service {
    /// `/api/models/{model}`, `…/revision/{revision}` and `…/tree/{commit}`
    fn api(&self, path: &str) -> Option<Reply> {
        let whole = format!("{path}/revision/main");
        let path = if path.matches('/').count() == 1 { &whole } else { path };
        let (model, what) = path
            .split_once("/revision/")
            .map(|(model, revision)| (model, Err(revision)))
            .or_else(|| path.split_once("/tree/").map(|(model, commit)| (model, Ok(commit))))?;
        let newest = lock(&self.0).versions.get(model).copied().unwrap_or_default();
        let (Ok(revision) | Err(revision)) = what;
        let version = if revision == "main" { newest } else { version_of(revision)? };
        let at = commit(model, version);
        if version > newest || (revision != "main" && revision != at) {
            return None;
        }
        let short = |key: &str| key.strip_prefix(model).unwrap_or(key).trim_start_matches('/').to_owned();
        let files = model_files(model);
        let value = if what.is_err() {
            let names: Vec<String> = files.iter().map(|(key, _)| short(key)).collect();
            listing::info(model, &at, names.iter().map(String::as_str))
        } else {
            let entry = |(key, size): &(String, usize)| listing::entry(&short(key), &content(key, version, *size));
            files.iter().map(entry).collect::<Vec<_>>().into()
        };
        let mut reply = Reply::new(200, value.to_string());
        reply.headers.push(("Content-Type", "application/json".to_owned()));
        Some(reply)
    }

    /// `/{model}/resolve/{revision}/{file}`
    fn resolve(&self, path: &str, key: &str) -> Option<Reply> {
        let (model, rest) = path.split_once("/resolve/")?;
        let (revision, _) = rest.split_once('/')?;
        let newest = lock(&self.0).versions.get(model).copied().unwrap_or_default();
        let version = if revision == "main" { newest } else { version_of(revision).filter(|at| *at <= newest)? };
        let (_, size) = model_files(model).into_iter().find(|(file, _)| file == key)?;
        let mut reply = Reply::new(200, content(key, version, size));
        reply.headers.push(("X-Repo-Commit", commit(model, version)));
        reply.tag = Some(format!("\"{}\"", hex(Sha256::digest(reply.body.as_slice()))));
        reply.ranges = true;
        Some(reply)
    }

    /// `/files/{name}`: no digest, no tag, no date; a packed file has neither ranges, an unsized one not even a length.
    fn file(&self, name: &str) -> Option<Reply> {
        let known = ["plain-", "packed-", "unsized-"].iter().any(|kind| name.starts_with(kind));
        let inner = name.trim_end_matches(".gz");
        if !known || !(name.ends_with(".bin") || name.ends_with(".bin.gz")) {
            return None;
        }
        let version = lock(&self.0).versions.get(name).copied().unwrap_or_default();
        let bytes = content(inner, version, plain_size(name));
        let mut reply = Reply::new(200, if inner == name { bytes } else { gzip(&bytes) });
        reply.sizeless = name.starts_with("unsized-");
        reply.ranges = !reply.sizeless;
        Some(reply)
    }

    fn note(&self, key: &str, request: &Request) {
        let mut state = lock(&self.0);
        let since = state.began.get_or_insert_with(Instant::now).elapsed().as_secs_f64();
        let range = request.range.as_deref().unwrap_or("all");
        state.requests.entry(key.to_owned()).or_default().push(format!("{range} at {since:.1} s"));
    }

    fn fault(&self, key: &str) -> Option<Fault> {
        let mut state = lock(&self.0);
        let at = state.faults.iter().position(|(of, ..)| of == key)?;
        let (_, fault, times) = state.faults.get_mut(at)?;
        let fault = fault.clone();
        *times = times.saturating_sub(1);
        if *times == 0 {
            state.faults.remove(at);
        }
        Some(fault)
    }
}

impl Answer for Service {
    fn answer(&self, request: &Request) -> Option<Reply> {
        let path = request.path.trim_start_matches('/');
        let absent = || Some(Reply::new(404, *b"no such thing"));
        if let Some(rest) = path.strip_prefix("api/models/") {
            return self.api(rest).or_else(absent);
        }
        let Some(key) = key(path) else { return absent() };
        let reply = match path.strip_prefix("files/") {
            Some(name) => self.file(name),
            None => self.resolve(path, &key),
        };
        let Some(mut reply) = reply else { return absent() };
        if reply.tag.is_some() && reply.tag == request.if_none_match {
            return Some(Reply { status: 304, body: Arc::default(), ..reply });
        }
        reply.rate = rate(&key);
        if request.method == "HEAD" {
            return Some(reply);
        }
        self.note(&key, request);
        match self.fault(&key) {
            Some(Fault::Hangup) => return None,
            Some(Fault::Status(status)) => {
                let mut refusal = Reply::new(status, *b"not now");
                refusal.headers.push(("Retry-After", "1".to_owned()));
                return Some(refusal);
            }
            Some(Fault::Cut(at)) => reply.cut = Some((at, Box::new(|| ()))),
            Some(Fault::CutAndChange(at)) => {
                let (state, name) = (Arc::clone(&self.0), key);
                let change = move || *lock(&state).versions.entry(name).or_default() += 1;
                reply.cut = Some((at, Box::new(change)));
            }
            Some(Fault::Flip(at)) => {
                let mut bytes = (*reply.body).clone();
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1;
                }
                reply.body = Arc::new(bytes);
            }
            None => {}
        }
        Some(reply)
    }

    fn sent(&self, request: &Request, bytes: u64) {
        if let Some(key) = key(&request.path) {
            *lock(&self.0).sent.entry(key).or_default() += bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::torture::content::identify;

    #[test]
    fn versions_faults_and_bytes_are_kept_by_name() {
        let hub = Hub::start().unwrap();
        let get = |path: &str| web::get(&hub.url, path, None, None, Duration::from_secs(10)).unwrap();
        let label = |path: &str| identify(&get(path).body).unwrap();
        assert_eq!(label("/files/plain-pool-1.bin").version, 0);
        hub.change(&Change::Version("plain-pool-1.bin".to_owned()));
        assert_eq!((label("/files/plain-pool-1.bin").version, hub.sent("plain-pool-1.bin")), (1, 160_000));
        hub.change(&Change::Version("org/pool-1".to_owned()));
        let first = commit("org/pool-1", 0);
        assert_eq!(label("/org/pool-1/resolve/main/config.json").version, 1);
        assert_eq!(label(&format!("/org/pool-1/resolve/{first}/config.json")).version, 0);
        assert_eq!(get("/org/pool-1/resolve/ffffffff00/config.json").status, 404);
        hub.change(&Change::Fault("org/pool-1/config.json".to_owned(), Fault::Status(503), 1));
        assert_eq!(get("/org/pool-1/resolve/main/config.json").status, 503);
        hub.change(&Change::Fault("plain-pool-1.bin".to_owned(), Fault::CutAndChange(1000), 1));
        assert_eq!((get("/files/plain-pool-1.bin").whole, hub.version("plain-pool-1.bin")), (false, 2));
    }

    #[test]
    fn listings_name_commit_and_digests() {
        let hub = Hub::start().unwrap();
        let get = |path: &str| web::get(&hub.url, path, None, None, Duration::from_secs(10)).unwrap();
        let info: serde_json::Value =
            serde_json::from_slice(&get("/api/models/org/pool-1/revision/main").body).unwrap();
        let at = info["sha"].as_str().unwrap().to_owned();
        let tree = get(&format!("/api/models/org/pool-1/tree/{at}?recursive=true")).body;
        let tree: serde_json::Value = serde_json::from_slice(&tree).unwrap();
        let file = get("/org/pool-1/resolve/main/a.safetensors").body;
        assert_eq!(tree[0]["lfs"]["oid"], hex(Sha256::digest(file)));
        assert_eq!(get("/api/models/org/pool-1").body, serde_json::to_vec(&info).unwrap());
        assert_eq!(get("/api/models/org/pool-1/tree/00").status, 404);
    }
}
