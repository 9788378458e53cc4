//! Bundles: models in one file, for places without a network.
//!
//! ```no_run
//! # async fn example(cache: &cache_lib::Cache, there: &cache_lib::Cache) -> cache_lib::Result<()> {
//! use cache_lib::bundle::{Input, Output};
//! cache.export(["org/name"]).write_to(Output::file("models.tar")).await?;
//! there.import(Input::file("models.tar")).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Format
//!
//! A bundle is a plain tar, or one compressed with zstd, of regular files alone, in this order:
//!
//! 1. `bundle.json`: the [`Index`], at most 64 MiB. The SHA-256 of its bytes is the bundle's *id*.
//! 2. `bundle.json.sha256`: that digest, as a line of `sha256sum`. It finds damage, and proves nothing.
//! 3. `bundle.sig`, if it is signed: the JSON object `{"algorithm": "ed25519", "key": KEY-ID, "signature": HEX}`. The
//!    signature is over the bytes of `bundle.json`; the key id is the first 16 digits of the SHA-256 of the raw public
//!    key. Keys are PEM files as `openssl genpkey -algorithm ed25519` writes them.
//! 4. `blobs/<sha256>` for each blob of the index, in its order.
//!
//! Written by [`Cache::export`] it is the same bytes for the same files of the same versions: names are sorted, and times,
//! owners and modes are constants. A reader takes the index's word for what comes next, and refuses all else.

mod beside;
mod counts;
mod entry;
mod export;
mod import;
mod index;
mod input;
mod sign;
#[cfg(test)]
mod tests;
mod visibility;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub use self::export::{Export, Exported, Output};
pub use self::import::{Import, Imported, MovedRef};
pub use self::index::{Base, BundledBlob, BundledVersion, Contents, Index};
pub use self::input::Input;
pub use self::sign::{KeyId, SigningKey, VerifyingKey};
use crate::task::blocking;
use crate::{Cache, Error, ErrorKind, IntoModelRef, RepoPath, Result};

impl Cache {
    /// Writes models of the store into a bundle. Only what is there is exported: nothing is fetched.
    ///
    /// Add what is wanted, [`Export::since`], [`Export::sign`] …, and await [`Export::write_to`].
    pub fn export(&self, references: impl IntoIterator<Item = impl IntoModelRef>) -> Export {
        Export::new(self, references.into_iter().map(|reference| self.get(reference)).collect())
    }

    /// Takes the models of a bundle into the store. Await it, after adding what is wanted: [`Import::verify`] …
    pub fn import(&self, input: Input) -> Import {
        Import::new(self, input)
    }
}

/// What a bundle holds, from its index alone; with a key, only if that key has signed it. Blocks.
///
/// # Errors
/// [`ErrorKind::Integrity`] when it is no bundle, or not signed by this key.
pub fn list(input: Input, key: Option<&VerifyingKey>) -> Result<Contents> {
    let (_, head) = import::open(input, key)?;
    Ok(head.contents)
}

fn broken(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::Integrity, what).with_hint("get or export the bundle again; nothing of it was shown")
}

/// Blocking work that hears when its future is dropped.
async fn stoppable<T: Send + 'static>(work: impl FnOnce(&Stop) -> Result<T> + Send + 'static) -> Result<T> {
    struct Guard(Stop);
    impl Drop for Guard {
        fn drop(&mut self) {
            self.0.0.store(true, Ordering::Relaxed);
        }
    }
    let stop = Stop::default();
    let _guard = Guard(stop.clone());
    blocking(move || work(&stop)).await
}

#[derive(Debug, Clone, Default)]
struct Stop(Arc<AtomicBool>);

impl Stop {
    fn check(&self) -> Result<()> {
        if self.0.load(Ordering::Relaxed) { Err(Error::interrupted()) } else { Ok(()) }
    }
}

/// A blob on its way, and the file of a version by which people know it.
struct Moving<'a> {
    blob: BundledBlob,
    path: &'a RepoPath,
}
