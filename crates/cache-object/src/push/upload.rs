//! One object on its way into the bucket.

use std::sync::Arc;

use cache_core::{Error, ErrorKind, Event, Progress, Result, RetryBudget};
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::multipart::PartId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::local::{LocalFile, Object, PartRange};
use super::options::PushOptions;
use crate::store::BucketStore;

/// State of an object in the bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ObjectState {
    /// It has these bytes.
    Same,
    /// It has others.
    Other,
    /// There is none.
    Absent,
}

/// Larger objects are sent in parts.
const WHOLE: u64 = 16 << 20;

/// One object, and what is needed to send it.
pub(super) struct Upload<'a> {
    pub(super) store: &'a BucketStore,
    pub(super) object: &'a Object,
    pub(super) local: LocalFile,
    pub(super) part_size: u64,
    pub(super) options: &'a PushOptions,
    /// One for each part that may be in memory.
    pub(super) places: Arc<Semaphore>,
    pub(super) budget: RetryBudget,
    pub(super) progress: &'a dyn Progress,
    pub(super) name: &'a str,
}

/// Result of an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct UploadedObject {
    pub(super) uploaded: bool,
    pub(super) sent: u64,
}

impl Upload<'_> {
    /// Sees to it that the object is there.
    pub(super) async fn run(&self) -> Result<UploadedObject> {
        if self.verify().await? == ObjectState::Same {
            return Ok(UploadedObject { uploaded: false, sent: 0 });
        }
        let mut sent = 0;
        // What an earlier push left may be of other bytes where the server keeps no checksums of parts: then once more.
        for fresh in [false, true] {
            sent += match self.send(fresh).await {
                Ok(sent) => sent,
                // Somebody else may push the same.
                Err(error) if error.kind() == ErrorKind::NotFound => match self.verify().await {
                    Ok(ObjectState::Same) => return Ok(UploadedObject { uploaded: true, sent }),
                    _ => return Err(error),
                },
                Err(error) => return Err(error),
            };
            if self.verify().await? == ObjectState::Same {
                return Ok(UploadedObject { uploaded: true, sent });
            }
        }
        let shown = self.store.shown(&self.object.key);
        Err(Error::new(ErrorKind::Integrity, format!("{shown}: checksum mismatch after the upload"))
            .with_host(&*self.store.host)
            .with_hint("verify the local copy; if it is intact, the server is faulty")
            .with_reason(cache_core::Reason::SentDiffers))
    }

    async fn send(&self, fresh: bool) -> Result<u64> {
        let object = self.object;
        if object.size <= WHOLE {
            self.started(0);
            let places = self.places(object.size).await?;
            let (bytes, digest) = self.local.read(PartRange { start: 0, length: object.size }).await?;
            if digest != object.sha256 {
                return Err(Error::new(
                    ErrorKind::Integrity,
                    format!("{}: checksum mismatch: the local copy is corrupted", object.path),
                )
                .with_hint("repair the local copy")
                .with_reason(cache_core::Reason::Corrupted));
            }
            self.store.write(&object.key, bytes, &self.budget).await?;
            drop(places);
            self.advanced(object.size);
            return Ok(object.size);
        }
        #[cfg(feature = "s3")]
        if let Some(s3) = &self.store.s3 {
            return self.send_parts_to_s3(s3, fresh).await;
        }
        let _ = fresh;
        self.send_parts().await
    }

    /// By the interface that all clouds have, which does not tell what an earlier push left.
    async fn send_parts(&self) -> Result<u64> {
        self.started(0);
        let path = self.store.path(&self.object.key)?;
        let cloud = &self.store.cloud;
        let explain = |error: object_store::Error| self.store.explain(&error);
        let id = cloud.create_multipart(&path).await.map_err(explain)?;
        let parts = self.local.parts(self.part_size).into_iter().enumerate().map(|(index, span)| {
            let (id, path) = (&id, &path);
            async move {
                let _place = self.places(span.length).await?;
                let (bytes, _) = self.local.read(span).await?;
                let part = cloud.put_part(path, id, index, bytes.into()).await.map_err(explain)?;
                self.advanced(span.length);
                Ok::<PartId, Error>(part)
            }
        });
        let parts: Result<Vec<PartId>> =
            futures::stream::iter(parts).buffered(self.options.concurrency.clamp(1, 64)).try_collect().await;
        let done = match parts {
            Ok(parts) => cloud.complete_multipart(&path, &id, parts).await.map(|_| ()).map_err(explain),
            Err(error) => Err(error),
        };
        if let Err(error) = done {
            // Nobody could go on with it.
            let _ = cloud.abort_multipart(&path, &id).await;
            return Err(error);
        }
        Ok(self.object.size)
    }

    /// Waits until there is room for so many bytes.
    pub(super) async fn places(&self, bytes: u64) -> Result<OwnedSemaphorePermit> {
        let all = u64::try_from(self.options.concurrency.clamp(1, 64)).unwrap_or(1);
        let wanted = bytes.div_ceil(self.part_size.max(1)).clamp(1, all);
        let wanted = u32::try_from(wanted).unwrap_or(1);
        Arc::clone(&self.places).acquire_many_owned(wanted).await.map_err(|_| Error::interrupted())
    }

    pub(super) fn started(&self, resumed: u64) {
        let (path, size) = (&self.object.path, Some(self.object.size));
        self.progress.event(&Event::Started { path, size, resumed, source: self.name });
    }

    pub(super) fn advanced(&self, bytes: u64) {
        self.budget.progressed();
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.progress.event(&Event::Advanced { path: &self.object.path, bytes });
    }
}
