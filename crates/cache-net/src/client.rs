//! [`HttpClient`]: the stack, ready to use.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use cache_core::{Error, Result, RetryBudget};
use http::Request;
use tower::ServiceExt as _;

use crate::auth::AuthLayer;
use crate::concurrency_limit::{HoldPermit, Permit};
use crate::destination::Destination;
use crate::stack::{self, Shared};
use crate::{Breakers, Credentials, HttpConfig, HttpRequest, HttpResponse, Origin, Reach, error};

/// An HTTP client. Clones, and clones with other credentials, share connections, circuits and limits.
///
/// `Display` prints the stack: `destination(offline(trace(redirect(…))))`.
#[derive(Clone)]
pub struct HttpClient {
    shared: Arc<Shared>,
    auth: AuthLayer,
}

impl HttpClient {
    /// A client. Cheap: connections and certificates wait for the first request.
    ///
    /// # Errors
    /// None at present; settings that need the file system are checked at the first request.
    pub fn new(config: HttpConfig) -> Result<Self> {
        Ok(Self { shared: Arc::new(Shared::new(config)), auth: AuthLayer::default() })
    }

    /// The same client with these tokens instead of those it had. Each is sent to its own scheme, host and port only.
    #[must_use]
    pub fn with_credentials(mut self, credentials: Credentials) -> Self {
        self.auth = AuthLayer::new(credentials);
        self
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &HttpConfig {
        &self.shared.config
    }

    /// The circuits of all hosts.
    #[must_use]
    pub fn breakers(&self) -> &Breakers {
        &self.shared.breakers
    }

    /// Sends a request: retried, redirects followed, its place at the host held until the body has ended.
    ///
    /// Statuses are answers, with these exceptions: 408, 429 and the 5xx that may pass (all but 501 and 505) are
    /// repeated, and in the end an error.
    ///
    /// # Errors
    /// - [`NotCached`](cache_core::ErrorKind::NotCached): this is offline.
    /// - [`Network`](cache_core::ErrorKind::Network): no answer, or a refused redirect, after all retries.
    /// - [`Usage`](cache_core::ErrorKind::Usage): the address or the configuration cannot be used.
    pub async fn send(&self, request: HttpRequest) -> Result<HttpResponse> {
        let service = stack::http(&self.shared, &self.auth).into_service();
        service.oneshot(request.build()?).await.map(HttpResponse::new)
    }

    /// Runs any call that ends at one host through the same layers: offline, trace, retry, breaker, permit.
    ///
    /// `what` names it in errors and logs and must hold no secret. The call is repeated while its error says that it can
    /// help and the budget lasts, so it must be idempotent. Its place at the host is free again when it returns.
    ///
    /// # Errors
    /// Those of the call, and those of [`send`](Self::send).
    pub async fn guard<T, F, Fut>(&self, origin: &Origin, what: &str, budget: &RetryBudget, call: F) -> Result<T>
    where
        T: Send,
        F: FnMut() -> Fut + Send,
        Fut: Future<Output = Result<T>> + Send,
    {
        self.shared.transport.check(origin, Reach::Named).map_err(|error| error.context(what))?;
        let call = Mutex::new(call);
        let call = &call;
        let calls = tower::service_fn(move |_: Request<()>| {
            let future = (call.lock().unwrap_or_else(PoisonError::into_inner))();
            async move { future.await.map(CompletedCall) }
        });
        let mut request = Request::new(());
        request.extensions_mut().insert(Destination::external(origin, what));
        request.extensions_mut().insert(budget.clone());
        let service = stack::external(&self.shared, calls).into_service();
        service.oneshot(request).await.map(|CompletedCall(answer)| answer)
    }

    /// A reqwest builder with this client's timeouts, certificates and proxies, for libraries that want a client of
    /// their own. It follows no redirects and does not retry by default.
    ///
    /// # Errors
    /// [`Usage`](cache_core::ErrorKind::Usage) when the certificate file cannot be used.
    pub fn client_builder(&self) -> Result<reqwest::ClientBuilder> {
        let config = self.config();
        self.shared.transport.builder(Reach::Named).map(|builder| builder.read_timeout(config.read_timeout))
    }

    /// The error of a request that another library sent and got no answer to, in this client's words and with its
    /// [`Retry`](cache_core::Retry). The message does not name the request; the source has no address.
    #[must_use]
    pub fn diagnose(&self, origin: &Origin, error: reqwest::Error) -> Error {
        error::diagnose(error.into(), origin, self.config().connect_timeout)
    }
}

impl fmt::Display for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        stack::http(&self.shared, &self.auth).fmt(f)
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HttpClient({self})")
    }
}

/// The result of an external call, which has no body left to wait for.
struct CompletedCall<T>(T);

impl<T> HoldPermit for CompletedCall<T> {
    fn hold(&mut self, _: Permit) {}
}

#[cfg(test)]
mod tests;
