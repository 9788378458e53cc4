//! [`FaultServer`]: one file behind a server that goes wrong on purpose.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

mod gzip;
mod personality;
mod state;
#[cfg(test)]
mod tests;
mod wire;

pub use personality::Personality;
pub use state::FaultSeen;

use crate::Content;
use crate::gate::Gate;
use crate::listen::{self, Background};
use state::{Current, Script, State, lock};

/// A server on 127.0.0.1 that serves one file, at any path, as its script says. It serves on a thread of its own until
/// this is dropped, and writes HTTP by hand: no library would send what it sends.
///
/// HEAD requests use up the script like GET requests do.
#[derive(Debug)]
pub struct FaultServer {
    state: Arc<State>,
    _background: Background,
}

impl FaultServer {
    /// Starts a server that behaves. Needs no runtime.
    ///
    /// # Errors
    /// When no port or thread can be had.
    pub fn spawn(content: impl Into<Content>) -> io::Result<Self> {
        let (listener, address) = listen::bind(0)?;
        let state = Arc::new(State {
            url: format!("http://{address}"),
            current: Mutex::new(Current { content: content.into(), generation: 0 }),
            script: Mutex::new(Script { next: VecDeque::new(), then: Personality::Good, replacement: None }),
            beside: Mutex::default(),
            log: Mutex::default(),
            gate: Gate::default(),
            sent: AtomicU64::new(0),
            connections: AtomicU64::new(0),
        });
        let served = Arc::clone(&state);
        let background = Background::start("testkit-fault", 1, move || wire::accept(listener, served))?;
        Ok(Self { state, _background: background })
    }

    /// Starts a server with one personality for all requests.
    ///
    /// # Panics
    /// When no port or thread can be had: nothing that a test could go on with.
    #[expect(clippy::expect_used, reason = "documented; spawn returns the error instead")]
    #[expect(clippy::unused_async, reason = "callers in async tests need not know that nothing is awaited")]
    pub async fn start(content: impl Into<Content>, personality: Personality) -> Self {
        let server = Self::spawn(content).expect("a port on loopback and a thread");
        server.always(personality);
        server
    }

    /// Answers all requests like this, once the script is used up.
    pub fn always(&self, personality: Personality) {
        lock(&self.state.script).then = personality;
    }

    /// Answers the next requests like this, one after the other, after those scripted before.
    pub fn script(&self, next: impl IntoIterator<Item = Personality>) {
        lock(&self.state.script).next.extend(next);
    }

    /// Answers the next `count` requests like this, and those that follow as they should be.
    pub fn first(&self, count: usize, personality: Personality) {
        self.script(std::iter::repeat_n(personality, count));
    }

    /// What the file becomes when it changes; by default all its bytes are inverted.
    pub fn changes_to(&self, content: impl Into<Content>) {
        lock(&self.state.script).replacement = Some(content.into());
    }

    /// Replaces the file now.
    pub fn replace(&self, content: impl Into<Content>) {
        let mut current = lock(&self.state.current);
        current.content = content.into();
        current.generation += 1;
    }

    /// Serves another file at exactly this path (`/file.bin.sha256`), always well.
    pub fn beside(&self, path: &str, content: impl Into<Content>) {
        lock(&self.state.beside).insert(path.to_owned(), content.into());
    }

    /// The file's address: `http://127.0.0.1:PORT/file.bin`.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_of("/file.bin")
    }

    /// The address of a path with its leading slash.
    #[must_use]
    pub fn url_of(&self, path: &str) -> String {
        format!("{}{path}", self.state.url)
    }

    /// The entity tag the file has now, with its quotes.
    #[must_use]
    pub fn etag(&self) -> String {
        lock(&self.state.current).etag()
    }

    /// The file as it is now.
    #[must_use]
    pub fn content(&self) -> Content {
        lock(&self.state.current).content.clone()
    }

    /// The requests so far.
    #[must_use]
    pub fn requests(&self) -> Vec<FaultSeen> {
        lock(&self.state.log).clone()
    }

    /// Bytes of bodies that were written to sockets.
    #[must_use]
    pub fn bytes_sent(&self) -> u64 {
        self.state.sent.load(Ordering::Relaxed)
    }

    /// Connections accepted so far.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.state.connections.load(Ordering::Relaxed)
    }

    /// Lets all replies go on that have stalled.
    pub fn release(&self) {
        self.state.gate.open();
    }

    /// Waits until so many replies have stalled, counted from the start.
    pub async fn stalled(&self, count: u64) {
        self.state.gate.arrived(count).await;
    }
}
