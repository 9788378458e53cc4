//! TLS by rustls: certificate and key from files, read again when they change.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use cache_lib::{Error, ErrorKind, Result};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::TlsFiles;

/// Largest certificate or key that is read, in bytes.
const MAX_PEM: u64 = 16 << 20;
/// Longest wait for a look at the files. A file system that hangs stops no handshake.
const LOOK_TIMEOUT: Duration = Duration::from_secs(1);

/// Identity of the two files' contents: inode, size, times of data and inode. `None`: absent.
type Stamp = [Option<(u64, u64, i64, i64, i64, i64)>; 2];

/// Certificate and key in use.
pub(crate) struct Tls {
    files: TlsFiles,
    current: RwLock<TlsAcceptor>,
    /// Stamp of the last read, also of a failed one. Locked during a check.
    seen: Arc<tokio::sync::Mutex<Stamp>>,
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when they cannot be used.
    pub(crate) fn load(files: &TlsFiles) -> Result<Arc<Self>> {
        // Before the files: what changes meanwhile is read again.
        let seen = Arc::new(tokio::sync::Mutex::new(stamp(files)));
        let current = RwLock::new(acceptor(files)?);
        Ok(Arc::new(Self { files: files.clone(), current, seen }))
    }

    /// The acceptor for one more connection, of files that changed since the last one if they can be used.
    pub(crate) async fn acceptor(self: &Arc<Self>) -> TlsAcceptor {
        if let Ok(mut seen) = Arc::clone(&self.seen).try_lock_owned() {
            let this = Arc::clone(self);
            let look = tokio::task::spawn_blocking(move || this.look(&mut seen));
            let _ = tokio::time::timeout(LOOK_TIMEOUT, look).await;
        }
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes files that changed. Those that cannot be used, such as a certificate whose key is still to come, change
    /// nothing.
    fn look(&self, seen: &mut Stamp) {
        let now = stamp(&self.files);
        if now == *seen {
            return;
        }
        match acceptor(&self.files) {
            Ok(acceptor) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = acceptor;
                tracing::info!("the certificate was read again");
            }
            Err(error) => tracing::error!(%error, "the new certificate cannot be used; the old one stays"),
        }
        *seen = now;
    }
}

fn stamp(files: &TlsFiles) -> Stamp {
    let of = |path: &Path| {
        let meta = fs_err::metadata(path).ok()?;
        Some((meta.ino(), meta.size(), meta.mtime(), meta.mtime_nsec(), meta.ctime(), meta.ctime_nsec()))
    };
    [of(&files.certificate), of(&files.key)]
}

/// Reads the files: HTTP/2 and HTTP/1.1 over TLS 1.2 and 1.3.
fn acceptor(files: &TlsFiles) -> Result<TlsAcceptor> {
    let refuse = |path: &Path, why: &dyn std::fmt::Display| {
        Error::new(ErrorKind::Usage, format!("{}: {why}", path.display()))
            .with_hint("both files are PEM: the chain with the server's certificate first, and its private key")
    };
    let (certificate, key) = (&files.certificate, &files.key);
    let read = |path: &std::path::Path| cache_fs::read(path, MAX_PEM).map_err(|error| refuse(path, &error));
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&read(certificate)?)
        .collect::<std::result::Result<_, _>>()
        .map_err(|error| refuse(certificate, &error))?;
    if chain.is_empty() {
        return Err(refuse(certificate, &"there is no certificate in it"));
    }
    let private = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|error| refuse(key, &error))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| refuse(certificate, &error))?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(|error| refuse(certificate, &error))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
