//! [`RecentFiles`]: files opened just now, shared with the next reader at no cost of the disk.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::open_files::open_blob::OpenBlob;
use crate::{RepoPath, Version};

/// How long a file stays open, and leased, after it was opened.
const TIME: Duration = Duration::from_secs(1);
/// Most files that stay open.
const MOST: usize = 256;

/// By version and path: looked up without making a key.
type Files = HashMap<Version, HashMap<RepoPath, Arc<OpenBlob>>>;

/// Files that stay open for a second after they were opened.
#[derive(Debug, Default)]
pub(crate) struct RecentFiles(Mutex<Files>);

impl RecentFiles {
    pub(crate) fn get(&self, version: &Version, path: &RepoPath) -> Option<Arc<OpenBlob>> {
        let blob = self.lock().get(version)?.get(path).cloned()?;
        if blob.is_unchanged() {
            return Some(blob);
        }
        self.forget(version, path);
        None
    }

    /// Keeps a file for a while. Needs a runtime.
    pub(crate) fn keep(self: &Arc<Self>, version: &Version, path: &RepoPath, blob: &Arc<OpenBlob>) {
        let mut files = self.lock();
        if files.values().map(HashMap::len).sum::<usize>() >= MOST {
            return;
        }
        files.entry(version.clone()).or_default().insert(path.clone(), Arc::clone(blob));
        drop(files);
        let (recent, version, path) = (Arc::clone(self), version.clone(), path.clone());
        tokio::spawn(async move {
            tokio::time::sleep(TIME).await;
            recent.forget(&version, &path);
        });
    }

    fn forget(&self, version: &Version, path: &RepoPath) {
        let mut files = self.lock();
        if let Some(paths) = files.get_mut(version) {
            paths.remove(path);
            if paths.is_empty() {
                files.remove(version);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Files> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
