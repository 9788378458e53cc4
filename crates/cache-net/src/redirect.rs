//! Our own redirects: at most ten, never from https to http, credentials to their own origin only. Each hop goes through
//! retry, breaker, permit and auth of its own host.

use std::fmt;
use std::task::{Context, Poll};

use cache_core::{Error, ErrorKind, Result};
use futures::future::{BoxFuture, Either};
use http::{Method, StatusCode, header};
use tower::{Layer, Service, ServiceExt as _};
use url::Url;

use crate::{Call as _, Hop, HttpRequest, HttpResponse, Origin, PreparedRequest, Reach, RedirectPolicy, redact};

/// Most hops on the way to one answer.
const MAX_HOPS: usize = 10;

/// Headers that belong to the origin they were meant for.
const OWN: [header::HeaderName; 3] = [header::AUTHORIZATION, header::COOKIE, header::PROXY_AUTHORIZATION];

/// The reason a redirect is not followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum RedirectRefused {
    #[error("more than {MAX_HOPS} redirects")]
    TooMany,
    #[error("a redirect from https to http")]
    Downgrade,
    #[error("a redirect to an address that is not http or https")]
    Elsewhere,
}

/// Puts `Redirect` around a service.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RedirectLayer;

impl<S> Layer<S> for RedirectLayer {
    type Service = Redirect<S>;

    fn layer(&self, inner: S) -> Redirect<S> {
        Redirect { inner }
    }
}

/// Follows redirects as the request's policy says.
#[derive(Debug, Clone)]
pub(crate) struct Redirect<S> {
    inner: S,
}

impl<S> Service<PreparedRequest> for Redirect<S>
where
    S: Service<PreparedRequest, Response = HttpResponse, Error = Error> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = HttpResponse;
    type Error = Error;
    type Future = Either<S::Future, BoxFuture<'static, Result<HttpResponse>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, prepared: PreparedRequest) -> Self::Future {
        let request = prepared.request();
        let safe = matches!(request.method, Method::GET | Method::HEAD);
        if !safe || request.redirects == RedirectPolicy::None {
            return Either::Left(self.inner.call(prepared));
        }
        Either::Right(Box::pin(follow(self.inner.clone(), prepared)))
    }
}

impl<S: fmt::Display> fmt::Display for Redirect<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "redirect({})", self.inner)
    }
}

async fn follow<S>(service: S, mut prepared: PreparedRequest) -> Result<HttpResponse>
where
    S: Service<PreparedRequest, Response = HttpResponse, Error = Error> + Clone,
{
    let mut hops = Vec::new();
    loop {
        let here = prepared.clone();
        let response = service.clone().oneshot(prepared).await?;
        let target = target_of(&here, &response).and_then(|target| match target {
            Some(_) if hops.len() >= MAX_HOPS => Err(RedirectRefused::TooMany),
            other => Ok(other),
        });
        let target = target.map_err(|refused| {
            Error::new(ErrorKind::Network, format!("{}: {refused} is not followed", here.description()))
                .with_host(here.origin().authority())
                .with_hint("the server is misconfigured, or a proxy interferes")
                .with_source(refused)
        })?;
        let Some(target) = target else { return Ok(response.with_hops(hops)) };
        let internal = response.is_internal();
        // Dropping the response frees its permit before the next host is asked.
        hops.push(Hop { url: here.request().url.clone(), status: response.status(), headers: response.into_headers() });
        prepared = PreparedRequest::new(next(here, target, internal))?;
    }
}

/// Redirect target of a response, if the policy follows it.
fn target_of(here: &PreparedRequest, response: &HttpResponse) -> Result<Option<Url>, RedirectRefused> {
    use StatusCode as S;
    let moved = [S::MOVED_PERMANENTLY, S::FOUND, S::SEE_OTHER, S::TEMPORARY_REDIRECT, S::PERMANENT_REDIRECT];
    let Some(location) = response.headers().get(header::LOCATION).filter(|_| moved.contains(&response.status())) else {
        return Ok(None);
    };
    let request = here.request();
    let location = std::str::from_utf8(location.as_bytes()).map_err(|_| RedirectRefused::Elsewhere)?;
    let mut target = request.url.join(location).map_err(|_| RedirectRefused::Elsewhere)?;
    let origin = Origin::of(&target).map_err(|_| RedirectRefused::Elsewhere)?;
    if request.redirects == RedirectPolicy::FollowRelative && origin != *here.origin() {
        return Ok(None);
    }
    if here.origin().scheme() == "https" && origin.scheme() == "http" {
        return Err(RedirectRefused::Downgrade);
    }
    target.set_fragment(None);
    // A server may not choose the name we sign in with; neither fails for a URL with a host.
    let _ = target.set_username("");
    let _ = target.set_password(None);
    tracing::debug!(from = here.description(), to = redact(&target), "redirected");
    Ok(Some(target))
}

/// The request for the next hop. `internal`: the server that redirects has no public address.
fn next(here: PreparedRequest, target: Url, internal: bool) -> HttpRequest {
    let home = here.origin().clone();
    let mut request = here.into_request();
    if Origin::of(&target).is_ok_and(|origin| origin != home) {
        for name in OWN {
            request.headers.remove(name);
        }
        // Who may reach this network anyway may name others of it.
        if request.reach != Reach::Named || !internal {
            request.reach = Reach::Public;
        }
    }
    request.url = target;
    request
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
