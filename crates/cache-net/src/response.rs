//! [`HttpResponse`]: what came back, and the redirects on the way.

use std::fmt;

use bytes::{Bytes, BytesMut};
use cache_core::{ByteStream, Error, ErrorKind, Result};
use futures::StreamExt as _;
use http::{HeaderMap, Response, StatusCode, header};
use serde::de::DeserializeOwned;
use url::Url;

use crate::concurrency_limit::{HoldPermit, Permit};
use crate::idle::IdleBody;
use crate::{Origin, Reach, redact};

/// One redirect on the way to the answer. `Debug` shows neither query nor headers.
#[derive(Clone)]
#[non_exhaustive]
pub struct Hop {
    /// The requested URL. May be signed: never print or store it.
    pub url: Url,
    /// The redirect's status.
    pub status: StatusCode,
    /// The redirect's headers; the Hub's metadata is on them and not on the final answer.
    pub headers: HeaderMap,
}

impl fmt::Debug for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hop({} {})", self.status.as_u16(), redact(&self.url))
    }
}

/// Extension of a response: the redirects on the way to it.
#[derive(Clone)]
pub(crate) struct Hops(pub(crate) Vec<Hop>);

/// Extension of a response: its server has no public address.
#[derive(Clone, Copy)]
pub(crate) struct InternalPeer;

/// An answer whose body has not been read yet. Dropping it ends the request and frees its place at the host.
pub struct HttpResponse(Response<IdleBody>);

impl HttpResponse {
    pub(crate) fn new(response: Response<IdleBody>) -> Self {
        Self(response)
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.0.status()
    }

    /// The headers of the final answer.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        self.0.headers()
    }

    /// Final URL after all redirects. May be signed: never print or store it.
    #[must_use]
    pub fn url(&self) -> &Url {
        self.0.body().url()
    }

    /// Address policy of the last request: it also holds for later requests to [`url`](Self::url).
    #[must_use]
    pub fn reach(&self) -> Reach {
        self.0.extensions().get().copied().unwrap_or(Reach::Public)
    }

    /// The redirects on the way, the first one first.
    #[must_use]
    pub fn hops(&self) -> &[Hop] {
        self.0.extensions().get().map_or(&[], |Hops(hops)| hops)
    }

    /// The host that answered, with its port where it is not the usual one: for people.
    #[must_use]
    pub fn host(&self) -> String {
        Origin::of(self.url()).map(|origin| origin.authority()).unwrap_or_default()
    }

    /// `Content-Length`, if there is a valid one. Of a reply to `HEAD` it is the length that a `GET` would have.
    #[must_use]
    pub fn content_length(&self) -> Option<u64> {
        crate::header::number(self.headers().get(header::CONTENT_LENGTH)?)
    }

    /// The body as it arrives. A silence longer than the read timeout is an error.
    #[must_use]
    pub fn into_body(self) -> ByteStream {
        Box::pin(self.0.into_body())
    }

    /// The whole body, if it has at most `cap` bytes.
    ///
    /// # Errors
    /// [`ErrorKind::Network`] when it is longer or breaks off.
    pub async fn bytes(self, cap: usize) -> Result<Bytes> {
        let (url, host) = (redact(self.url()), self.host());
        self.bytes_up_to(cap).await?.ok_or_else(|| {
            Error::new(ErrorKind::Network, format!("{url}: response longer than {cap} bytes"))
                .with_host(host)
                .with_hint("the host is not the expected server, or a proxy answers instead")
        })
    }

    /// The whole body; `None` when it is longer than `cap` bytes.
    pub(crate) async fn bytes_up_to(self, cap: usize) -> Result<Option<Bytes>> {
        if self.content_length().is_some_and(|length| usize::try_from(length).is_ok_and(|length| length > cap)) {
            return Ok(None);
        }
        let mut body = self.0.into_body();
        let mut whole = BytesMut::new();
        while let Some(chunk) = body.next().await {
            let chunk = chunk?;
            if chunk.len() > cap - whole.len() {
                return Ok(None);
            }
            whole.extend_from_slice(&chunk);
        }
        Ok(Some(whole.freeze()))
    }

    /// The whole body as text; `None` when it is longer than `cap` bytes or no text. Nothing is read beyond the first
    /// bytes that are none: a NUL, or invalid UTF-8.
    pub(crate) async fn text_up_to(self, cap: usize) -> Result<Option<String>> {
        if self.content_length().is_some_and(|length| usize::try_from(length).is_ok_and(|length| length > cap)) {
            return Ok(None);
        }
        let mut body = self.0.into_body();
        let (mut whole, mut checked) = (Vec::new(), 0);
        while let Some(chunk) = body.next().await {
            let chunk = chunk?;
            if chunk.len() > cap - whole.len() {
                return Ok(None);
            }
            whole.extend_from_slice(&chunk);
            match text_in(&whole[checked..]) {
                Some(length) => checked += length,
                None => return Ok(None),
            }
        }
        Ok(String::from_utf8(whole).ok())
    }

    /// The body read as JSON, if it has at most `cap` bytes.
    ///
    /// # Errors
    /// [`ErrorKind::Network`] when it is longer, breaks off, or is not what was expected.
    pub async fn json<T: DeserializeOwned>(self, cap: usize) -> Result<T> {
        let (url, host) = (redact(self.url()), self.host());
        let bytes = self.bytes(cap).await?;
        serde_json::from_slice(&bytes).map_err(|error| {
            Error::new(ErrorKind::Network, format!("{url}: invalid JSON: {error}"))
                .with_host(host)
                .with_hint("a sign-in page or a proxy may have answered; check the address and the network")
                .with_source(error)
        })
    }
}

impl HoldPermit for Response<IdleBody> {
    fn hold(&mut self, permit: Permit) {
        self.body_mut().hold(permit);
    }
}

impl fmt::Debug for HttpResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (status, url, hops) = (self.status().as_u16(), redact(self.url()), self.hops());
        write!(f, "HttpResponse({status} {url}, {hops:?})")
    }
}

/// How many of these bytes are whole characters; `None` if they do not begin a text. The last one may be cut.
fn text_in(bytes: &[u8]) -> Option<usize> {
    if bytes.contains(&0) {
        return None;
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(text.len()),
        Err(error) => error.error_len().is_none().then(|| error.valid_up_to()),
    }
}

#[cfg(test)]
mod tests {
    use super::text_in;

    #[test]
    fn a_text_may_be_cut_within_a_character() {
        let text = "aé€".as_bytes();
        let whole = (0..=text.len()).map(|length| text_in(&text[..length]));
        assert_eq!(whole.collect::<Vec<_>>(), [0, 1, 1, 3, 3, 3, 6].map(Some));
        assert_eq!(text_in(&text[2..]), None);
        assert_eq!(text_in(b"a\0"), None);
    }
}
