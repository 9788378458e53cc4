//! [`HttpRequest`]: what to ask.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cache_core::{ByteRange, Error, ErrorKind, Result, RetryBudget};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use url::Url;

use crate::{Call, Origin, Reach, redact};

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

/// A request. `Debug` shows neither the query nor any header.
#[derive(Clone)]
#[non_exhaustive]
pub struct HttpRequest {
    /// The method. Only the idempotent ones are repeated.
    pub method: Method,
    /// The URL. It must not carry a user name or password.
    pub url: Url,
    /// The headers. Authorisation by [`crate::Credentials`] is added on the way.
    pub headers: HeaderMap,
    /// The retries it may use.
    pub budget: RetryBudget,
    /// Redirect policy.
    pub redirects: RedirectPolicy,
    /// The body, if there is one.
    pub body: Option<Bytes>,
    /// Whether it may be repeated although its method does not promise that this does no harm.
    pub repeatable: bool,
    /// Whether it goes over a new connection, which is closed afterwards.
    pub fresh: bool,
    /// Longest wait for the head of the answer, where the client's own is longer.
    pub timeout: Option<Duration>,
    /// Address policy: by default any address of a host that the user named.
    pub reach: Reach,
}

impl HttpRequest {
    /// A request without a body.
    #[must_use]
    pub fn new(method: Method, url: Url) -> Self {
        Self {
            method,
            url,
            headers: HeaderMap::new(),
            budget: RetryBudget::default(),
            redirects: RedirectPolicy::default(),
            body: None,
            repeatable: false,
            fresh: false,
            timeout: None,
            reach: Reach::default(),
        }
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

    /// Sets a header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Asks for some bytes only. An empty range asks for nothing and is left out.
    #[must_use]
    pub fn range(mut self, range: ByteRange) -> Self {
        if !range.is_empty()
            && let Ok(value) = HeaderValue::from_str(&format!("bytes={}-{}", range.start, range.end - 1))
        {
            self.headers.insert(header::RANGE, value);
        }
        self
    }

    /// Draws retries from this budget.
    #[must_use]
    pub fn budget(mut self, budget: RetryBudget) -> Self {
        self.budget = budget;
        self
    }

    /// Chooses which redirects are followed.
    #[must_use]
    pub fn redirects(mut self, redirects: RedirectPolicy) -> Self {
        self.redirects = redirects;
        self
    }

    /// Lets it be repeated whatever its method: the caller knows that this does no harm.
    #[must_use]
    pub fn repeatable(mut self) -> Self {
        self.repeatable = true;
        self
    }

    /// Sends it over a new connection instead of an idle one.
    #[must_use]
    pub fn fresh(mut self, fresh: bool) -> Self {
        self.fresh = fresh;
        self
    }

    /// Bounds the wait for the head of the answer, the connection included. Running out counts against the host.
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = Some(limit);
        self
    }

    /// Chooses which addresses it may be sent to.
    #[must_use]
    pub fn reach(mut self, reach: Reach) -> Self {
        self.reach = reach;
        self
    }

    /// Sends a body.
    #[must_use]
    pub fn body(mut self, body: Bytes) -> Self {
        self.body = Some(body);
        self
    }
}

impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HttpRequest({} {})", self.method, redact(&self.url))
    }
}

/// A request on its way through the stack, with its origin checked and its name for people made once.
#[derive(Debug, Clone)]
pub struct PreparedRequest {
    request: HttpRequest,
    origin: Origin,
    what: Arc<str>,
}

impl PreparedRequest {
    /// Checks where a request goes.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when the URL is not http(s), or carries a user name or password.
    pub fn new(request: HttpRequest) -> Result<Self> {
        let origin = Origin::of(&request.url)?;
        let what = format!("{} {}", request.method, redact(&request.url));
        if !request.url.username().is_empty() || request.url.password().is_some() {
            return Err(Error::new(ErrorKind::Usage, format!("{what}: the URL has a user name or password"))
                .with_host(origin.authority())
                .with_hint("leave them out of the address; give a token instead"));
        }
        Ok(Self { request, origin, what: what.into() })
    }

    /// The request.
    #[must_use]
    pub fn request(&self) -> &HttpRequest {
        &self.request
    }

    pub(crate) fn request_mut(&mut self) -> &mut HttpRequest {
        &mut self.request
    }

    pub(crate) fn into_request(self) -> HttpRequest {
        self.request
    }
}

impl Call for PreparedRequest {
    fn origin(&self) -> &Origin {
        &self.origin
    }

    fn description(&self) -> &str {
        &self.what
    }

    fn budget(&self) -> &RetryBudget {
        &self.request.budget
    }

    fn is_idempotent(&self) -> bool {
        self.request.repeatable || self.request.method.is_idempotent()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_written_inclusive() {
        let url = Url::parse("http://h/x").unwrap();
        let request = HttpRequest::get(url.clone()).range(ByteRange { start: 0, end: 1 });
        assert_eq!(request.headers[header::RANGE], "bytes=0-0");
        assert!(HttpRequest::get(url).range(ByteRange { start: 5, end: 5 }).headers.is_empty());
    }

    #[test]
    fn request_debug_shows_no_secrets() {
        let url = Url::parse("https://h/x?sig=hush").unwrap();
        let request = HttpRequest::get(url).header(header::AUTHORIZATION, HeaderValue::from_static("Bearer hush"));
        let prepared = PreparedRequest::new(request).unwrap();
        assert!(!format!("{prepared:?} {}", prepared.description()).contains("hush"));
        let error = PreparedRequest::new(HttpRequest::get(Url::parse("https://me:hush@h/x").unwrap())).unwrap_err();
        assert!(!format!("{error:?}").contains("hush"));
        assert_eq!(error.kind(), ErrorKind::Usage);
    }
}
