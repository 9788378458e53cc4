//! Sending parts to S3, and going on with those that an earlier push has sent.
//!
//! `object_store` does not list parts, so these requests are made here, and signed by it.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html>

use std::collections::HashMap;
use std::fmt::Write as _;

use bytes::Bytes;
use cache_core::{Error, ErrorKind, Result, Sha256};
use cache_net::{HttpRequest, HttpResponse, RedirectPolicy};
use futures::{StreamExt as _, TryStreamExt as _};
use http::{HeaderValue, Method, header};
use object_store::aws::AwsAuthorizer;
use url::Url;

use super::local::PartRange;
use super::upload::Upload;
use crate::address::S3Address;
use crate::error::CloudErrorResponse;
use crate::{checksum, xml};

/// Longest list of uploads or parts that is read.
const MAX_LIST: usize = 8 << 20;

/// Most pages of parts: S3 has 1,000 on each and takes 10,000 in all.
const MAX_PAGES: usize = 64;

/// A part that is already uploaded.
#[derive(Debug, Clone)]
struct UploadedPart {
    number: usize,
    etag: String,
    size: u64,
    /// In base64.
    sha256: Option<String>,
}

/// A request that is to be signed.
struct Unsigned<'a> {
    method: Method,
    /// Of the bucket itself when empty.
    key: &'a str,
    query: Vec<(&'a str, &'a str)>,
    body: Bytes,
    /// Of the body, if it is known.
    digest: Option<Sha256>,
    checksum: bool,
}

impl<'a> Unsigned<'a> {
    fn new(method: Method, key: &'a str, query: Vec<(&'a str, &'a str)>) -> Self {
        Self { method, key, query, body: Bytes::new(), digest: None, checksum: false }
    }
}

impl Upload<'_> {
    /// Uploads missing parts and completes the object. `fresh`: ignores parts that are already there.
    pub(super) async fn send_parts_to_s3(&self, s3: &S3Address, fresh: bool) -> Result<u64> {
        let key = self.object.key.as_str();
        let found = if fresh { None } else { self.find_upload(s3).await? };
        let (id, there) = match found {
            Some(id) => {
                let parts = self.list_parts(s3, &id).await?;
                (id, parts)
            }
            None => (self.create(s3).await?, HashMap::new()),
        };
        let fits = |number: usize, span: PartRange| there.get(&number).filter(|part| part.size == span.length).cloned();
        let spans: Vec<(PartRange, Option<UploadedPart>)> =
            (1..).zip(self.local.parts(self.part_size)).map(|(number, span)| (span, fits(number, span))).collect();
        let kept = spans.iter().filter(|(_, part)| part.is_some());
        let resumed = kept.map(|(span, _)| span.length).sum();
        self.started(resumed);
        let upload = id.as_str();
        let parts = (1..)
            .zip(spans)
            .map(|(number, (span, kept))| async move { self.part(s3, upload, number, span, kept).await });
        let side_by_side = self.options.concurrency.clamp(1, 64);
        let parts: Vec<(UploadedPart, u64)> = futures::stream::iter(parts).buffered(side_by_side).try_collect().await?;
        match self.complete(s3, &id, &parts).await {
            // What an earlier push left does not fit.
            Err(error) if resumed > 0 && error.kind() == ErrorKind::Network => {
                tracing::debug!(key, %error, "sending all parts anew");
                return Box::pin(self.send_parts_to_s3(s3, true)).await;
            }
            other => other?,
        }
        tracing::debug!(key, parts = parts.len(), "the parts were put together");
        Ok(parts.iter().map(|(_, sent)| sent).sum())
    }

    /// One part, and how many bytes were sent for it.
    async fn part(
        &self,
        s3: &S3Address,
        id: &str,
        number: usize,
        span: PartRange,
        kept: Option<UploadedPart>,
    ) -> Result<(UploadedPart, u64)> {
        let _place = self.places(span.length).await?;
        let (bytes, digest) = self.local.read(span).await?;
        let sha256 = checksum::encode(digest);
        if let Some(part) = kept {
            // A server that lists no checksums of parts compares them when the parts are put together.
            if part.sha256.as_ref().is_none_or(|known| *known == sha256) {
                return Ok((UploadedPart { sha256: Some(sha256), ..part }, 0));
            }
            self.progress.event(&cache_core::Event::Advanced {
                path: &self.object.path,
                bytes: i64::try_from(span.length).map_or(0, |length| -length),
            });
        }
        let text = number.to_string();
        let query = vec![("partNumber", text.as_str()), ("uploadId", id)];
        let mut request = Unsigned::new(Method::PUT, &self.object.key, query);
        (request.body, request.digest, request.checksum) = (bytes, Some(digest), true);
        let answer = self.ask_s3(s3, request).await?;
        let said = answer.headers().get(checksum::HEADER).and_then(|value| value.to_str().ok());
        if said.is_some_and(|said| said != sha256) {
            return Err(self.nonsense("another checksum than that of the part it was sent"));
        }
        let etag = answer.headers().get(header::ETAG).and_then(|value| value.to_str().ok());
        let etag = etag.ok_or_else(|| self.nonsense("no tag for a part"))?.to_owned();
        self.advanced(span.length);
        Ok((UploadedPart { number, etag, size: span.length, sha256: Some(sha256) }, span.length))
    }

    /// The upload of this object that an earlier push began last.
    async fn find_upload(&self, s3: &S3Address) -> Result<Option<String>> {
        let key = self.object.key.as_str();
        let request = Unsigned::new(Method::GET, "", vec![("prefix", key), ("uploads", "")]);
        let text = match self.text_of_s3(s3, request).await {
            Ok(text) => text,
            // Not everyone may list them, and not every server can.
            Err(error) if error.kind() != ErrorKind::Network => return Ok(None),
            Err(error) => return Err(error),
        };
        let own = xml::elements(&text, "Upload").filter(|upload| xml::text(upload, "Key").as_deref() == Some(key));
        let last = own.max_by_key(|upload| xml::text(upload, "Initiated"));
        Ok(last.and_then(|upload| xml::text(upload, "UploadId")))
    }

    async fn list_parts(&self, s3: &S3Address, id: &str) -> Result<HashMap<usize, UploadedPart>> {
        let mut parts = HashMap::new();
        let mut after = String::new();
        for _ in 0..MAX_PAGES {
            let mut query = vec![("uploadId", id)];
            if !after.is_empty() {
                query.insert(0, ("part-number-marker", after.as_str()));
            }
            let text = self.text_of_s3(s3, Unsigned::new(Method::GET, &self.object.key, query)).await?;
            parts.extend(xml::elements(&text, "Part").filter_map(listed).map(|part| (part.number, part)));
            let next = xml::text(&text, "NextPartNumberMarker").filter(|next| *next != after);
            match next {
                Some(next) if xml::text(&text, "IsTruncated").as_deref() == Some("true") => after = next,
                _ => break,
            }
        }
        Ok(parts)
    }

    async fn create(&self, s3: &S3Address) -> Result<String> {
        let mut request = Unsigned::new(Method::POST, &self.object.key, vec![("uploads", "")]);
        request.checksum = true;
        let text = self.text_of_s3(s3, request).await?;
        xml::text(&text, "UploadId").ok_or_else(|| self.nonsense("no upload to send parts to"))
    }

    async fn complete(&self, s3: &S3Address, id: &str, parts: &[(UploadedPart, u64)]) -> Result<()> {
        let mut body = String::from("<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
        for (part, _) in parts {
            let etag = xml::escaped(&part.etag);
            let _ = write!(body, "<Part><PartNumber>{}</PartNumber><ETag>{etag}</ETag>", part.number);
            if let Some(sha256) = &part.sha256 {
                let _ = write!(body, "<ChecksumSHA256>{}</ChecksumSHA256>", xml::escaped(sha256));
            }
            body.push_str("</Part>");
        }
        body.push_str("</CompleteMultipartUpload>");
        let mut request = Unsigned::new(Method::POST, &self.object.key, vec![("uploadId", id)]);
        request.body = body.into();
        let text = self.text_of_s3(s3, request).await?;
        match CloudErrorResponse::late(&self.store.host, &text) {
            Some(reply) => Err(self.store.refused(&self.object.key, &reply)),
            None => Ok(()),
        }
    }

    async fn text_of_s3(&self, s3: &S3Address, request: Unsigned<'_>) -> Result<String> {
        let bytes = self.ask_s3(s3, request).await?.bytes(MAX_LIST).await?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Signs and sends. Repeating any of these requests does no more than leave an upload behind.
    async fn ask_s3(&self, s3: &S3Address, request: Unsigned<'_>) -> Result<HttpResponse> {
        let mut url = format!("{}/{}", s3.bucket, encoded(request.key, true));
        for (index, (name, value)) in request.query.iter().enumerate() {
            let _ = write!(url, "{}{name}={}", if index == 0 { '?' } else { '&' }, encoded(value, false));
        }
        let unusable = |error: &dyn std::fmt::Display| {
            Error::new(ErrorKind::Usage, format!("{}: invalid URL: {error}", self.store.shown(request.key)))
        };
        let mut signed = http::Request::new(object_store::client::HttpRequestBody::from(request.body.clone()));
        *signed.method_mut() = request.method;
        *signed.uri_mut() = url.parse().map_err(|error: http::uri::InvalidUri| unusable(&error))?;
        if request.checksum {
            let (name, value) = match request.digest {
                Some(digest) => (checksum::HEADER, checksum::encode(digest)),
                None => ("x-amz-checksum-algorithm", "SHA256".to_owned()),
            };
            let value = HeaderValue::try_from(value).map_err(|error| unusable(&error))?;
            signed.headers_mut().insert(name, value);
        }
        if !s3.anonymous {
            let credential = s3.credentials.get_credential().await.map_err(|error| self.store.explain(&error))?;
            let digest = request.digest.map(|digest| *digest.as_bytes());
            AwsAuthorizer::new(&credential, "s3", &s3.region)
                .try_authorize(&mut signed, digest.as_ref().map(<[u8; 32]>::as_slice))
                .map_err(|error| self.store.explain(&error))?;
        }
        let (parts, _) = signed.into_parts();
        let url = Url::parse(&url).map_err(|error| unusable(&error))?;
        let sent = HttpRequest::new(parts.method, url)
            .headers(parts.headers)
            .redirects(RedirectPolicy::None)
            .budget(self.budget.clone())
            .repeatable()
            .body(request.body);
        let answer = self.store.http.send(sent).await?;
        if answer.status().is_success() { Ok(answer) } else { Err(self.store.refusal(request.key, answer).await) }
    }

    fn nonsense(&self, what: &str) -> Error {
        Error::new(ErrorKind::Network, format!("{}: the host gave {what}", self.store.shown(&self.object.key)))
            .with_host(&*self.store.host)
            .with_hint("the server is faulty")
    }
}

fn listed(part: &str) -> Option<UploadedPart> {
    Some(UploadedPart {
        number: xml::text(part, "PartNumber")?.parse().ok()?,
        etag: xml::text(part, "ETag")?,
        size: xml::text(part, "Size")?.parse().ok()?,
        sha256: xml::text(part, "ChecksumSHA256").filter(|text| checksum::decode(text).is_some()),
    })
}

/// Percent-encodes all but the unreserved characters, as the signature wants it.
fn encoded(text: &str, slashes: bool) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            b'/' if slashes => encoded.push('/'),
            _ => {
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_encoded_as_the_signature_wants_them() {
        assert_eq!(encoded("a/b c+ä~", true), "a/b%20c%2B%C3%A4~");
        assert_eq!(encoded("a/b", false), "a%2Fb");
    }

    #[test]
    fn a_listed_part_is_read() {
        let sum = checksum::encode(checksum::of(b"x"));
        let text = format!(
            "<PartNumber>3</PartNumber><ETag>&quot;e&quot;</ETag><Size>7</Size><ChecksumSHA256>{sum}</ChecksumSHA256>"
        );
        let part = listed(&text).unwrap();
        assert_eq!((part.number, &*part.etag, part.size, part.sha256), (3, "\"e\"", 7, Some(sum)));
        assert!(listed("<PartNumber>x</PartNumber>").is_none());
    }
}
