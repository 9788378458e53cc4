//! Steps for crates above that bring models into the store by another way than a get.

use std::collections::BTreeSet;
use std::sync::Arc;

use cache_store::VisibilityRecord;

use crate::request::evictions::Evictions;
use crate::request::preflight;
use crate::{Cache, Get, ModelId, RepoPath, Result, Sha256, task, visibility};

impl Cache {
    /// Checks that the disk has room for this many more bytes.
    ///
    /// # Errors
    /// [`ErrorKind::NoSpace`](crate::ErrorKind::NoSpace) when it has not.
    pub fn check_room(&self, bytes: u64) -> Result<()> {
        preflight::check_free_space(self, bytes)
    }

    /// Records a visibility that was learned elsewhere than from the Hub.
    ///
    /// # Errors
    /// A storage error where a public model could not be closed.
    pub fn put_visibility(&self, model: &ModelId, record: &VisibilityRecord) -> Result<()> {
        visibility::put(self, model, record)
    }

    /// Evicts by the store's own policy, and returns warnings that name what is gone. `keep` stays.
    ///
    /// # Errors
    /// Those of the store.
    pub fn enforce_quota(&self, keep: &[Sha256]) -> Result<Vec<String>> {
        Ok(Evictions::make(self.store(), keep)?.warnings)
    }

    /// Runs work that may wait for the file system on a blocking thread of the runtime.
    ///
    /// # Errors
    /// Those of the work; [`ErrorKind::Usage`](crate::ErrorKind::Usage) without a runtime.
    pub async fn run_blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
        task::blocking(work).await
    }
}

impl Get {
    /// Limits it to these files of the version; the others need not be in the store.
    pub fn only_files(mut self, paths: Arc<BTreeSet<RepoPath>>) -> Self {
        self.constraints.only = Some(paths);
        self
    }
}
