//! [`StreamingMark`]: the store's mark of a content whose bytes are served before they are verified.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use cache_store::{PartialKey, Store};

use crate::Result;
use crate::task::blocking;

/// The mark of one content. In-flight fetches of all its names share it.
#[derive(Debug)]
pub(crate) struct StreamingMark {
    store: Store,
    content: PartialKey,
    /// Whether discarded bytes of an earlier transfer may have been given out.
    poisoned: AtomicBool,
    marked: tokio::sync::Mutex<bool>,
}

impl StreamingMark {
    pub(crate) fn is_poisoned(&self) -> bool {
        self.poisoned.load(Ordering::Acquire)
    }

    /// Makes the mark permanent.
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

    /// Records that the served bytes are kept, so that a later fetch resumes from them.
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
            tracing::debug!(%error, "clients that resume this file have to start over");
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

/// The marks of all contents in flight.
#[derive(Debug, Default)]
pub(crate) struct StreamingMarks(Mutex<HashMap<PartialKey, Weak<StreamingMark>>>);

impl StreamingMarks {
    /// The mark of a content; `poisoned` is the store's record, used for a new mark.
    pub(crate) fn of(&self, store: &Store, content: PartialKey, poisoned: bool) -> Arc<StreamingMark> {
        let mut streams = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(streaming) = streams.get(&content).and_then(Weak::upgrade) {
            return streaming;
        }
        streams.retain(|_, streaming| streaming.strong_count() > 0);
        let streaming = Arc::new(StreamingMark {
            store: store.clone(),
            content: content.clone(),
            poisoned: AtomicBool::new(poisoned),
            marked: tokio::sync::Mutex::default(),
        });
        streams.insert(content, Arc::downgrade(&streaming));
        streaming
    }
}
