//! Raw responses of the Hub's API, for a mirror that passes them on.

use std::time::Duration;

use bytes::Bytes;
use cache_core::{Error, ErrorKind, Result, Retry, RetryBudget};
use cache_net::{HttpRequest, RedirectPolicy};
use http::{HeaderValue, header};
use url::Url;

use crate::HfSource;
use crate::api::{MAX_REPLY, reply_of};

/// A response of the Hub's API, errors included.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct HubResponse {
    /// The HTTP status.
    pub status: u16,
    /// `X-Error-Code` of a refusal.
    pub code: Option<String>,
    /// `X-Error-Message` of a refusal, or its body's `error`.
    pub message: Option<String>,
    /// The body of a success, at most 32 MiB; empty for a refusal.
    pub body: Bytes,
}

impl HfSource {
    /// Asks the API for one address below the endpoint: `/api/models/org/name`, percent-encoded. Each attempt may take so
    /// long until its head has come, and as long again for its body.
    ///
    /// # Errors
    /// [`ErrorKind::Network`] when there is no answer, and for 429 and the 5xx that may pass, with
    /// [`Retry::After`](cache_core::Retry::After) where the Hub says when to come back; [`ErrorKind::NotCached`] offline.
    pub async fn answer(&self, path: &str, budget: &RetryBudget, timeout: Duration) -> Result<HubResponse> {
        self.online(&path)?;
        let text = format!("{}{path}", self.api().routes().base());
        let url = Url::parse(&text).map_err(|error| {
            Error::new(ErrorKind::Usage, format!("{path} is not a valid URL: {error}")).with_hint("check the endpoint")
        })?;
        let request = HttpRequest::get(url)
            .header(header::ACCEPT, HeaderValue::from_static("application/json"))
            .budget(budget.clone())
            .timeout(timeout)
            .redirects(RedirectPolicy::FollowRelative);
        let response = self.api().http().send(request).await?;
        let status = response.status();
        if status.is_success() {
            let body = tokio::time::timeout(timeout, response.bytes(MAX_REPLY));
            let body = body.await.map_err(|_| slow(path, timeout))??;
            return Ok(HubResponse { status: status.as_u16(), code: None, message: None, body });
        }
        let reply = reply_of(response).await;
        Ok(HubResponse { status: reply.status, code: reply.code, message: reply.message, body: Bytes::new() })
    }
}

fn slow(path: &str, timeout: Duration) -> Error {
    Error::new(
        ErrorKind::Network,
        format!("GET {path}: timed out: response not complete within {} s", timeout.as_secs_f32()),
    )
    .with_hint("the server or the network is slow; try again later")
    .with_retry(Retry::Backoff)
}
