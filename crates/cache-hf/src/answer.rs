//! Answers of the Hub's API as they come, for whoever serves them on.

use bytes::Bytes;
use cache_core::{Error, ErrorKind, Result, RetryBudget};
use cache_net::{HttpRequest, RedirectPolicy};
use http::{HeaderValue, header};
use url::Url;

use crate::HfSource;
use crate::api::{MAX_REPLY, reply_of};

/// What the Hub's API answered, a refusal included.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct HubAnswer {
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
    /// Asks the API for one address below the endpoint: `/api/models/org/name`, percent-encoded.
    ///
    /// # Errors
    /// [`ErrorKind::Network`] when there is no answer, and for 429 and the 5xx that may pass, with
    /// [`Retry::After`](cache_core::Retry::After) where the Hub says when to come back; [`ErrorKind::NotCached`] offline.
    pub async fn answer(&self, path: &str, budget: &RetryBudget) -> Result<HubAnswer> {
        self.online(&path)?;
        let text = format!("{}{path}", self.api().routes().base());
        let url = Url::parse(&text).map_err(|error| {
            Error::new(ErrorKind::Usage, format!("{path} is no address: {error}")).with_hint("check the endpoint")
        })?;
        let request = HttpRequest::get(url)
            .header(header::ACCEPT, HeaderValue::from_static("application/json"))
            .budget(budget.clone())
            .redirects(RedirectPolicy::FollowRelative);
        let response = self.api().http().send(request).await?;
        let status = response.status();
        if status.is_success() {
            let body = response.bytes(MAX_REPLY).await?;
            return Ok(HubAnswer { status: status.as_u16(), code: None, message: None, body });
        }
        let reply = reply_of(response).await;
        Ok(HubAnswer { status: reply.status, code: reply.code, message: reply.message, body: Bytes::new() })
    }
}
