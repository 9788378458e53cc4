//! A small server on the loopback: it notes what it is asked and answers by a closure. One request a connection.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use url::Url;

/// One request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) target: String,
    headers: Vec<(String, String)>,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The same request as a server sees it that does not know a header.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(key, _)| !key.eq_ignore_ascii_case(name));
        self
    }
}

/// An answer in the making.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    head: String,
    body: Vec<u8>,
    length: bool,
    hang: bool,
}

impl Reply {
    pub(crate) fn new(status: u16) -> Self {
        Self { head: format!("HTTP/1.1 {status} x\r\n"), body: Vec::new(), length: true, hang: false }
    }

    pub(crate) fn moved(to: impl AsRef<str>) -> Self {
        Self::new(302).header("location", to.as_ref())
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.length &= name != "content-length";
        self.head += &format!("{name}: {value}\r\n");
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Keeps the connection open after the body without another word.
    pub(crate) fn hang(mut self) -> Self {
        self.hang = true;
        self
    }
}

type Answer = dyn Fn(&Seen) -> Reply + Send + Sync;

/// Runs until its runtime ends.
#[derive(Clone)]
pub(crate) struct Server {
    address: SocketAddr,
    scheme: &'static str,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    pub(crate) async fn start(answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_at("127.0.0.1", answer).await
    }

    /// At another address of the loopback.
    pub(crate) async fn start_at(address: &str, answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        Self::run(address, "http", None, Arc::new(answer)).await
    }

    /// Speaks TLS with the certificate in `tls/`, for `localhost` and `127.0.0.1`.
    #[cfg(any(feature = "rustls", feature = "native-tls"))]
    pub(crate) async fn start_tls(answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let config = tls();
        Self::run("127.0.0.1", "https", Some(TlsAcceptor::from(Arc::new(config))), Arc::new(answer)).await
    }

    async fn run(address: &str, scheme: &'static str, tls: Option<TlsAcceptor>, answer: Arc<Answer>) -> Self {
        let listener = TcpListener::bind((address, 0)).await.unwrap();
        let server = Self { address: listener.local_addr().unwrap(), scheme, seen: Arc::default() };
        let seen = Arc::clone(&server.seen);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answer, tls, seen) = (Arc::clone(&answer), tls.clone(), Arc::clone(&seen));
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, &*answer, &seen).await,
                        Some(tls) => match tls.accept(stream).await {
                            Ok(stream) => serve(stream, &*answer, &seen).await,
                            Err(_) => None,
                        },
                    }
                });
            }
        });
        server
    }

    pub(crate) fn url(&self, path: &str) -> Url {
        Url::parse(&format!("{}://{}{path}", self.scheme, self.address)).unwrap()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What was asked since the last look.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }
}

/// The certificate in `tls/`.
#[cfg(any(feature = "rustls", feature = "native-tls"))]
pub(crate) fn tls() -> tokio_rustls::rustls::ServerConfig {
    use tokio_rustls::rustls::ServerConfig;
    use tokio_rustls::rustls::pki_types::pem::PemObject as _;
    use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
    let certificate = CertificateDer::from_pem_slice(include_bytes!("tls/cert.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("tls/key.pem")).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    builder.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap()
}

/// Answers the first request of a connection.
#[cfg(any(feature = "rustls", feature = "native-tls"))]
pub(crate) async fn answer_once(stream: impl AsyncRead + AsyncWrite + Unpin, reply: Reply) {
    serve(stream, &move |_| reply.clone(), &Mutex::default()).await;
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    answer: &Answer,
    seen: &Mutex<Vec<Seen>>,
) -> Option<()> {
    let request = head(&mut stream).await?;
    seen.lock().unwrap().push(request.clone());
    let reply = answer(&request);
    let mut bytes = reply.head;
    if reply.length {
        bytes += &format!("content-length: {}\r\n", reply.body.len());
    }
    bytes += "connection: close\r\n\r\n";
    stream.write_all(bytes.as_bytes()).await.ok()?;
    if request.method != "HEAD" {
        stream.write_all(&reply.body).await.ok()?;
    }
    stream.flush().await.ok()?;
    if reply.hang {
        std::future::pending::<()>().await;
    }
    stream.shutdown().await.ok()
}

async fn head(stream: &mut (impl AsyncRead + Unpin)) -> Option<Seen> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        bytes.push(stream.read_u8().await.ok()?);
    }
    let text = String::from_utf8(bytes).ok()?;
    let mut lines = text.lines();
    let mut first = lines.next()?.split(' ');
    let headers = lines.filter_map(|line| line.split_once(": ")).map(|(k, v)| (k.to_owned(), v.to_owned()));
    Some(Seen { method: first.next()?.to_owned(), target: first.next()?.to_owned(), headers: headers.collect() })
}
