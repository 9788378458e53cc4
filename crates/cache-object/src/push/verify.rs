//! Verification of an object in the bucket.

use cache_core::{BucketKind, Error, ErrorKind, Hasher, Result};
use futures::StreamExt as _;
use http::HeaderMap;

use super::options::Verify;
use super::upload::{ObjectState, Upload};
use crate::checksum;
use crate::error::CloudErrorResponse;
use crate::store::ObjectReadOptions;

impl Upload<'_> {
    /// Compares the stored object with the local file.
    pub(super) async fn verify(&self) -> Result<ObjectState> {
        let (object, store) = (self.object, self.store);
        let head = ObjectReadOptions { head: true, ..ObjectReadOptions::default() };
        let answer = store.ask(&object.key, head, &self.budget).await?;
        if !answer.status().is_success() {
            return match CloudErrorResponse::of(answer).await {
                reply if reply.is_absent() => Ok(ObjectState::Absent),
                reply => Err(store.refused(&object.key, &reply)),
            };
        }
        if answer.content_length() != Some(object.size) {
            return Ok(ObjectState::Other);
        }
        if self.options.verify == Verify::Checksums
            && store.kind == BucketKind::S3
            && let Some(same) = self.compare(answer.headers()).await?
        {
            return Ok(if same { ObjectState::Same } else { ObjectState::Other });
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

    async fn read_back(&self) -> Result<ObjectState> {
        let (object, store) = (self.object, self.store);
        let answer = store.ask(&object.key, ObjectReadOptions::default(), &self.budget).await?;
        if !answer.status().is_success() {
            return match CloudErrorResponse::of(answer).await {
                reply if reply.is_absent() => Ok(ObjectState::Absent),
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
        Ok(if hasher.finish().sha256 == object.sha256 { ObjectState::Same } else { ObjectState::Other })
    }
}
