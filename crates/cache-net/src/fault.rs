//! What went wrong on the way, told apart: name lookup, connection, TLS, proxy, silence, break, status.

mod wait;

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use cache_core::{Error, ErrorKind, Retry};
use http::{HeaderMap, StatusCode};
use hyper_util::client::legacy;
use tower::timeout::error::Elapsed;

use crate::idle::About;
use crate::plain::NoName;
use crate::{Call as _, Exchange};

/// The error of either client. It shows no address, which may be signed.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(crate) enum Unsent {
    Plain(#[from] legacy::Error),
    Reqwest(reqwest::Error),
}

impl From<reqwest::Error> for Unsent {
    fn from(error: reqwest::Error) -> Self {
        Self::Reqwest(error.without_url())
    }
}

impl Unsent {
    fn is_builder(&self) -> bool {
        matches!(self, Self::Reqwest(error) if error.is_builder())
    }

    fn is_dns(&self) -> bool {
        match self {
            Self::Plain(error) => causes(error).any(<dyn StdError>::is::<NoName>),
            Self::Reqwest(error) => error.is_dns(),
        }
    }

    fn is_connect(&self) -> bool {
        match self {
            Self::Plain(error) => error.is_connect(),
            Self::Reqwest(error) => error.is_connect(),
        }
    }

    fn is_timeout(&self) -> bool {
        let late = |cause: &io::Error| cause.kind() == io::ErrorKind::TimedOut;
        match self {
            Self::Plain(error) => {
                causes(error).any(|cause| cause.is::<Elapsed>() || cause.downcast_ref().is_some_and(late))
            }
            Self::Reqwest(error) => error.is_timeout(),
        }
    }
}

/// An error of a request that got no answer.
pub(crate) fn of_request(error: Unsent, exchange: &Exchange, connect_timeout: Duration) -> Error {
    let cause = innermost(&error);
    let (trouble, hint, retry) = if error.is_builder() {
        (format!("the request cannot be made: {cause}"), "check the address", Retry::Never)
    } else if error.is_dns() {
        let trouble = format!("the host name cannot be looked up: {cause}");
        (trouble, "check the host's spelling, the network and the DNS server", Retry::Backoff)
    } else if mentions(&error, &["tunnel", "proxy"]) {
        let trouble = format!("the proxy does not let it through: {cause}");
        (trouble, "check HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY, and the proxy's password", Retry::Backoff)
    } else if mentions(&error, &["certificate", "tls", "ssl", "handshake"]) {
        let trouble = format!("no secure connection: {cause}");
        let hint = "if a proxy of your organisation inspects TLS, name its certificates in SSL_CERT_FILE; \
                    also check this machine's clock";
        (trouble, hint, Retry::Never)
    } else if error.is_connect() && error.is_timeout() {
        let trouble = format!("no connection within {} s", connect_timeout.as_secs_f32());
        (trouble, "check the network, the firewall and the proxy variables", Retry::Backoff)
    } else if error.is_connect() {
        (
            format!("no connection: {cause}"),
            "check that the server runs, the network and the proxy variables",
            Retry::Backoff,
        )
    } else if error.is_timeout() {
        (format!("no answer: {cause}"), "the server or the network is slow; try again later", Retry::Backoff)
    } else if let Some(broken) = broken(&error) {
        (
            format!("{broken} before the answer"),
            "the server or something on the way ends connections; try again",
            Retry::Backoff,
        )
    } else {
        (format!("no usable answer: {cause}"), "something that is no web server may have answered", Retry::Backoff)
    };
    Error::new(ErrorKind::Network, format!("{}: {trouble}", exchange.what()))
        .with_host(exchange.origin().authority())
        .with_hint(hint)
        .with_retry(retry)
        .with_source(error)
}

/// No answer within the read timeout.
pub(crate) fn no_answer(exchange: &Exchange, limit: Duration) -> Error {
    Error::new(ErrorKind::Network, format!("{}: no answer within {} s", exchange.what(), limit.as_secs_f32()))
        .with_host(exchange.origin().authority())
        .with_hint("the server or the network is slow; try again later")
        .with_retry(Retry::Backoff)
}

/// A body that broke off.
pub(crate) fn of_body(error: reqwest::Error, about: &About) -> Error {
    let error = error.without_url();
    let trouble = broken(&error).map_or_else(
        || format!("the body broke off: {}", innermost(&error)),
        |broken| format!("{broken} in the middle of the body"),
    );
    Error::new(ErrorKind::Network, format!("{}: {trouble}", about.what))
        .with_host(about.host.clone())
        .with_hint("the server or something on the way ends connections; what has arrived is kept")
        .with_retry(Retry::Backoff)
        .with_source(error)
}

/// A body that stopped arriving.
pub(crate) fn silence(about: &About, limit: Duration) -> Error {
    Error::new(ErrorKind::Network, format!("{}: the body stopped for {} s", about.what, limit.as_secs_f32()))
        .with_host(about.host.clone())
        .with_hint("the server or the network is stuck; what has arrived is kept")
        .with_retry(Retry::Backoff)
}

/// The error of a status that may pass by itself: 408, 429, and the server's own errors except those that say that it
/// cannot do what was asked (501, 505).
pub(crate) fn of_status(status: StatusCode, headers: &HeaderMap, exchange: &Exchange) -> Option<Error> {
    let cannot = matches!(status, StatusCode::NOT_IMPLEMENTED | StatusCode::HTTP_VERSION_NOT_SUPPORTED);
    let passes = status.is_server_error() && !cannot;
    let busy = status == StatusCode::TOO_MANY_REQUESTS;
    if !passes && !busy && status != StatusCode::REQUEST_TIMEOUT {
        return None;
    }
    let hint = if busy {
        "the host limits how often it may be asked; wait, or sign in with a token, which raises the limit"
    } else {
        "the server has trouble; try again later"
    };
    // A busy host that names no time is still busy rather than broken.
    let asked = wait::asked(headers).or(busy.then_some(Duration::ZERO));
    let error = Error::new(ErrorKind::Network, format!("{}: the host answered {status}", exchange.what()))
        .with_host(exchange.origin().authority())
        .with_hint(hint)
        .with_retry(asked.map_or(Retry::Backoff, Retry::After));
    Some(error)
}

fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// The cause at the bottom, which is the one that says something.
fn innermost(error: &(dyn StdError + 'static)) -> String {
    causes(error).last().map(ToString::to_string).unwrap_or_default()
}

/// The TLS libraries are not named here, so that either can be built in; their errors are known by their words.
fn mentions(error: &(dyn StdError + 'static), words: &[&str]) -> bool {
    causes(error).any(|cause| {
        let text = cause.to_string().to_ascii_lowercase();
        words.iter().any(|word| text.contains(word))
    })
}

fn broken(error: &(dyn StdError + 'static)) -> Option<&'static str> {
    let kind = causes(error).find_map(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind);
    match kind {
        Some(io::ErrorKind::ConnectionReset) => Some("the connection was reset"),
        Some(io::ErrorKind::ConnectionAborted | io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof) => {
            Some("the connection was closed")
        }
        _ if mentions(error, &["incomplete", "end of file", "connection closed"]) => Some("the connection was closed"),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
