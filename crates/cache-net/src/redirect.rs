//! Our own redirects: at most ten, never from https to http, credentials to their own origin only. Each hop goes through
//! retry, breaker, permit and auth of its own host.
//!
//! Our own, because tower-http's `FollowRedirect` shows its policy no response (the Hub's headers and the peer's address
//! are on it), drops the extensions, hands back a `Location` it cannot read, and `FilterCredentials` restores a token
//! after one more hop on the other origin.

use std::task::{Context, Poll};

use cache_core::{Error, ErrorKind, Result};
use futures::future::{BoxFuture, Either};
use http::{Method, Request, Response, StatusCode, header};
use tower::{Layer, Service, ServiceExt as _};
use url::Url;

use crate::destination::{Destination, uri_of, url_of};
use crate::extensions::{RedirectPolicy, RequestExt as _};
use crate::idle::IdleBody;
use crate::response::{Hops, InternalPeer};
use crate::{Hop, Origin, Reach, redact};

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

impl<B, S> Service<Request<B>> for Redirect<S>
where
    B: Clone + Send + 'static,
    S: Service<Request<B>, Response = Response<IdleBody>, Error = Error> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response<IdleBody>;
    type Error = Error;
    type Future = Either<S::Future, BoxFuture<'static, Result<Response<IdleBody>>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let safe = matches!(*request.method(), Method::GET | Method::HEAD);
        if !safe || request.redirects() == RedirectPolicy::None {
            return Either::Left(self.inner.call(request));
        }
        Either::Right(Box::pin(follow(self.inner.clone(), request)))
    }
}

async fn follow<B, S>(service: S, mut request: Request<B>) -> Result<Response<IdleBody>>
where
    B: Clone,
    S: Service<Request<B>, Response = Response<IdleBody>, Error = Error> + Clone,
{
    let mut hops = Vec::new();
    loop {
        let url = url_of(request.uri())?;
        let mut response = service.clone().oneshot(request.clone()).await?;
        let target = target_of(&request, &url, &response).and_then(|target| match target {
            Some(_) if hops.len() >= MAX_HOPS => Err(RedirectRefused::TooMany),
            other => Ok(other),
        });
        let target = target.map_err(|refused| {
            let here = request.destination();
            Error::new(ErrorKind::Network, format!("{}: {refused} is not followed", here.description()))
                .with_host(here.origin().authority())
                .with_hint("the server is misconfigured, or a proxy interferes")
                .with_source(refused)
        })?;
        let Some(target) = target else {
            response.extensions_mut().insert(Hops(hops));
            return Ok(response);
        };
        let internal = response.extensions().get::<InternalPeer>().is_some();
        // Dropping the response frees its permit before the next host is asked.
        hops.push(Hop { url, status: response.status(), headers: response.into_parts().0.headers });
        request = next(request, &target, internal)?;
    }
}

/// Redirect target of the response to a request for `url`, if the policy follows it.
fn target_of<B>(
    request: &Request<B>,
    url: &Url,
    response: &Response<IdleBody>,
) -> Result<Option<Url>, RedirectRefused> {
    use StatusCode as S;
    let moved = [S::MOVED_PERMANENTLY, S::FOUND, S::SEE_OTHER, S::TEMPORARY_REDIRECT, S::PERMANENT_REDIRECT];
    let Some(location) = response.headers().get(header::LOCATION).filter(|_| moved.contains(&response.status())) else {
        return Ok(None);
    };
    let here = request.destination();
    let location = std::str::from_utf8(location.as_bytes()).map_err(|_| RedirectRefused::Elsewhere)?;
    let mut target = url.join(location).map_err(|_| RedirectRefused::Elsewhere)?;
    let origin = Origin::of(&target).map_err(|_| RedirectRefused::Elsewhere)?;
    if request.redirects() == RedirectPolicy::FollowRelative && origin != *here.origin() {
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
fn next<B>(mut request: Request<B>, target: &Url, internal: bool) -> Result<Request<B>> {
    *request.uri_mut() = uri_of(request.method(), target)?;
    let destination = Destination::of(&request)?;
    if destination.origin() != request.destination().origin() {
        for name in OWN {
            request.headers_mut().remove(name);
        }
        // Who may reach this network anyway may name others of it.
        if request.reach() != Reach::Named || !internal {
            request.extensions_mut().insert(Reach::Public);
        }
    }
    request.extensions_mut().insert(destination);
    Ok(request)
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
