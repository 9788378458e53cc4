//! Faults on demand: replies that a real Hub or CDN gives on a bad day.

use std::sync::{Mutex, PoisonError};

use super::seen::Origin;

/// What goes wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum HubFault {
    /// 429 with the Hub's `ratelimit` headers; the window resets after so many seconds.
    TooMany {
        /// Seconds until the window resets.
        reset: u64,
    },
    /// 429 with `Retry-After` alone, in seconds.
    RetryAfter {
        /// Seconds to wait.
        seconds: u64,
    },
    /// This status and a short HTML page.
    Status(u16),
    /// The connection is closed instead of a reply.
    Hangup,
    /// Nothing comes until [`Hub::release`](super::Hub::release), then the connection is closed: a server that hangs.
    Silence,
    /// The body breaks off before this byte of the file.
    Cut(u64),
    /// The body stops before this byte of the file, until [`Hub::release`](super::Hub::release) or the client ends it.
    Stall(u64),
    /// The lowest bit of this byte of the file is wrong.
    Flip(u64),
    /// The lowest bit of the first of every so many bytes of the file is wrong.
    FlipEvery(u64),
}

/// Which requests get into trouble.
#[derive(Debug, Clone, Default)]
pub struct Matches {
    pub(super) origin: Option<Origin>,
    pub(super) method: Option<String>,
    pub(super) text: String,
    pub(super) skip: u64,
    pub(super) times: Option<u64>,
}

impl Matches {
    /// Every request whose path, or whose file's path on the CDN, contains the text.
    pub fn path(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// Only at one origin.
    #[must_use]
    pub fn at(mut self, origin: Origin) -> Self {
        self.origin = Some(origin);
        self
    }

    /// Only requests of one method.
    #[must_use]
    pub fn method(mut self, method: impl Into<String>) -> Self {
        self.method = Some(method.into());
        self
    }

    /// Lets so many matching requests pass first.
    #[must_use]
    pub fn after(mut self, requests: u64) -> Self {
        self.skip = requests;
        self
    }

    /// Only so many matching requests, then all is well.
    #[must_use]
    pub fn first(mut self, requests: u64) -> Self {
        self.times = Some(requests);
        self
    }
}

/// The troubles that are set, in order.
#[derive(Debug, Default)]
pub(super) struct HubFaults(Mutex<Vec<(Matches, HubFault)>>);

impl HubFaults {
    pub(super) fn add(&self, matches: Matches, trouble: HubFault) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((matches, trouble));
    }

    pub(super) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The trouble that the next request of this kind gets into; uses it up.
    pub(super) fn next(&self, origin: Origin, method: &str, path: &str) -> Option<HubFault> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (matches, trouble) in all.iter_mut() {
            let hit = matches.origin.is_none_or(|wanted| wanted == origin)
                && matches.method.as_deref().is_none_or(|wanted| wanted == method)
                && path.contains(&matches.text);
            if !hit {
                continue;
            }
            if matches.skip > 0 {
                matches.skip -= 1;
                continue;
            }
            match &mut matches.times {
                Some(0) => {}
                Some(left) => {
                    *left -= 1;
                    return Some(trouble.clone());
                }
                None => return Some(trouble.clone()),
            }
        }
        None
    }
}
