//! [`Guard`]: checks of every request before it is routed: Host, Origin, rate.

mod host;
mod rate;
mod tokens;

use std::net::IpAddr;
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use cache_lib::Result;
use http::header::{self, HeaderName};
use http::request::Parts;
use http::{Method, StatusCode};

use self::host::AllowedHosts;
pub(crate) use self::rate::ConnectionGuard;
use self::rate::{Connections, Rates};
use self::tokens::UnknownTokens;
use crate::caller::{Caller, Token};
use crate::clock::Clock;
use crate::config::ServerConfig;
use crate::hub_error::{HubError, put, refuse};
use crate::listen::Peer;
use crate::response_labels::RouteName;
use crate::slots::Reserved;

/// Checks of every request: host, origin, rate.
#[derive(Debug)]
pub(crate) struct Guard {
    hosts: AllowedHosts,
    rates: Option<Rates>,
    connections: Connections,
    tokens: UnknownTokens,
}

/// Why a request is rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Rejection {
    /// It is for another host.
    Host,
    /// A page of another site sent it.
    Origin,
    /// Too many requests; the time until there may be one, and the policy.
    Rate(Duration, String),
    /// All places for connections are taken, or all of its client.
    Crowded,
}

impl Guard {
    pub(crate) fn new(config: &ServerConfig) -> Result<Self> {
        Ok(Self::with_clock(config, Clock::default()))
    }

    fn with_clock(config: &ServerConfig, clock: Clock) -> Self {
        Self {
            hosts: AllowedHosts::new(config),
            rates: config.rate.map(|rate| Rates::new(rate, clock.clone())),
            connections: Connections::new(config.connections_per_client),
            tokens: UnknownTokens::new(clock),
        }
    }

    /// Counts a connection while the guard lives; `None` when its client has too many.
    pub(crate) fn connection(&self, address: IpAddr) -> Option<ConnectionGuard> {
        self.connections.open(address)
    }

    /// Counts a token that upstream has to be asked about, or says when to come back.
    pub(crate) fn unknown_token(&self, parts: &Parts) -> Result<(), Duration> {
        match parts.extensions.get() {
            Some(Peer::Unix) => Ok(()),
            Some(Peer::Tcp(address)) => self.tokens.take(address.ip()),
            None => self.tokens.take(IpAddr::from([0, 0, 0, 0])),
        }
    }

    /// Checks a request before it is routed. `admin`: it carries the admin's token.
    pub(crate) fn check(&self, parts: &Parts, caller: &Caller, admin: bool) -> Result<(), Rejection> {
        // The unix socket admits no browsers and no other users.
        let peer = match parts.extensions.get() {
            Some(Peer::Unix) => return Ok(()),
            Some(Peer::Tcp(address)) => address.ip(),
            None => IpAddr::from([0, 0, 0, 0]),
        };
        if !self.hosts.match_request(parts) {
            return Err(Rejection::Host);
        }
        if let Some(reserved) = parts.extensions.get::<Reserved>() {
            match (admin, is_health(parts) || parts.uri.path() == "/metrics") {
                (true, _) => reserved.keep(),
                (false, true) => {}
                (false, false) => return Err(Rejection::Crowded),
            }
        }
        let changes = !matches!(parts.method, Method::GET | Method::HEAD | Method::OPTIONS);
        if (changes || admin) && self.hosts.is_cross_site(parts) {
            return Err(Rejection::Origin);
        }
        match &self.rates {
            Some(rates) if !admin && !is_health(parts) => rates
                .take(caller.token.as_ref().map(Token::sha256), peer)
                .map_err(|wait| Rejection::Rate(wait, rates.policy())),
            _ => Ok(()),
        }
    }
}

/// Whether the request only asks how the server is.
fn is_health(parts: &Parts) -> bool {
    matches!(parts.uri.path(), "/healthz" | "/readyz")
}

/// As the Hub refuses.
impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        let mut response = match self {
            Self::Host => refuse(
                StatusCode::MISDIRECTED_REQUEST,
                None,
                "This server is not asked under this name; list it in server.hosts to allow it",
            ),
            Self::Origin => refuse(StatusCode::FORBIDDEN, None, "A page of another site may not do this"),
            Self::Crowded => {
                let mut response = refuse(StatusCode::SERVICE_UNAVAILABLE, None, "Too many connections");
                put(response.headers_mut(), header::RETRY_AFTER, "1");
                put(response.headers_mut(), header::CONNECTION, "close");
                response
            }
            Self::Rate(wait, policy) => {
                let mut response = HubError::Limited(wait).into_response();
                put(response.headers_mut(), HeaderName::from_static("ratelimit-policy"), &policy);
                response
            }
        };
        response.extensions_mut().insert(RouteName("guard"));
        response
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

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

    fn check(guard: &Guard, parts: &Parts, admin: bool) -> Result<(), Rejection> {
        guard.check(parts, &Caller::of(parts), admin)
    }

    #[test]
    fn a_page_of_another_site_reads_and_changes_nothing() {
        let guard = Guard::new(&ServerConfig::default()).unwrap();
        let evil = [("origin", "http://evil.example")];
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
            assert_eq!(check(&guard, &parts(method.clone(), "/x", &evil), false), Err(Rejection::Origin), "{method}");
            assert_eq!(check(&guard, &parts(method, "/x", &[("origin", "http://localhost")]), false), Ok(()));
        }
        assert_eq!(check(&guard, &parts(Method::GET, "/x", &evil), true), Err(Rejection::Origin));
        assert_eq!(check(&guard, &parts(Method::GET, "/x", &evil), false), Ok(()));
        let mut rebound = parts(Method::GET, "/", &[]);
        rebound.headers.insert("host", HeaderValue::from_static("evil.example"));
        assert_eq!(check(&guard, &rebound, false), Err(Rejection::Host));
        rebound.extensions.insert(Peer::Unix);
        assert_eq!(check(&guard, &rebound, false), Ok(()));
        let response = Rejection::Host.into_response();
        assert_eq!(response.status(), 421);
        assert!(!response.headers().contains_key("access-control-allow-origin"));
    }

    #[test]
    fn too_many_requests_are_told_when_to_come_back() {
        let clock = TestClock::new();
        let guard = Guard::with_clock(&ServerConfig { rate: Some(1), ..ServerConfig::default() }, clock.clock());
        let request = parts(Method::GET, "/x", &[]);
        assert!((0..10).all(|_| check(&guard, &request, false).is_ok()));
        let rejection = check(&guard, &request, false).unwrap_err();
        let response = rejection.into_response();
        assert_eq!(response.status(), 429);
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(header("retry-after"), "1");
        assert_eq!(header("ratelimit"), "\"api\";r=0;t=1");
        assert_eq!(header("ratelimit-policy"), "\"fixed window\";\"api\";q=10;w=10");
        for path in ["/healthz", "/readyz"] {
            assert!((0..50).all(|_| check(&guard, &parts(Method::GET, path, &[]), false).is_ok()));
        }
        clock.pass(Duration::from_secs(2));
        assert_eq!(check(&guard, &request, false), Ok(()));
    }
}
