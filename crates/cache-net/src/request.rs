//! [`HttpRequest`]: builds an [`http::Request`] whose options travel in its extensions.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use cache_core::{ByteRange, Result, RetryBudget};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, header};
use url::Url;

use crate::destination::{uri_of, url_of};
use crate::extensions::{FreshConnection, HeadTimeout, RedirectPolicy, Repeatable};
use crate::{Reach, redact};

/// Builds an [`http::Request`]; `Debug` shows neither its query nor its headers.
///
/// An address that cannot be sent is an error of [`HttpClient::send`](crate::HttpClient::send).
#[derive(Clone)]
pub struct HttpRequest(Result<Request<Bytes>>);

impl HttpRequest {
    /// A request without a body. The URL must not carry a user name or password; its fragment is dropped.
    #[must_use]
    pub fn new(method: Method, mut url: Url) -> Self {
        url.set_fragment(None);
        Self(uri_of(&method, &url).map(|uri| {
            let mut request = Request::new(Bytes::new());
            *request.method_mut() = method;
            *request.uri_mut() = uri;
            request.extensions_mut().insert(RetryBudget::default());
            request
        }))
    }

    /// A `GET`.
    #[must_use]
    pub fn get(url: Url) -> Self {
        Self::new(Method::GET, url)
    }

    /// A `HEAD`.
    #[must_use]
    pub fn head(url: Url) -> Self {
        Self::new(Method::HEAD, url)
    }

    /// The request that goes through the stack.
    pub(crate) fn build(self) -> Result<Request<Bytes>> {
        self.0
    }

    /// Sets a header. Authorization by [`crate::Credentials`] is added on the way.
    #[must_use]
    pub fn header(self, name: HeaderName, value: HeaderValue) -> Self {
        self.edit(|request| {
            request.headers_mut().insert(name, value);
        })
    }

    /// Replaces all headers.
    #[must_use]
    pub fn headers(self, headers: HeaderMap) -> Self {
        self.edit(|request| *request.headers_mut() = headers)
    }

    /// Asks for some bytes only. An empty range asks for nothing and is left out.
    #[must_use]
    pub fn range(self, range: ByteRange) -> Self {
        if range.is_empty() {
            return self;
        }
        match HeaderValue::from_str(&format!("bytes={}-{}", range.start, range.end - 1)) {
            Ok(value) => self.header(header::RANGE, value),
            Err(_) => self,
        }
    }

    /// Draws retries from this budget.
    #[must_use]
    pub fn budget(self, budget: RetryBudget) -> Self {
        self.option(budget)
    }

    /// Chooses which redirects are followed.
    #[must_use]
    pub fn redirects(self, redirects: RedirectPolicy) -> Self {
        self.option(redirects)
    }

    /// Lets it be repeated whatever its method: the caller knows that this does no harm.
    #[must_use]
    pub fn repeatable(self) -> Self {
        self.option(Repeatable)
    }

    /// Sends it over a new connection instead of an idle one.
    #[must_use]
    pub fn fresh(self, fresh: bool) -> Self {
        self.option(FreshConnection(fresh))
    }

    /// Bounds the wait for the head of the answer, the connection included. Running out counts against the host.
    #[must_use]
    pub fn timeout(self, limit: Duration) -> Self {
        self.option(HeadTimeout(limit))
    }

    /// Chooses which addresses it may be sent to: by default any address of a host that the user named.
    #[must_use]
    pub fn reach(self, reach: Reach) -> Self {
        self.option(reach)
    }

    /// Sends a body.
    #[must_use]
    pub fn body(self, body: Bytes) -> Self {
        self.edit(|request| *request.body_mut() = body)
    }

    fn option<T: Clone + Send + Sync + 'static>(self, value: T) -> Self {
        self.edit(|request| {
            request.extensions_mut().insert(value);
        })
    }

    fn edit(mut self, change: impl FnOnce(&mut Request<Bytes>)) -> Self {
        if let Ok(request) = &mut self.0 {
            change(request);
        }
        self
    }
}

impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Ok(request) => {
                let shown = url_of(request.uri()).map(|url| redact(&url)).unwrap_or_default();
                write!(f, "HttpRequest({} {shown})", request.method())
            }
            Err(error) => write!(f, "HttpRequest({error})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_written_inclusive() {
        let url = Url::parse("http://h/x").unwrap();
        let request = HttpRequest::get(url.clone()).range(ByteRange { start: 0, end: 1 });
        assert_eq!(request.build().unwrap().headers()[header::RANGE], "bytes=0-0");
        let request = HttpRequest::get(url).range(ByteRange { start: 5, end: 5 });
        assert!(request.build().unwrap().headers().is_empty());
    }

    #[test]
    fn request_debug_shows_no_secrets() {
        let url = Url::parse("https://h/x?sig=hush").unwrap();
        let request = HttpRequest::get(url).header(header::AUTHORIZATION, HeaderValue::from_static("Bearer hush"));
        assert_eq!(format!("{request:?}"), "HttpRequest(GET https://h/x)");
        let request = HttpRequest::get(Url::parse("https://me:hush@h/x").unwrap());
        assert!(!format!("{request:?}").contains("hush"));
        let request = HttpRequest::get(Url::parse("ftp://h/x?sig=hush").unwrap());
        assert!(!format!("{request:?} {:?}", request.clone().build().unwrap_err()).contains("hush"));
    }
}
