//! One object on its way into the bucket.

use std::sync::Arc;

use cache_core::{Error, ErrorKind, Event, Progress, Result, RetryBudget};
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::multipart::PartId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::local::{Local, Span};
use super::prove::Proof;
use super::{Object, PushOptions};
use crate::store::BucketStore;

/// Larger objects are sent in parts.
const WHOLE: u64 = 16 << 20;

/// One object, and what is needed to send it.
pub(super) struct Upload<'a> {
    pub(super) store: &'a BucketStore,
    pub(super) object: &'a Object,
    pub(super) local: Local,
    pub(super) part_size: u64,
    pub(super) options: &'a PushOptions,
    /// One for each part that may be in memory.
    pub(super) places: Arc<Semaphore>,
    pub(super) budget: RetryBudget,
    pub(super) progress: &'a dyn Progress,
    pub(super) name: &'a str,
}

/// How it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Done {
    pub(super) uploaded: bool,
    pub(super) sent: u64,
}

impl Upload<'_> {
    /// Sees to it that the object is there.
    pub(super) async fn run(&self) -> Result<Done> {
        if self.prove().await? == Proof::Same {
            return Ok(Done { uploaded: false, sent: 0 });
        }
        let mut sent = 0;
        // What an earlier push left may be of other bytes where the server keeps no checksums of parts: then once more.
        for fresh in [false, true] {
            sent += match self.send(fresh).await {
                Ok(sent) => sent,
                // Somebody else may push the same.
                Err(error) if error.kind() == ErrorKind::NotFound => match self.prove().await {
                    Ok(Proof::Same) => return Ok(Done { uploaded: true, sent }),
                    _ => return Err(error),
                },
                Err(error) => return Err(error),
            };
            if self.prove().await? == Proof::Same {
                return Ok(Done { uploaded: true, sent });
            }
        }
        let shown = self.store.shown(&self.object.key);
        Err(Error::new(ErrorKind::Integrity, format!("{shown}: what lies there is not what was sent"))
            .with_host(&*self.store.host)
            .with_hint("check the local copy with `model-cache verify`; if it is fine, the server is not"))
    }

    async fn send(&self, fresh: bool) -> Result<u64> {
        let object = self.object;
        if object.size <= WHOLE {
            self.started(0);
            let places = self.places(object.size).await?;
            let (bytes, digest) = self.local.read(Span { start: 0, length: object.size }).await?;
            if digest != object.sha256 {
                return Err(Error::new(ErrorKind::Integrity, format!("{}: the local copy is damaged", object.path))
                    .with_hint("`model-cache verify --repair` fetches it again"));
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
