//! The key of the hashes that stand for secret parts of URLs: local to the store, and readable by its owner alone.

use std::io;

use cache_core::{Sha256, UrlKey};

use crate::fs::clock::nonce;
use crate::fs::durable;
use crate::fs::io_context::OrAbsent as _;
use crate::store::Store;

/// Largest key that is read, in bytes.
const MAX_KEY: u64 = 4 << 10;

impl Store {
    /// The store's key, made at the first call. Reads the disk once.
    ///
    /// Where the file can be neither read nor written, the key lasts as long as this handle and its clones.
    #[must_use]
    pub fn url_key(&self) -> UrlKey {
        *self.0.url_key.get_or_init(|| {
            self.stored_url_key().unwrap_or_else(|error| {
                tracing::debug!(%error, "url.key: not usable; another key is used for now");
                random().1
            })
        })
    }

    fn stored_url_key(&self) -> io::Result<UrlKey> {
        let path = self.layout().url_key();
        if let Some(text) = cache_fs::read_text(&path, MAX_KEY).or_absent()? {
            return parse(&text);
        }
        if self.read_only().is_some() {
            return Err(io::ErrorKind::ReadOnlyFilesystem.into());
        }
        let (text, key) = random();
        match durable::create_private(self.layout(), &path, text.as_bytes()) {
            // Another process was faster.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => parse(&cache_fs::read_text(&path, MAX_KEY)?),
            other => other.map(|()| key),
        }
    }
}

fn parse(text: &str) -> io::Result<UrlKey> {
    let bytes: Sha256 = text.trim().parse().map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    Ok(UrlKey::from_bytes(*bytes.as_bytes()))
}

/// A new key, in hexadecimal and as itself. 128 bits of it are random: the seed of the nonces.
fn random() -> (String, UrlKey) {
    let text = [nonce(), nonce(), nonce(), nonce()].concat();
    let key = parse(&text).unwrap_or_default();
    (text, key)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use cache_core::ModelUrl;
    use fs_err as fs;

    use super::*;
    use crate::store::options::StoreOptions;

    #[test]
    fn url_key_is_private_and_stays_the_same() {
        let url = ModelUrl::parse("https://h/x?token=A").unwrap();
        let hash = |store: &Store| url.hidden_query(&store.url_key()).unwrap();
        let open = |dir: &tempfile::TempDir| Store::open(dir.path(), StoreOptions::default()).unwrap();
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        assert!(!one.path().join("url.key").exists());
        let first = hash(&open(&one));
        assert_eq!(hash(&open(&one)), first);
        assert_ne!(hash(&open(&two)), first);
        let mode = fs::metadata(one.path().join("url.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let read_only = Store::open(one.path(), StoreOptions::default().with_read_only(true)).unwrap();
        assert_eq!(hash(&read_only), first);
        fs::write(one.path().join("url.key"), "nonsense").unwrap();
        let store = open(&one);
        assert_eq!(hash(&store), hash(&store.clone()));
    }
}
