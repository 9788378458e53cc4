//! What travels in the [`http::Extensions`] of a request: its destination, its retry budget, the caller's options.
//!
//! A request without them is the safe one: no destination has a token, and no budget allows no retries.

use std::sync::LazyLock;
use std::time::Duration;

use cache_core::RetryBudget;
use http::Request;

use crate::destination::Destination;
use crate::{Origin, Reach};

/// Redirect policy of a `GET` or `HEAD`. Redirects of other methods are never followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum RedirectPolicy {
    /// All, up to ten, none from https to http; credentials go to their own origin only.
    #[default]
    Follow,
    /// Only those that stay on the origin, however their `Location` is written. Others are handed back.
    FollowRelative,
    /// None: a redirect is handed back.
    None,
}

/// Marks a request that may be repeated although its method does not promise that this does no harm.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Repeatable;

/// Whether a request goes over a new connection, which is closed afterwards.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FreshConnection(pub(crate) bool);

/// Longest wait for the head of the answer, where the client's own is longer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HeadTimeout(pub(crate) Duration);

/// Destination of a request that none was added to.
static UNKNOWN: LazyLock<Destination> =
    LazyLock::new(|| Destination::external(&Origin::unknown(), "a request without a destination"));

/// Reads the extensions that the layers use.
pub(crate) trait RequestExt {
    /// Origin and printable name of the target.
    fn destination(&self) -> &Destination;

    /// The retries it may use.
    fn budget(&self) -> Option<&RetryBudget>;

    /// Whether sending it twice does no more than sending it once. Others are never repeated.
    fn is_idempotent(&self) -> bool;

    /// Addresses that it may be sent to.
    fn reach(&self) -> Reach;

    /// Redirects that are followed.
    fn redirects(&self) -> RedirectPolicy;

    /// Whether it goes over a new connection.
    fn is_fresh(&self) -> bool;

    /// Longest wait for the head of the answer: its own or this one, whichever is shorter.
    fn head_timeout(&self, usual: Duration) -> Duration;
}

impl<B> RequestExt for Request<B> {
    fn destination(&self) -> &Destination {
        self.extensions().get().unwrap_or(&UNKNOWN)
    }

    fn budget(&self) -> Option<&RetryBudget> {
        self.extensions().get()
    }

    fn is_idempotent(&self) -> bool {
        self.method().is_idempotent() || self.extensions().get::<Repeatable>().is_some()
    }

    fn reach(&self) -> Reach {
        self.extensions().get().copied().unwrap_or_default()
    }

    fn redirects(&self) -> RedirectPolicy {
        self.extensions().get().copied().unwrap_or_default()
    }

    fn is_fresh(&self) -> bool {
        self.extensions().get().is_some_and(|&FreshConnection(fresh)| fresh)
    }

    fn head_timeout(&self, usual: Duration) -> Duration {
        self.extensions().get().map_or(usual, |&HeadTimeout(own)| own.min(usual))
    }
}

/// A request for tests of the layers.
#[cfg(test)]
pub(crate) fn fake_request(host: &str) -> Request<()> {
    let mut request = Request::get(format!("https://{host}/x")).body(()).unwrap();
    let destination = Destination::of(&request).unwrap();
    request.extensions_mut().insert(destination);
    request.extensions_mut().insert(RetryBudget::default());
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_request_has_safe_defaults() {
        let request = Request::post("https://h/x").body(()).unwrap();
        assert!(request.budget().is_none() && !request.is_idempotent() && !request.is_fresh());
        assert_eq!((request.reach(), request.redirects()), (Reach::Named, RedirectPolicy::Follow));
        assert_eq!(request.destination().origin().authority(), "unknown");
        let usual = Duration::from_secs(30);
        assert_eq!(request.head_timeout(usual), usual);
    }
}
