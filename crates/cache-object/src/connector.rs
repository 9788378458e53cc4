//! Carries what `object_store` asks through our own stack.

use std::error::Error as StdError;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use cache_core::{BucketKind, Error, ErrorKind, Result, Retry, RetryBudget};
use cache_net::{HttpClient, HttpRequest, Reach, RedirectPolicy};
use http::{Extensions, StatusCode};
use http_body_util::BodyExt as _;
use object_store::ClientOptions;
use object_store::client::{self, HttpConnector, HttpError, HttpErrorKind, HttpResponseBody, HttpService};
use url::{Host, Url};

use crate::config::is_yes;
use crate::error;

/// Longest wait for the service that gives a machine in a cloud its credentials. On every other machine nothing answers
/// there.
const METADATA_PATIENCE: Duration = Duration::from_secs(2);

/// Longest answer that `object_store` reads itself. A page of Azure's lists has 5,000 names of up to 1 KiB.
const MAX_ANSWER: usize = 32 << 20;

/// Per-request data that travels in the request extensions, past `object_store`.
#[derive(Clone, Default)]
pub(crate) struct RequestContext {
    budget: RetryBudget,
    fresh: bool,
    answer: Arc<Mutex<Option<Result<cache_net::HttpResponse>>>>,
}

impl RequestContext {
    /// A context whose response is returned as is, whatever its status, and not to `object_store`.
    pub(crate) fn new(budget: &RetryBudget) -> Self {
        Self { budget: budget.clone(), fresh: false, answer: Arc::default() }
    }

    /// The same over a new connection.
    pub(crate) fn fresh(self, fresh: bool) -> Self {
        Self { fresh, ..self }
    }

    pub(crate) fn extensions(&self) -> Extensions {
        let mut extensions = Extensions::new();
        extensions.insert(self.clone());
        extensions
    }

    /// The answer; `None` if no request came to be.
    pub(crate) fn answer(self) -> Option<Result<cache_net::HttpResponse>> {
        self.answer.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn put(&self, answer: Result<cache_net::HttpResponse>) {
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
    }
}

/// Makes `object_store` use our client.
#[derive(Debug, Clone)]
pub(crate) struct Connector {
    pub(crate) http: HttpClient,
    pub(crate) kind: BucketKind,
    /// The bucket, for people.
    pub(crate) shown: String,
}

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<client::HttpClient> {
        Ok(client::HttpClient::new(self.clone()))
    }
}

#[async_trait]
impl HttpService for Connector {
    async fn call(&self, request: client::HttpRequest) -> Result<client::HttpResponse, HttpError> {
        let (parts, body) = request.into_parts();
        let context = parts.extensions.get::<RequestContext>().cloned();
        let budget = context.as_ref().map(|context| &context.budget).or_else(|| parts.extensions.get());
        let budget = budget.cloned().unwrap_or_default();
        let url = Url::parse(&parts.uri.to_string()).map_err(|error| HttpError::new(HttpErrorKind::Unknown, error))?;
        // One piece stays what it is.
        let body = body.collect().await?.to_bytes();
        let metadata = is_metadata(&url);
        let request = HttpRequest::new(parts.method, url)
            .headers(parts.headers)
            .body(body)
            .redirects(RedirectPolicy::None)
            .budget(if metadata { RetryBudget::none() } else { budget })
            .fresh(context.as_ref().is_some_and(|context| context.fresh));
        if metadata {
            return self
                .ask_metadata(request.reach(Reach::Any))
                .await
                .map_err(|error| carried(error.with_source(NoMetadata)));
        }
        let answer = self.http.send(request).await;
        match context {
            Some(context) => Ok(deliver(&context, answer)),
            None => self.pass(answer).await.map_err(carried),
        }
    }
}

impl Connector {
    /// Gives `object_store` a success, and a refusal as a typed error.
    async fn pass(&self, answer: Result<cache_net::HttpResponse>) -> Result<client::HttpResponse> {
        let answer = answer?;
        if !answer.status().is_success() {
            return Err(error::error_of(self.kind, &self.shown, &error::CloudErrorResponse::of(answer).await));
        }
        handed(answer).await
    }

    /// Asks the service that gives a machine in a cloud its credentials.
    async fn ask_metadata(&self, request: HttpRequest) -> Result<client::HttpResponse> {
        let none = |why: &str| Error::new(ErrorKind::Network, format!("{}: {why}", self.shown));
        if self.kind == BucketKind::S3 && is_yes("AWS_EC2_METADATA_DISABLED") {
            return Err(none("the metadata service is not to be asked"));
        }
        let answer = tokio::time::timeout(METADATA_PATIENCE, self.http.send(request)).await;
        let answer = answer.unwrap_or_else(|_| Err(none("the metadata service does not answer")))?;
        if answer.status().is_success() { handed(answer).await } else { Err(none("the metadata service refuses")) }
    }
}

/// A success, whole.
async fn handed(answer: cache_net::HttpResponse) -> Result<client::HttpResponse> {
    let (status, headers) = (answer.status(), answer.headers().clone());
    let mut response = http::Response::new(HttpResponseBody::from(answer.bytes(MAX_ANSWER).await?));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

/// Keeps the answer and tells `object_store` that all is done.
fn deliver(context: &RequestContext, answer: Result<cache_net::HttpResponse>) -> client::HttpResponse {
    context.put(answer);
    let mut response = http::Response::new(HttpResponseBody::from(Vec::new()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// Nothing answered where a machine in a cloud finds its credentials.
#[derive(Debug)]
pub(crate) struct NoMetadata;

impl fmt::Display for NoMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this machine has no metadata service")
    }
}

impl StdError for NoMetadata {}

fn is_metadata(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_link_local(),
        Some(Host::Ipv6(address)) => address.is_unicast_link_local() || address.is_unique_local(),
        Some(Host::Domain(name)) => matches!(name, "metadata.google.internal" | "metadata"),
        None => false,
    }
}

fn carried(error: Error) -> HttpError {
    HttpError::new(HttpErrorKind::Unknown, error)
}

/// Our own error out of one of `object_store`, which wraps it several times.
pub(crate) fn unwrapped(error: &(dyn StdError + 'static)) -> Option<Error> {
    causes(error).find_map(|cause| cause.downcast_ref::<Error>().cloned())
}

/// Whether credentials were looked for everywhere in vain.
pub(crate) fn found_no_credentials(error: &(dyn StdError + 'static)) -> bool {
    causes(error).any(<dyn StdError>::is::<NoMetadata>)
}

fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// An error of `object_store` about an answer, as an error of the cache.
pub(crate) fn nonsense(error: &object_store::Error, host: &str) -> Error {
    Error::new(ErrorKind::Network, format!("the object store's answer cannot be used: {error}"))
        .with_host(host)
        .with_retry(Retry::Never)
        .with_hint("check the endpoint: something else may answer there")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_metadata_services_are_known() {
        for (text, is) in [
            ("http://169.254.169.254/latest/api/token", true),
            ("http://169.254.170.2/v2/credentials", true),
            ("http://metadata.google.internal/computeMetadata", true),
            ("http://[fd00:ec2::254]/latest", true),
            ("http://127.0.0.1:9000/bucket", false),
            ("https://s3.eu-west-1.amazonaws.com/bucket", false),
        ] {
            assert_eq!(is_metadata(&Url::parse(text).unwrap()), is, "{text}");
        }
    }

    #[test]
    fn our_errors_come_out_as_they_went_in() {
        let error = Error::new(ErrorKind::NotCached, "offline").with_source(NoMetadata);
        let wrapped = object_store::Error::Generic { store: "S3", source: Box::new(carried(error)) };
        assert_eq!(unwrapped(&wrapped).unwrap().kind(), ErrorKind::NotCached);
        assert!(found_no_credentials(&wrapped));
    }
}
