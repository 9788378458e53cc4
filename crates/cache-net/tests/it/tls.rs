//! Certificates, and the way down from https.

use std::path::PathBuf;

use cache_core::ErrorKind;
use cache_net::{HttpClient, HttpRequest};

use crate::config;
use crate::server::{Reply, Server};

pub(crate) fn bundle() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "it", "tls", "ca.pem"].iter().collect()
}

fn trusting(bundle: Option<PathBuf>) -> HttpClient {
    let mut config = config();
    config.ca_bundle = bundle;
    HttpClient::new(config).unwrap()
}

#[tokio::test]
async fn a_bundle_makes_its_authorities_trusted() {
    let server = Server::start_tls(|_| Reply::new(200).body("here")).await;
    let client = trusting(Some(bundle()));
    let response = client.send(HttpRequest::get(server.url("/x"))).await.unwrap();
    assert_eq!(response.bytes(10).await.unwrap(), "here");
    let range = cache_core::ByteRange { start: 0, end: 1 };
    client.send(HttpRequest::get(server.url("/x")).range(range)).await.unwrap();
}

#[tokio::test]
async fn unknown_ca_fails_without_retry() {
    let server = Server::start_tls(|_| Reply::new(200)).await;
    let error = trusting(None).send(HttpRequest::get(server.url("/x"))).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Network, 0));
    assert!(error.message().contains("TLS connection failed"), "{error}");
    assert!(error.hint().unwrap().contains("SSL_CERT_FILE"), "{error:?}");
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn https_on_a_plain_port_names_plain_http() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            stream.writable().await.unwrap();
            stream.try_write(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
            std::mem::forget(stream);
        }
    });
    let url: url::Url = format!("https://{address}/x").parse().unwrap();
    let error = trusting(None).send(HttpRequest::get(url)).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts(), error.is_unreachable()), (ErrorKind::Network, 0, true));
    assert!(error.message().contains("speaks plain http"), "{error}");
    assert_eq!(error.hint().unwrap(), format!("try http://{address}"));
}

#[tokio::test]
async fn a_bundle_that_cannot_be_used_is_named() {
    let server = Server::start_tls(|_| Reply::new(200)).await;
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.pem");
    fs_err::write(&empty, "no certificate").unwrap();
    for path in [folder.path().join("absent.pem"), empty] {
        let error = trusting(Some(path.clone())).send(HttpRequest::get(server.url("/x"))).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(error.message().contains(path.to_str().unwrap()), "{error}");
    }
}

#[tokio::test]
async fn there_is_no_way_down_to_http() {
    let plain = Server::start(|_| Reply::new(200)).await;
    let target = plain.url("/x");
    let secure = Server::start_tls(move |_| Reply::moved(target.as_str())).await;
    let error = trusting(Some(bundle())).send(HttpRequest::get(secure.url("/x"))).await.unwrap_err();
    assert!(error.message().contains("https to http"), "{error}");
    assert!(plain.seen().is_empty());
}

#[tokio::test]
async fn http2_is_spoken_except_for_ranges() {
    use tokio_rustls::TlsAcceptor;
    let mut tls = crate::server::tls();
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let acceptor = TlsAcceptor::from(std::sync::Arc::new(tls));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url: url::Url = format!("https://{}/x", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let stream = acceptor.accept(stream).await.unwrap();
            let two = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            tokio::spawn(async move {
                if !two {
                    return crate::server::answer_once(stream, Reply::new(206).body("one")).await;
                }
                let mut connection = h2::server::handshake(stream).await.unwrap();
                while let Some(Ok((_, mut respond))) = connection.accept().await {
                    let mut body = respond.send_response(http::Response::new(()), false).unwrap();
                    body.send_data(bytes::Bytes::from_static(b"two"), true).unwrap();
                }
            });
        }
    });
    let client = trusting(Some(bundle()));
    for _ in 0..2 {
        let response = client.send(HttpRequest::get(url.clone())).await.unwrap();
        assert_eq!(response.bytes(10).await.unwrap(), "two");
    }
    let range = cache_core::ByteRange { start: 0, end: 1 };
    let response = client.send(HttpRequest::get(url).range(range)).await.unwrap();
    assert_eq!(response.bytes(10).await.unwrap(), "one");
}
