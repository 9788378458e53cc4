//! Which certificate authorities are trusted.

use cache_core::{Error, ErrorKind, Result};
use reqwest::ClientBuilder;

use crate::HttpConfig;

/// Largest file of certificates that is read, in bytes: those of a platform have less than one MiB.
#[cfg(any(feature = "rustls", feature = "native-tls"))]
const MAX_BUNDLE: u64 = 16 << 20;

/// Trusts the authorities of the bundle instead of the platform's, if one is configured.
#[cfg(any(feature = "rustls", feature = "native-tls"))]
pub(crate) fn trust(builder: ClientBuilder, config: &HttpConfig) -> Result<ClientBuilder> {
    let builder = backend(builder);
    let Some(path) = &config.ca_bundle else { return Ok(builder) };
    let refused = |failure: String| {
        Error::new(ErrorKind::Usage, format!("the certificate file {}: {failure}", path.display()))
            .with_hint("SSL_CERT_FILE and REQUESTS_CA_BUNDLE name a file of certificates in PEM; unset them to trust the platform's")
    };
    let pem = cache_fs::read(path, MAX_BUNDLE).map_err(|error| refused(error.to_string()).with_source(error))?;
    let certificates = reqwest::Certificate::from_pem_bundle(&pem)
        .map_err(|error| refused(format!("it cannot be read as PEM: {error}")).with_source(error))?;
    if certificates.is_empty() {
        return Err(refused("it has no certificate".to_owned()));
    }
    Ok(builder.tls_certs_only(certificates))
}

/// No TLS in this build: only plain http works.
#[cfg(not(any(feature = "rustls", feature = "native-tls")))]
#[expect(clippy::unnecessary_wraps, reason = "the same shape as with TLS")]
pub(crate) fn trust(builder: ClientBuilder, _: &HttpConfig) -> Result<ClientBuilder> {
    Ok(builder)
}

/// With both built in, rustls: it behaves the same everywhere.
#[cfg(feature = "rustls")]
fn backend(builder: ClientBuilder) -> ClientBuilder {
    // An error says that the program has chosen another provider, which then counts.
    let _ = rustls::crypto::ring::default_provider().install_default();
    builder.tls_backend_rustls()
}

#[cfg(all(feature = "native-tls", not(feature = "rustls")))]
fn backend(builder: ClientBuilder) -> ClientBuilder {
    builder.tls_backend_native()
}

/// Refuses what this build cannot speak.
pub(crate) fn check(scheme: &str) -> Result<()> {
    let built_in = cfg!(any(feature = "rustls", feature = "native-tls"));
    if built_in || scheme != "https" {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Unsupported, "https is not built in")
        .with_hint("build with the feature `rustls` or `native-tls`"))
}
