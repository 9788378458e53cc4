//! HTTP errors by cause: name lookup, connection, TLS, proxy, timeout, broken body, status.

mod wait;

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use cache_core::{Error, ErrorKind, Retry, is_out_of_descriptors};
use http::{HeaderMap, StatusCode};
use hyper_util::client::legacy;
use tower::timeout::error::Elapsed;
use url::Url;

use crate::Origin;
use crate::destination::Destination;
use crate::resolve::{ForbiddenAddress, LookupFailed};

/// The error of either client. It shows no address, which may be signed.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(crate) enum SendError {
    Http1(#[from] legacy::Error),
    Reqwest(reqwest::Error),
}

impl From<reqwest::Error> for SendError {
    fn from(error: reqwest::Error) -> Self {
        Self::Reqwest(error.without_url())
    }
}

impl SendError {
    fn is_builder(&self) -> bool {
        matches!(self, Self::Reqwest(error) if error.is_builder())
    }

    fn is_dns(&self) -> bool {
        match self {
            Self::Http1(error) => causes(error).any(<dyn StdError>::is::<LookupFailed>),
            Self::Reqwest(error) => error.is_dns(),
        }
    }

    fn is_connect(&self) -> bool {
        match self {
            Self::Http1(error) => error.is_connect(),
            Self::Reqwest(error) => error.is_connect(),
        }
    }

    fn is_timeout(&self) -> bool {
        let late = |cause: &io::Error| cause.kind() == io::ErrorKind::TimedOut;
        match self {
            Self::Http1(error) => {
                causes(error).any(|cause| cause.is::<Elapsed>() || cause.downcast_ref().is_some_and(late))
            }
            Self::Reqwest(error) => error.is_timeout(),
        }
    }
}

/// The error of a request without a response.
pub(crate) fn of_request(error: SendError, destination: &Destination, connect_timeout: Duration) -> Error {
    diagnose(error, destination.origin(), connect_timeout).context(destination.description())
}

/// The error of a request without a response. The message does not name the request.
pub(crate) fn diagnose(error: SendError, origin: &Origin, connect_timeout: Duration) -> Error {
    if let Some(refused) = causes(&error).find_map(|cause| cause.downcast_ref::<ForbiddenAddress>()) {
        return of_forbidden_address(refused.clone(), origin);
    }
    if is_out_of_descriptors(&error) {
        // That is no fault of the host's.
        let raw = causes(&error).find_map(|cause| cause.downcast_ref::<io::Error>()?.raw_os_error());
        let cause = raw.map_or_else(|| io::Error::other(error), io::Error::from_raw_os_error);
        return Error::storage(format_args!("connect to {}", origin.authority()), cause);
    }
    let cause = innermost(&error);
    let hint = |text: &str| text.to_owned();
    let (failure, hint, retry) = if error.is_builder() {
        (format!("invalid request: {cause}"), hint("check the address"), Retry::Never)
    } else if error.is_dns() {
        // A name server that does not answer says nothing of the name.
        let passes = mentions(&error, &["temporary failure", "try again"]);
        let retry = if passes { Retry::Backoff } else { Retry::Briefly };
        let failure = format!("could not resolve host: {cause}");
        (failure, hint("check the host's spelling, the network and the DNS server"), retry)
    } else if mentions(&error, &["tunnel", "proxy"]) {
        let failure = format!("proxy refused the connection: {cause}");
        let text = "check HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY, and the proxy's password";
        (failure, hint(text), Retry::Backoff)
    } else if mentions(&error, PLAIN_HTTP) {
        let failure = "TLS connection failed: the server speaks plain http".to_owned();
        (failure, format!("try http://{}", origin.address()), Retry::Never)
    } else if mentions(&error, &["certificate", "tls", "ssl", "handshake"]) {
        let failure = format!("TLS connection failed: {cause}");
        let text = "if a proxy of your organization inspects TLS, name its certificates in SSL_CERT_FILE; \
                    also check this machine's clock";
        (failure, hint(text), Retry::Never)
    } else if error.is_connect() && error.is_timeout() {
        let failure = format!("connection timed out after {} s", connect_timeout.as_secs_f32());
        (failure, hint("check the network, the firewall and the proxy variables"), Retry::Backoff)
    } else if error.is_connect() {
        let retry = if is_refused(&error) { Retry::Briefly } else { Retry::Backoff };
        let text = "check the server, the network and the proxy variables";
        (format!("connection failed: {cause}"), hint(text), retry)
    } else if error.is_timeout() {
        let text = "the server or the network is slow; try again later";
        (format!("no response: {cause}"), hint(text), Retry::Backoff)
    } else if let Some(broken) = broken(&error) {
        let text = "the server or a proxy closes connections; try again";
        (format!("{broken} before the response"), hint(text), Retry::Backoff)
    } else {
        let text = "the host may not be a web server";
        (format!("invalid response: {cause}"), hint(text), Retry::Backoff)
    };
    let unreachable = error.is_dns() || error.is_connect();
    let new = Error::new(ErrorKind::Network, failure)
        .with_host(origin.authority())
        .with_hint(hint)
        .with_retry(retry)
        .with_source(error);
    if unreachable { new.with_unreachable() } else { new }
}

/// The error of a host that leads to an address that the request may not reach.
pub(crate) fn of_forbidden_address(refused: ForbiddenAddress, origin: &Origin) -> Error {
    Error::new(ErrorKind::Network, refused.to_string())
        .with_host(origin.authority())
        .with_hint("if the address is right, add it or the host name to network.allow-internal")
        .with_source(refused)
}

/// The error of plain http where it is forbidden.
pub(crate) fn of_plain_http(origin: &Origin) -> Error {
    Error::new(ErrorKind::Network, format!("{origin}: plain http is refused"))
        .with_host(origin.authority())
        .with_hint("use an https address, or unset network.https-only")
}

/// Texts by which rustls and OpenSSL report a response that is no TLS record.
const PLAIN_HTTP: &[&str] = &["invalidcontenttype", "wrong version number", "packet length too long"];

/// Whether there is definitely no server at any of the host's addresses.
fn is_refused(error: &(dyn StdError + 'static)) -> bool {
    use io::ErrorKind as K;
    let kind = causes(error).find_map(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind);
    matches!(kind, Some(K::ConnectionRefused | K::HostUnreachable | K::NetworkUnreachable))
}

/// No answer within the read timeout.
pub(crate) fn no_answer(destination: &Destination, limit: Duration) -> Error {
    Error::new(
        ErrorKind::Network,
        format!("{}: timed out: no response within {} s", destination.description(), limit.as_secs_f32()),
    )
    .with_host(destination.origin().authority())
    .with_hint("the server or the network is slow; try again later")
    .with_retry(Retry::Backoff)
}

/// A body that broke off.
pub(crate) fn of_body(error: reqwest::Error, context: &BodyContext) -> Error {
    let error = error.without_url();
    let failure = broken(&error).map_or_else(
        || format!("download interrupted: {}", innermost(&error)),
        |broken| format!("{broken} during the download"),
    );
    Error::new(ErrorKind::Network, format!("{}: {failure}", context.what))
        .with_host(context.host())
        .with_hint("the server or a proxy closes connections; downloaded data is kept")
        .with_retry(Retry::Backoff)
        .with_source(error)
}

/// A body that stopped arriving.
pub(crate) fn silence(context: &BodyContext, limit: Duration) -> Error {
    Error::new(ErrorKind::Network, format!("{}: download stalled for {} s", context.what, limit.as_secs_f32()))
        .with_host(context.host())
        .with_hint("the server or the network is stuck; downloaded data is kept")
        .with_retry(Retry::Backoff)
}

/// The error of a status that may pass by itself: 408, 429, and the server's own errors except those that say that it
/// cannot do what was asked (501, 505).
pub(crate) fn of_status(status: StatusCode, headers: &HeaderMap, destination: &Destination) -> Option<Error> {
    let cannot = matches!(status, StatusCode::NOT_IMPLEMENTED | StatusCode::HTTP_VERSION_NOT_SUPPORTED);
    let passes = status.is_server_error() && !cannot;
    let busy = status == StatusCode::TOO_MANY_REQUESTS;
    if !passes && !busy && status != StatusCode::REQUEST_TIMEOUT {
        return None;
    }
    let hint = if busy {
        "the host limits requests; wait, or use a token, which raises the limit"
    } else {
        "the server has problems; try again later"
    };
    let wait = wait::requested(headers);
    let what = destination.description();
    let message = match wait.filter(|wait| !wait.is_zero()) {
        None => format!("{what}: the host answered {status}"),
        Some(wait) if busy => format!("{what}: rate limited (429) {}", wait::until(wait)),
        Some(wait) => format!("{what}: the host answered {status}, unavailable {}", wait::until(wait)),
    };
    // A busy host that names no time is still busy rather than broken.
    let asked = wait.or(busy.then_some(Duration::ZERO));
    let error = Error::new(ErrorKind::Network, message)
        .with_host(destination.origin().authority())
        .with_hint(hint)
        .with_retry(asked.map_or(Retry::Backoff, Retry::After));
    Some(if busy { error.with_rate_limited() } else { error })
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

/// Description and URL of the request that a body answers. Errors show the host alone.
pub(crate) struct BodyContext {
    pub(crate) what: Arc<str>,
    pub(crate) url: Url,
}

impl BodyContext {
    fn host(&self) -> String {
        Origin::of(&self.url).map(|origin| origin.authority()).unwrap_or_default()
    }
}

pub(crate) fn unusable(error: &(dyn std::error::Error + 'static)) -> Error {
    let cause = std::iter::successors(Some(error), |&error| error.source()).last().map(ToString::to_string);
    Error::new(ErrorKind::Usage, format!("the HTTP client cannot be made: {}", cause.unwrap_or_default()))
        .with_hint("check the certificates (SSL_CERT_FILE) and the proxy variables")
}

#[cfg(test)]
mod tests;
