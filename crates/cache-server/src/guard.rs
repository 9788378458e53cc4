//! What every request must pass before anything else: Host, Origin, rate.

mod host;
mod rate;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use cache_lib::Result;
use http::header::RETRY_AFTER;
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode};
use serde_json::json;

use self::host::Hosts;
pub(crate) use self::rate::ConnectionGuard;
use self::rate::{Connections, Rates};
use crate::access::{Caller, Token};
use crate::app::App;
use crate::clock::Clock;
use crate::config::ServerConfig;
use crate::listen::Peer;
use crate::observe::RouteName;

/// Decides whether a request is heard.
#[derive(Debug)]
pub(crate) struct Guard {
    hosts: Hosts,
    rates: Option<Rates>,
    connections: Connections,
}

/// Why a request is not heard.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Unheard {
    /// It is for another host.
    Host,
    /// A page of another site sent it.
    Origin,
    /// Too many requests; the time until there may be one, and the policy.
    Rate(Duration, String),
}

impl Guard {
    pub(crate) fn new(config: &ServerConfig) -> Result<Self> {
        Ok(Self::with_clock(config, Clock::default()))
    }

    fn with_clock(config: &ServerConfig, clock: Clock) -> Self {
        Self {
            hosts: Hosts::new(config),
            rates: config.rate.map(|rate| Rates::new(rate, clock)),
            connections: Connections::new(config.connections_per_client),
        }
    }

    /// Counts a connection while the guard lives; `None` when its client has too many.
    pub(crate) fn connection(&self, address: IpAddr) -> Option<ConnectionGuard> {
        self.connections.open(address)
    }

    /// `admin`: the request carries the admin's token.
    fn hear(&self, parts: &Parts, caller: &Caller, admin: bool) -> Result<(), Unheard> {
        // No browser and no stranger comes over the unix socket.
        let peer = match parts.extensions.get() {
            Some(Peer::Unix) => return Ok(()),
            Some(Peer::Tcp(address)) => address.ip(),
            None => IpAddr::from([0, 0, 0, 0]),
        };
        if !self.hosts.are_ours(parts) {
            return Err(Unheard::Host);
        }
        let changes = !matches!(parts.method, Method::GET | Method::HEAD | Method::OPTIONS);
        if (changes || admin) && self.hosts.is_foreign(parts) {
            return Err(Unheard::Origin);
        }
        match &self.rates {
            Some(rates) if !matches!(parts.uri.path(), "/healthz" | "/readyz") => rates
                .take(caller.token.as_ref().map(Token::sha256), peer)
                .map_err(|wait| Unheard::Rate(wait, rates.policy())),
            _ => Ok(()),
        }
    }
}

/// As the Hub refuses.
impl IntoResponse for Unheard {
    fn into_response(self) -> Response {
        let (status, message) = match &self {
            Self::Host => (
                StatusCode::MISDIRECTED_REQUEST,
                "This server is not asked under this name; list it in server.hosts to allow it.",
            ),
            Self::Origin => (StatusCode::FORBIDDEN, "A page of another site may not do this."),
            Self::Rate(..) => (StatusCode::TOO_MANY_REQUESTS, "Too many requests; try again later."),
        };
        let mut response = (status, axum::Json(json!({ "error": message }))).into_response();
        response.extensions_mut().insert(RouteName("guard"));
        let headers = response.headers_mut();
        headers.insert("x-error-message", HeaderValue::from_static(message));
        if let Self::Rate(wait, policy) = self {
            // Whole seconds, and never none.
            let seconds = wait.as_secs() + 1;
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
            let texts = [("ratelimit", format!("\"requests\";r=0;t={seconds}")), ("ratelimit-policy", policy)];
            for (name, text) in texts {
                if let Ok(value) = HeaderValue::try_from(text) {
                    headers.insert(name, value);
                }
            }
        }
        response
    }
}

/// The layer.
pub(crate) async fn check(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let caller = Caller::of(&parts);
    match app.guard.hear(&parts, &caller, app.access.has_admin_token(&caller)) {
        Ok(()) => next.run(Request::from_parts(parts, body)).await,
        Err(unheard) => unheard.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::TestClock;

    fn parts(method: Method, path: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = http::Request::builder().method(method).uri(path).header("host", "localhost");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let peer = Peer::Tcp(([127, 0, 0, 1], 5).into());
        request.extension(peer).body(()).unwrap().into_parts().0
    }

    fn hear(guard: &Guard, parts: &Parts, admin: bool) -> Result<(), Unheard> {
        guard.hear(parts, &Caller::of(parts), admin)
    }

    #[test]
    fn a_page_of_another_site_reads_and_changes_nothing() {
        let guard = Guard::new(&ServerConfig::default()).unwrap();
        let evil = [("origin", "http://evil.example")];
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
            assert_eq!(hear(&guard, &parts(method.clone(), "/x", &evil), false), Err(Unheard::Origin), "{method}");
            assert_eq!(hear(&guard, &parts(method, "/x", &[("origin", "http://localhost")]), false), Ok(()));
        }
        assert_eq!(hear(&guard, &parts(Method::GET, "/x", &evil), true), Err(Unheard::Origin));
        assert_eq!(hear(&guard, &parts(Method::GET, "/x", &evil), false), Ok(()));
        let mut rebound = parts(Method::GET, "/", &[]);
        rebound.headers.insert("host", HeaderValue::from_static("evil.example"));
        assert_eq!(hear(&guard, &rebound, false), Err(Unheard::Host));
        rebound.extensions.insert(Peer::Unix);
        assert_eq!(hear(&guard, &rebound, false), Ok(()));
        let response = Unheard::Host.into_response();
        assert_eq!(response.status(), 421);
        assert!(!response.headers().contains_key("access-control-allow-origin"));
    }

    #[test]
    fn too_many_requests_are_told_when_to_come_back() {
        let clock = TestClock::new();
        let guard = Guard::with_clock(&ServerConfig { rate: Some(1), ..ServerConfig::default() }, clock.clock());
        let request = parts(Method::GET, "/x", &[]);
        assert!((0..10).all(|_| hear(&guard, &request, false).is_ok()));
        let unheard = hear(&guard, &request, false).unwrap_err();
        let response = unheard.into_response();
        assert_eq!(response.status(), 429);
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(header("retry-after"), "2");
        assert_eq!(header("ratelimit"), "\"requests\";r=0;t=2");
        assert_eq!(header("ratelimit-policy"), "\"fixed window\";\"requests\";q=10;w=10");
        for path in ["/healthz", "/readyz"] {
            assert!((0..50).all(|_| hear(&guard, &parts(Method::GET, path, &[]), false).is_ok()));
        }
        clock.pass(Duration::from_secs(2));
        assert_eq!(hear(&guard, &request, false), Ok(()));
    }
}
