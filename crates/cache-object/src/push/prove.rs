//! Whether an object in the bucket has the bytes that it should have.

use cache_core::{BucketKind, Error, ErrorKind, Hasher, Result};
use futures::StreamExt as _;
use http::HeaderMap;

use super::Verify;
use super::upload::Upload;
use crate::checksum;
use crate::refusal::Reply;
use crate::store::Ask;

/// What is known of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    /// It has these bytes.
    Same,
    /// It has others.
    Other,
    /// There is none.
    Absent,
}

impl Upload<'_> {
    /// Looks at what lies there.
    pub(super) async fn prove(&self) -> Result<Proof> {
        let (object, store) = (self.object, self.store);
        let head = Ask { head: true, ..Ask::default() };
        let answer = store.ask(&object.key, head, &self.budget).await?;
        if !answer.status().is_success() {
            return match Reply::of(answer).await {
                reply if reply.is_absent() => Ok(Proof::Absent),
                reply => Err(store.refused(&object.key, &reply)),
            };
        }
        if answer.content_length() != Some(object.size) {
            return Ok(Proof::Other);
        }
        if self.options.verify == Verify::Checksums
            && store.kind == BucketKind::S3
            && let Some(same) = self.compare(answer.headers()).await?
        {
            return Ok(if same { Proof::Same } else { Proof::Other });
        }
        drop(answer);
        self.read_back().await
    }

    /// Compares the checksum that S3 keeps; `None` where it keeps none, or one of parts that were cut otherwise.
    async fn compare(&self, headers: &HeaderMap) -> Result<Option<bool>> {
        if let Some(sha256) = checksum::of_object(headers) {
            return Ok(Some(sha256 == self.object.sha256));
        }
        let kept = headers.get(checksum::HEADER).and_then(|value| value.to_str().ok());
        let Some((_, count)) = kept.and_then(|kept| kept.split_once('-')) else { return Ok(None) };
        if count.parse().ok() != Some(self.local.parts(self.part_size).len()) {
            return Ok(None);
        }
        let mut hasher = Hasher::new();
        for digest in self.local.digests(self.part_size).await? {
            hasher.update(digest.as_bytes());
        }
        let own = format!("{}-{count}", checksum::encode(hasher.finish().sha256));
        // Another cut in as many parts cannot be told from other bytes.
        Ok((kept == Some(&*own)).then_some(true))
    }

    async fn read_back(&self) -> Result<Proof> {
        let (object, store) = (self.object, self.store);
        let answer = store.ask(&object.key, Ask::default(), &self.budget).await?;
        if !answer.status().is_success() {
            return match Reply::of(answer).await {
                reply if reply.is_absent() => Ok(Proof::Absent),
                reply if reply.status == http::StatusCode::FORBIDDEN => Err(Error::new(
                    ErrorKind::Unauthorized,
                    format!("{}: cannot be read back to verify it", store.shown(&object.key)),
                )
                .with_host(&*store.host)
                .with_hint("this server keeps no checksums; give the credentials the permission to read")),
                reply => Err(store.refused(&object.key, &reply)),
            };
        }
        let mut hasher = Hasher::new();
        let mut body = answer.into_body();
        while let Some(bytes) = body.next().await {
            hasher.update(&bytes?);
        }
        Ok(if hasher.finish().sha256 == object.sha256 { Proof::Same } else { Proof::Other })
    }
}
