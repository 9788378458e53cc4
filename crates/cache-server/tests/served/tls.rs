//! TLS files that change while the server runs.

use std::path::Path;
use std::sync::Arc;

use cache_server::TlsFiles;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::mirror;

/// Two certificates for `localhost`, each with its key.
const FIRST: [&str; 2] = [include_str!("tls/first.pem"), include_str!("tls/first.key")];
const SECOND: [&str; 2] = [include_str!("tls/second.pem"), include_str!("tls/second.key")];

fn certificate(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
}

/// The certificate that the server shows.
async fn shown(host: &str) -> CertificateDer<'static> {
    let mut roots = RootCertStore::empty();
    for [pem, _] in [FIRST, SECOND] {
        roots.add(certificate(pem)).unwrap();
    }
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let stream = TcpStream::connect(host).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    stream.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned()
}

fn write(files: &TlsFiles, [certificate, key]: [&str; 2]) {
    fs_err::write(&files.certificate, certificate).unwrap();
    fs_err::write(&files.key, key).unwrap();
}

fn files(folder: &Path) -> TlsFiles {
    TlsFiles { certificate: folder.join("tls.pem"), key: folder.join("tls.key") }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_changes_is_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let files = files(dir.path());
    write(&files, FIRST);
    let tls = files.clone();
    let server = mirror(&dir.path().join("store"), "http://127.0.0.1:9", |config| config.tls = Some(tls)).await;
    let host = server.strip_prefix("http://").unwrap();
    assert_eq!(shown(host).await, certificate(FIRST[0]));
    // Its key is still to come, then it is gone: the old pair stays.
    fs_err::write(&files.certificate, SECOND[0]).unwrap();
    assert_eq!(shown(host).await, certificate(FIRST[0]));
    fs_err::remove_file(&files.key).unwrap();
    assert_eq!(shown(host).await, certificate(FIRST[0]));
    write(&files, SECOND);
    assert_eq!(shown(host).await, certificate(SECOND[0]));
    // By names that are exchanged, as secrets of Kubernetes are.
    let other = TlsFiles { certificate: dir.path().join("new.pem"), key: dir.path().join("new.key") };
    write(&other, FIRST);
    rename(&other.certificate, &files.certificate);
    rename(&other.key, &files.key);
    assert_eq!(shown(host).await, certificate(FIRST[0]));
}

#[expect(clippy::disallowed_methods, reason = "no store is renamed in")]
fn rename(from: &Path, to: &Path) {
    fs_err::rename(from, to).unwrap();
}
