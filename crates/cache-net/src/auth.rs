//! Tokens, each bound to one origin. The layer stands inside the redirects, so that every hop is judged by itself.

use std::sync::Arc;
use std::task::{Context, Poll};

use cache_core::{Error, ErrorKind, Result};
use futures::future::{Either, Ready, ready};
use http::{HeaderValue, Request, header};
use tower::{Layer, Service};

use crate::extensions::RequestExt as _;
use crate::{Origin, Secret};

/// Tokens by scheme, host and port.
#[derive(Debug, Clone, Default)]
pub struct Credentials(Vec<(Origin, Secret)>);

impl Credentials {
    /// No tokens.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a token for an origin, instead of one it had.
    #[must_use]
    pub fn add(mut self, origin: Origin, token: Secret) -> Self {
        self.0.retain(|(other, _)| *other != origin);
        self.0.push((origin, token));
        self
    }

    fn get(&self, origin: &Origin) -> Option<&Secret> {
        self.0.iter().find(|(owner, _)| owner == origin).map(|(_, token)| token)
    }
}

/// Puts `Auth` around a service.
#[derive(Debug, Clone, Default)]
pub(crate) struct AuthLayer(Arc<Credentials>);

impl AuthLayer {
    /// Authorises by these tokens.
    pub(crate) fn new(credentials: impl Into<Arc<Credentials>>) -> Self {
        Self(credentials.into())
    }
}

impl<S> Layer<S> for AuthLayer {
    type Service = Auth<S>;

    fn layer(&self, inner: S) -> Auth<S> {
        Auth { inner, credentials: Arc::clone(&self.0) }
    }
}

/// Adds `Authorization: Bearer` to requests for an origin that has a token, unless they carry their own.
#[derive(Debug, Clone)]
pub(crate) struct Auth<S> {
    inner: S,
    credentials: Arc<Credentials>,
}

impl<B, S: Service<Request<B>, Error = Error>> Service<Request<B>> for Auth<S> {
    type Response = S::Response;
    type Error = Error;
    type Future = Either<Ready<Result<S::Response>>, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        if let Some(token) = self.credentials.get(request.destination().origin())
            && !request.headers().contains_key(header::AUTHORIZATION)
        {
            let Ok(mut value) = HeaderValue::try_from(format!("Bearer {}", token.expose())) else {
                let error = Error::new(ErrorKind::Usage, "the token has invalid characters")
                    .with_host(request.destination().origin().authority())
                    .with_hint("set the token again; a line break may have slipped in");
                return Either::Left(ready(Err(error)));
            };
            value.set_sensitive(true);
            request.headers_mut().insert(header::AUTHORIZATION, value);
        }
        Either::Right(self.inner.call(request))
    }
}
