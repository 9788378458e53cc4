//! Bundles: models in one file, for places without a network.
//!
//! ```no_run
//! # async fn example(cache: &cache_lib::Cache, there: &cache_lib::Cache) -> cache_lib::Result<()> {
//! use cache_bundle::{BundleInput, BundleOutput};
//! cache_bundle::export(cache, ["org/name"]).write_to(BundleOutput::file("models.tar")).await?;
//! cache_bundle::import(there, BundleInput::file("models.tar")).await?;
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
//! Written by [`export`] it is the same bytes for the same files of the same versions: names are sorted, and times,
//! owners and modes are constants. A reader takes the index's word for what comes next, and refuses all else.

mod carried;
mod counts;
mod entry;
mod error;
mod export;
#[cfg(test)]
mod fuzz;
mod hash_thread;
mod head;
mod import;
mod index;
mod input;
mod sign;
mod stop;
#[cfg(test)]
mod tests;
mod visibility;

use cache_lib::{Cache, IntoModelRef};

pub use self::export::{BundleOutput, BundleReport, Export};
pub use self::head::list;
pub use self::import::{Import, Imported, MovedRef};
pub use self::index::{Base, BundledBlob, BundledVersion, Contents, Index};
pub use self::input::BundleInput;
pub use self::sign::{KeyId, SigningKey, VerifyingKey};

/// Writes models of the store into a bundle. Only present files are exported: nothing is downloaded.
///
/// Add options, [`Export::since`], [`Export::sign`] …, and await [`Export::write_to`].
pub fn export(cache: &Cache, references: impl IntoIterator<Item = impl IntoModelRef>) -> Export {
    Export::new(cache, references.into_iter().map(|reference| cache.get(reference)).collect())
}

/// Takes the models of a bundle into the store. Await it, after adding options: [`Import::verify`] …
pub fn import(cache: &Cache, input: BundleInput) -> Import {
    Import::new(cache, input)
}
