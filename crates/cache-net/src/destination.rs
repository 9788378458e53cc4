//! Where a request goes: checked before anything else, and named once for errors and logs.

use std::sync::Arc;
use std::task::{Context, Poll};

use cache_core::{Error, ErrorKind, Result};
use futures::future::{Either, Ready, ready};
use http::{Method, Request, Uri};
use tower::{Layer, Service};
use url::Url;

use crate::{Origin, redact};

/// Origin and printable name of a request's target.
#[derive(Debug, Clone)]
pub(crate) struct Destination {
    origin: Origin,
    description: Arc<str>,
}

impl Destination {
    /// Destination of an HTTP request, from its method and URI.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when the URI is not http(s), or carries a user name or password.
    pub(crate) fn of<B>(request: &Request<B>) -> Result<Self> {
        let url = url_of(request.uri())?;
        let origin = Origin::of(&url)?;
        let description = format!("{} {}", request.method(), redact(&url));
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Error::new(ErrorKind::Usage, format!("{description}: the URL has a user name or password"))
                .with_host(origin.authority())
                .with_hint("leave them out of the address; give a token instead"));
        }
        Ok(Self { origin, description: description.into() })
    }

    /// Destination of a call that another client makes. `description` must hold no secret.
    pub(crate) fn external(origin: &Origin, description: &str) -> Self {
        Self { origin: origin.clone(), description: description.into() }
    }

    pub(crate) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Description for errors and logs, without secrets: `GET https://host/path`.
    pub(crate) fn description(&self) -> &str {
        &self.description
    }
}

/// The URI of a request as a URL. May be signed: never print or store it.
///
/// # Errors
/// [`ErrorKind::Usage`] when it is not absolute.
pub(crate) fn url_of(uri: &Uri) -> Result<Url> {
    Url::parse(&uri.to_string())
        .map_err(|error| Error::new(ErrorKind::Usage, format!("the address cannot be sent: {error}")))
}

/// A URL as the URI of a request, without its fragment.
///
/// # Errors
/// [`ErrorKind::Usage`] when it is not http(s), or too long.
pub(crate) fn uri_of(method: &Method, url: &Url) -> Result<Uri> {
    let origin = Origin::of(url)?;
    let sent = url.as_str().split_once('#').map_or(url.as_str(), |(sent, _)| sent);
    Uri::try_from(sent).map_err(|error| {
        Error::new(ErrorKind::Usage, format!("{method} {}: the address cannot be sent: {error}", redact(url)))
            .with_host(origin.authority())
    })
}

/// Puts `CheckDestination` around a service.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct DestinationLayer;

impl<S> Layer<S> for DestinationLayer {
    type Service = CheckDestination<S>;

    fn layer(&self, inner: S) -> CheckDestination<S> {
        CheckDestination { inner }
    }
}

/// Checks the URI of each request and adds its [`Destination`], whatever one it had.
#[derive(Debug, Clone)]
pub(crate) struct CheckDestination<S> {
    inner: S,
}

impl<B, S: Service<Request<B>, Error = Error>> Service<Request<B>> for CheckDestination<S> {
    type Response = S::Response;
    type Error = Error;
    type Future = Either<Ready<Result<S::Response>>, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        match Destination::of(&request) {
            Ok(destination) => {
                request.extensions_mut().insert(destination);
                Either::Right(self.inner.call(request))
            }
            Err(error) => Either::Left(ready(Err(error))),
        }
    }
}

#[cfg(test)]
mod tests;
