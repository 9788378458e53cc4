//! Connections that nothing comes from.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use cache_server::ServerConfig;

use crate::chain::{ask, folder};
use crate::mirror;

/// The gauge of open connections.
const OPEN: &str = "model_cache_connections_open";

/// HTTP/2's preface, and settings without any.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// Sends this, answers pings, and waits until the server has closed the connection.
fn wait_for_the_end(host: &str, sent: &[u8]) {
    let mut stream = TcpStream::connect(host).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.write_all(sent).unwrap();
    let mut head = [0; 9];
    while stream.read_exact(&mut head).is_ok() {
        let length = usize::from(head[1]) << 8 | usize::from(head[2]);
        let mut payload = vec![0; length];
        stream.read_exact(&mut payload).unwrap();
        if (head[3], head[4]) == (6, 0) {
            head[4] = 1;
            let _ = stream.write_all(&[&head[..], &payload].concat());
        }
    }
    let end = stream.read(&mut head).map_err(|error| error.kind());
    assert!(matches!(end, Ok(0) | Err(std::io::ErrorKind::ConnectionReset)), "{end:?}");
}

/// Connects from an address of this machine, of which this is the last byte.
fn connect(host: &str, last: u8) -> TcpStream {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, last], 0).into()).unwrap();
    let connected = tokio::runtime::Handle::current().block_on(socket.connect(host.parse().unwrap()));
    let stream = connected.unwrap().into_std().unwrap();
    stream.set_nonblocking(false).unwrap();
    stream
}

/// The head of the answer to one request on this connection.
fn answer(stream: &mut TcpStream, path: &str, token: &str) -> String {
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n").unwrap();
    let mut head = vec![0; 4096];
    let read = stream.read(&mut head).unwrap_or(0);
    String::from_utf8_lossy(&head[..read]).into_owned()
}

/// What a connection more is for, when `taken` of them are held by others.
async fn a_full_house_answers(change: impl FnOnce(&mut ServerConfig)) {
    let dir = tempfile::tempdir().unwrap();
    let server = mirror(dir.path(), "http://127.0.0.1:9", |config| {
        config.admin_token = Some("sesame".to_owned());
        change(config);
    })
    .await;
    let host = server.strip_prefix("http://").unwrap().to_owned();
    let asked = move || {
        let connect = |last: u8| connect(&host, last);
        let mut taken = [(); 2].map(|()| connect(1));
        for stream in &mut taken {
            assert!(answer(stream, "/api/models", "").starts_with("HTTP/1.1 200"));
        }
        let crowded = answer(&mut connect(1), "/api/models", "");
        assert!(crowded.starts_with("HTTP/1.1 503"), "{crowded}");
        assert!(crowded.contains("connection: close") && crowded.contains("retry-after: 1"), "{crowded}");
        // However many more come from there, and say nothing.
        let _silent: Vec<_> = (0..200).map(|_| connect(1)).collect();
        for (path, token) in
            [("/healthz", ""), ("/readyz", ""), ("/metrics", "sesame"), ("/-/admin/quarantine", "sesame")]
        {
            let answered = answer(&mut connect(2), path, token);
            assert!(answered.starts_with("HTTP/1.1 200"), "{path}: {answered}");
        }
        assert!(answer(&mut taken[0], "/api/models", "").starts_with("HTTP/1.1 200"));
        drop(taken);
    };
    tokio::task::spawn_blocking(asked).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_has_so_many_connections_and_no_more() {
    a_full_house_answers(|config| config.connections_per_client = Some(2)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn health_and_admin_have_a_place_in_a_full_house() {
    a_full_house_answers(|config| config.connections = 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_never_reads_is_cut() {
    let dir = tempfile::tempdir().unwrap();
    let alias = folder(&dir.path().join("folder"));
    fs_err::write(dir.path().join("folder/big.bin"), vec![7; 32 << 20]).unwrap();
    let server = mirror(&dir.path().join("store"), "http://127.0.0.1:9", |config| {
        config.write_timeout = Duration::from_millis(200);
        (config.anonymous, config.open_metrics) = (vec!["my/model".to_owned()], true);
        config.models.insert("my/model".to_owned(), alias);
    })
    .await;
    let host = server.strip_prefix("http://").unwrap().to_owned();
    assert_eq!(ask(&server, "/my/model/resolve/main/config.json", None).await.0, 200);
    let mut lazy = TcpStream::connect(host).unwrap();
    write!(lazy, "GET /my/model/resolve/main/big.bin HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let open = async || {
        let (_, metrics) = ask(&server, "/metrics", None).await;
        let line = metrics.lines().find(|line| line.starts_with(OPEN)).map(str::to_owned);
        line.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).unwrap()
    };
    // The lazy one, and the one that asks.
    while open().await > 1.0 {}
    let mut got = Vec::new();
    let _ = lazy.read_to_end(&mut got);
    assert!(got.len() < 32 << 20, "{}", got.len());
}

/// Settings with a window of nothing for each stream (RFC 9113, 6.5.2: SETTINGS_INITIAL_WINDOW_SIZE is 4).
const NO_WINDOW: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x06\x04\0\0\0\0\0\0\x04\0\0\0\0";
/// `GET /` for localhost, the whole request in one frame of headers.
const GET_PAGE: &[u8] = b"\0\0\x0e\x01\x05\0\0\0\x01\x82\x86\x84\x41\x09localhost";

#[tokio::test(flavor = "multi_thread")]
async fn client_that_pings_and_never_reads_is_cut() {
    let dir = tempfile::tempdir().unwrap();
    let server = mirror(dir.path(), "http://127.0.0.1:9", |config| {
        // Its pings keep it alive, and a request under way keeps it from lying idle.
        config.header_timeout = Duration::from_millis(100);
        config.unread_timeout = Duration::from_millis(300);
    })
    .await;
    let host = server.strip_prefix("http://").unwrap().to_owned();
    let sent = [NO_WINDOW, GET_PAGE].concat();
    tokio::task::spawn_blocking(move || wait_for_the_end(&host, &sent)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_says_nothing_is_not_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let server = mirror(dir.path(), "http://127.0.0.1:9", |config| {
        config.header_timeout = Duration::from_millis(200);
    })
    .await;
    let host = server.strip_prefix("http://").unwrap().to_owned();
    for sent in [&b""[..], b"P", b"GET / HTTP/1.1\r\n", &PREFACE[..24], PREFACE] {
        let host = host.clone();
        tokio::task::spawn_blocking(move || wait_for_the_end(&host, sent)).await.unwrap();
    }
}
