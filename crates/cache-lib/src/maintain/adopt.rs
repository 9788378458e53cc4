//! [`Adopt`]: another program's folder becomes part of the store.
//!
//! Its files become second names of the store's blobs, so both have them and neither takes room; each is hashed first.
//! What is not the folder's alone, is run, or is another user's is copied and left as it is.
//! The folder keeps working: Hugging Face's programs, Ollama and LM Studio replace and delete files, they do not write
//! into them.

mod gguf;
mod naming;
mod report;
#[cfg(test)]
mod tests;
mod version;

use std::future::IntoFuture;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use cache_local::caches;

pub use report::{AdoptReport, AdoptState, AdoptedFile, AdoptedModel};

use crate::task::blocking;
use crate::{AdoptKind, AdoptOptions, Cache, Error, ErrorKind, NoProgress, Progress, Result};

/// A pending adoption of a folder. Await it.
#[must_use = "nothing is adopted until it is awaited"]
pub struct Adopt {
    cache: Cache,
    folder: PathBuf,
    kind: Option<AdoptKind>,
    copy: bool,
    dry_run: bool,
    progress: Arc<dyn Progress>,
}

impl Cache {
    /// Takes the models of another program's folder into the store: a Hugging Face cache, Ollama's or LM Studio's
    /// models. Every file is verified, against the digest that its program knows it by where there is one; a damaged
    /// file is refused and named in the report, and the rest goes on.
    ///
    /// Models of a Hugging Face cache keep their names, commits and revisions. The others get a registered name, held
    /// at a commit, and stay usable when their folder is gone. To cancel is to drop the future; the next call finds
    /// what was adopted and goes on.
    pub fn adopt(&self, folder: impl AsRef<Path>) -> Adopt {
        Adopt {
            cache: self.clone(),
            folder: folder.as_ref().to_path_buf(),
            kind: None,
            copy: false,
            dry_run: false,
            progress: Arc::new(NoProgress),
        }
    }
}

impl Adopt {
    /// The program of the folder; detected when not set.
    pub fn kind(mut self, kind: AdoptKind) -> Self {
        self.kind = Some(kind);
        self
    }

    /// Whether files that cannot be shared are copied: without it they are an error.
    pub fn copy(mut self, allowed: bool) -> Self {
        self.copy = allowed;
        self
    }

    /// Whether nothing is read or changed, and the report says what would be.
    pub fn dry_run(mut self, dry_run: bool) -> Self {
        self.dry_run = dry_run;
        self
    }

    /// Receives progress events.
    pub fn progress(mut self, progress: Arc<dyn Progress>) -> Self {
        self.progress = progress;
        self
    }

    /// # Errors
    /// [`ErrorKind::NotFound`] without the folder, [`ErrorKind::Usage`] when it is of no kind that is known or the
    /// store's own, [`ErrorKind::Unsupported`] when files cannot be shared with the store and must not be copied,
    /// [`ErrorKind::NoSpace`], [`ErrorKind::Storage`]. What was adopted until then stays.
    async fn run(self) -> Result<AdoptReport> {
        if let Some(reason) = self.cache.store().read_only().filter(|_| !self.dry_run) {
            return Err(Error::new(ErrorKind::Storage, format!("the store is read-only: {reason}"))
                .with_hint("choose a writable store with MODEL_CACHE_DIR")
                .with_reason(crate::Reason::StoreUnusable));
        }
        let (cache, folder, kind) = (self.cache.clone(), self.folder.clone(), self.kind);
        let contents = blocking(move || {
            not_its_own(&cache, &folder)?;
            caches::look(&folder, kind)
        })
        .await?;
        let mut report = AdoptReport::new(contents.kind, self.dry_run);
        report.refused = contents.refused;
        let options = AdoptOptions::default().with_hard_link(&self.folder).with_copy(self.copy);
        for found in contents.versions {
            report.models.push(self.version(found, options.clone()).await?);
        }
        Ok(report)
    }
}

fn not_its_own(cache: &Cache, folder: &Path) -> Result<()> {
    let (Ok(folder), Ok(root)) = (fs_err::canonicalize(folder), fs_err::canonicalize(cache.store().root())) else {
        return Ok(());
    };
    if !folder.starts_with(&root) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Usage, format!("{} is part of the store", folder.display()))
        .with_hint("name the folder of another program"))
}

impl IntoFuture for Adopt {
    type Output = Result<AdoptReport>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl std::fmt::Debug for Adopt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Adopt").field("folder", &self.folder).field("kind", &self.kind).finish_non_exhaustive()
    }
}
