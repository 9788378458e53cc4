//! [`Streaming`]: the mark of a content whose bytes are given out before they are verified.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use cache_store::{PartialKey, Store};

use crate::Result;
use crate::task::blocking;

/// A content on its way. The flights of all its names share one.
#[derive(Debug)]
pub(crate) struct Streaming {
    store: Store,
    content: PartialKey,
    /// Whether discarded bytes of an earlier transfer may have been given out.
    poisoned: AtomicBool,
    marked: tokio::sync::Mutex<bool>,
}

impl Streaming {
    pub(crate) fn is_poisoned(&self) -> bool {
        self.poisoned.load(Ordering::Acquire)
    }

    /// The mark stays.
    pub(crate) fn poison(&self) {
        self.poisoned.store(true, Ordering::Release);
    }

    /// Marks the content in the store, unless that is done already. To be called before unverified bytes are given out.
    ///
    /// # Errors
    /// When the store cannot be written: then they must not be.
    pub(crate) async fn begin(&self) -> Result<()> {
        let mut marked = self.marked.lock().await;
        if !*marked {
            let (store, content) = (self.store.clone(), self.content.clone());
            blocking(move || store.begin_streaming(&content)).await?;
            *marked = true;
        }
        Ok(())
    }

    /// Takes the mark back: what was given out was verified.
    pub(crate) async fn end(&self) {
        self.settle(Store::end_streaming).await;
    }

    /// Notes that what was given out is kept to go on from.
    pub(crate) async fn keep(&self) {
        self.settle(Store::keep_streaming).await;
    }

    async fn settle(&self, how: fn(&Store, &PartialKey) -> Result<()>) {
        let mut marked = self.marked.lock().await;
        if self.is_poisoned() || !std::mem::take(&mut *marked) {
            return;
        }
        let (store, content) = (self.store.clone(), self.content.clone());
        if let Err(error) = blocking(move || how(&store, &content)).await {
            tracing::debug!(%error, "clients that go on with this file will have to begin anew");
        }
    }

    /// The same for a transfer that was cancelled: its journal names all that was given out.
    pub(crate) fn keep_at_drop(&self) {
        if let Ok(mut marked) = self.marked.try_lock()
            && !self.is_poisoned()
            && std::mem::take(&mut *marked)
        {
            self.store.keep_streaming_at_drop(&self.content);
        }
    }
}

/// The contents that are on their way.
#[derive(Debug, Default)]
pub(crate) struct Streams(Mutex<HashMap<PartialKey, Weak<Streaming>>>);

impl Streams {
    /// The one of a content; `poisoned` is what the store says of one that is new.
    pub(crate) fn of(&self, store: &Store, content: PartialKey, poisoned: bool) -> Arc<Streaming> {
        let mut streams = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(streaming) = streams.get(&content).and_then(Weak::upgrade) {
            return streaming;
        }
        streams.retain(|_, streaming| streaming.strong_count() > 0);
        let streaming = Arc::new(Streaming {
            store: store.clone(),
            content: content.clone(),
            poisoned: AtomicBool::new(poisoned),
            marked: tokio::sync::Mutex::default(),
        });
        streams.insert(content, Arc::downgrade(&streaming));
        streaming
    }
}
