//! Files that were opened just now: the next who asks shares them, and costs the disk nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::read::reader::Held;
use crate::{RepoPath, Version};

/// How long a file stays open, and leased, after it was opened.
const TIME: Duration = Duration::from_secs(1);
/// Most files that stay open.
const MOST: usize = 256;

/// By version and path: looked up without making a key.
type Files = HashMap<Version, HashMap<RepoPath, Arc<Held>>>;

#[derive(Debug, Default)]
pub(crate) struct Recent(Mutex<Files>);

impl Recent {
    pub(crate) fn get(&self, version: &Version, path: &RepoPath) -> Option<Arc<Held>> {
        let held = self.lock().get(version)?.get(path).cloned()?;
        if held.is_unchanged() {
            return Some(held);
        }
        self.forget(version, path);
        None
    }

    /// Keeps a file for a while. Needs a runtime.
    pub(crate) fn keep(self: &Arc<Self>, version: &Version, path: &RepoPath, held: &Arc<Held>) {
        let mut files = self.lock();
        if files.values().map(HashMap::len).sum::<usize>() >= MOST {
            return;
        }
        files.entry(version.clone()).or_default().insert(path.clone(), Arc::clone(held));
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
