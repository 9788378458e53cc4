//! [`Hub`]: a Hugging Face Hub and its CDN, in this process.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use cache_core::Commit;
use tokio::sync::watch;

mod answer;
mod api;
mod config;
mod hub_fault;
mod reply;
mod repo;
mod resolve;
mod route;
mod seen;
mod state;
#[cfg(test)]
mod tests;

pub use config::HubConfig;
pub use hub_fault::{HubFault, Matches};
pub use repo::{Access, Files};
pub use seen::{Origin, Seen};

use crate::gate::Gate;
use crate::listen::{self, Background, Counts};
use answer::Face;
use hub_fault::HubFaults;
use repo::Repo;
use route::RepoId;
use state::{CdnFile, State, read, write};

/// Connections to one origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connections {
    /// Accepted so far.
    pub opened: u64,
    /// Open now.
    pub open: u64,
    /// Most that were open at once.
    pub peak: u64,
}

/// A Hub and its CDN on two ports of 127.0.0.1. They serve on a thread of their own until this is dropped.
///
/// Repositories are named `org/name`, `datasets/org/name` or `spaces/org/name`.
#[derive(Debug)]
pub struct Hub {
    state: Arc<State>,
    _background: Background,
}

impl Hub {
    /// Starts an empty Hub. Needs no runtime.
    ///
    /// # Errors
    /// When the port is taken or a thread cannot be made.
    pub fn spawn(config: HubConfig) -> io::Result<Self> {
        let (hub, hub_address) = listen::bind(config.port)?;
        let (cdn, cdn_address) = listen::bind(0)?;
        let threads = config.threads;
        let state = Arc::new(State {
            rate: AtomicU64::new(config.rate),
            config,
            hub_url: format!("http://{hub_address}"),
            cdn_url: format!("http://{cdn_address}"),
            repos: RwLock::default(),
            users: RwLock::default(),
            cdn: RwLock::default(),
            elsewhere: RwLock::default(),
            next_id: AtomicU64::new(1),
            epoch: AtomicU64::new(0),
            troubles: HubFaults::default(),
            gate: Gate::default(),
            log: Mutex::default(),
            seen: watch::Sender::new(0),
            hub_counts: Counts::default(),
            cdn_counts: Counts::default(),
        });
        let faces = [Origin::Hub, Origin::Cdn].map(|origin| Arc::new(Face { state: Arc::clone(&state), origin }));
        let background = Background::start("testkit-hub", threads, move || async move {
            let [hub_face, cdn_face] = faces;
            tokio::join!(listen::accept(hub, hub_face), listen::accept(cdn, cdn_face));
        })?;
        Ok(Self { state, _background: background })
    }

    /// Starts an empty Hub with the default behaviour, or another one.
    ///
    /// # Panics
    /// When no port or thread can be had: nothing that a test could go on with.
    #[expect(clippy::expect_used, reason = "documented; spawn returns the error instead")]
    #[expect(clippy::unused_async, reason = "callers in async tests need not know that nothing is awaited")]
    pub async fn start(config: HubConfig) -> Self {
        Self::spawn(config).expect("a port on loopback and a thread")
    }

    /// The Hub's address, for `HF_ENDPOINT`: no slash at the end.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.state.hub_url
    }

    /// The CDN's address.
    #[must_use]
    pub fn cdn_url(&self) -> &str {
        &self.state.cdn_url
    }

    /// Adds a repository of any kind, or a commit to its `main` if it is there.
    pub fn add(&self, repo: &str, files: impl Into<Files>) -> Commit {
        self.commit(repo, "main", files)
    }

    /// Adds a model, or a commit to its `main` if it is there.
    pub fn add_model(&self, name: &str, files: impl Into<Files>) -> Commit {
        self.add(&format!("models/{name}"), files)
    }

    /// Adds a dataset, or a commit to its `main` if it is there.
    pub fn add_dataset(&self, name: &str, files: impl Into<Files>) -> Commit {
        self.add(&format!("datasets/{name}"), files)
    }

    /// Adds a space, or a commit to its `main` if it is there.
    pub fn add_space(&self, name: &str, files: impl Into<Files>) -> Commit {
        self.add(&format!("spaces/{name}"), files)
    }

    /// Adds a commit that holds exactly these files, and points a branch to it: `main`, `dev`, `refs/pr/1`,
    /// `refs/convert/parquet`.
    pub fn commit(&self, repo: &str, branch: &str, files: impl Into<Files>) -> Commit {
        let id = RepoId::parse(repo);
        let mut repos = write(&self.state.repos);
        let repo = repos.entry(id.clone()).or_default();
        let snapshot = repo.commit(&id.name, files.into(), &self.state.next_id);
        repo.branches.insert(branch.to_owned(), snapshot.commit.clone());
        let mut cdn = write(&self.state.cdn);
        for (path, file) in snapshot.files.iter().filter(|(_, file)| file.lfs.is_some()) {
            let path = format!("{}{}/{path}", state::prefix(id.kind), id.name);
            cdn.insert(file.id, Arc::new(CdnFile { file: Arc::clone(file), path }));
        }
        snapshot.commit.clone()
    }

    /// Points a tag to a commit.
    pub fn tag(&self, repo: &str, tag: &str, commit: &Commit) {
        self.edit(repo, |repo| repo.tags.insert(tag.to_owned(), commit.clone()));
    }

    /// Sets the access to a repository.
    pub fn set_access(&self, repo: &str, access: Access) {
        self.edit(repo, |repo| repo.access = access);
    }

    /// Takes a repository away.
    pub fn remove(&self, repo: &str) {
        write(&self.state.repos).remove(&RepoId::parse(repo));
    }

    fn edit<T>(&self, repo: &str, change: impl FnOnce(&mut Repo) -> T) -> Option<T> {
        write(&self.state.repos).get_mut(&RepoId::parse(repo)).map(change)
    }

    /// Makes a token valid. Unknown tokens are refused everywhere.
    pub fn add_user(&self, token: &str, user: &str) {
        write(&self.state.users).insert(token.to_owned(), user.to_owned());
    }

    /// Lets the redirect of a large file lead to this address instead of the CDN.
    pub fn serve_from(&self, repo: &str, path: &str, url: &str) {
        write(&self.state.elsewhere).insert((RepoId::parse(repo), path.to_owned()), url.to_owned());
    }

    /// Makes all links to the CDN that were given out so far answer 403.
    pub fn expire_links(&self) {
        self.state.epoch.fetch_add(1, Ordering::Relaxed);
    }

    /// Sets the bytes a second over each connection for bodies that begin from now on; 0 for as fast as it goes.
    pub fn set_rate(&self, rate: u64) {
        self.state.rate.store(rate, Ordering::Relaxed);
    }

    /// Makes matching requests go wrong.
    pub fn trouble(&self, matches: Matches, trouble: HubFault) {
        self.state.troubles.add(matches, trouble);
    }

    /// Ends all trouble for requests from now on.
    pub fn clear_trouble(&self) {
        self.state.troubles.clear();
    }

    /// Lets all bodies go on that have stalled.
    pub fn release(&self) {
        self.state.gate.open();
    }

    /// Waits until so many bodies have stalled, counted from the start.
    pub async fn stalled(&self, count: u64) {
        self.state.gate.arrived(count).await;
    }

    /// Waits until so many requests have been answered, counted from the start.
    pub async fn answered(&self, count: u64) {
        // The sender lives as long as this Hub: no error can come.
        let _ = self.state.seen.subscribe().wait_for(|seen| *seen >= count).await;
    }

    /// The requests so far, in the order of their replies.
    #[must_use]
    pub fn requests(&self) -> Vec<Seen> {
        self.state.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Forgets the requests so far.
    pub fn clear_requests(&self) {
        self.state.log.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Bytes of a file that were given to sockets, from either origin. What a client did not read is part of it.
    #[must_use]
    pub fn bytes_sent(&self, repo: &str, path: &str) -> u64 {
        read(&self.state.repos).get(&RepoId::parse(repo)).map_or(0, |repo| repo.sent(path))
    }

    /// Bytes of all files that were given to sockets.
    #[must_use]
    pub fn total_bytes_sent(&self) -> u64 {
        read(&self.state.repos).values().map(Repo::sent_in_all).sum()
    }

    /// The connections to one origin.
    #[must_use]
    pub fn connections(&self, origin: Origin) -> Connections {
        let pick = |(hub, cdn): (u64, u64)| if origin == Origin::Hub { hub } else { cdn };
        Connections {
            opened: pick(self.state.counts(|counts| &counts.opened)),
            open: pick(self.state.counts(|counts| &counts.open)),
            peak: pick(self.state.counts(|counts| &counts.peak)),
        }
    }
}
