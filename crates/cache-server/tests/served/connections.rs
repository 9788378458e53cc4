//! Connections that nothing comes from.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use crate::mirror;

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

#[tokio::test(flavor = "multi_thread")]
async fn a_client_has_so_many_connections_and_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let server = mirror(dir.path(), "http://127.0.0.1:9", |config| config.connections_per_client = Some(2)).await;
    let host = server.strip_prefix("http://").unwrap().to_owned();
    let answered = move || {
        let mut streams = [(); 3].map(|()| TcpStream::connect(&host).unwrap());
        streams.each_mut().map(|stream| {
            let _ = write!(stream, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
            stream.read(&mut [0; 100]).is_ok_and(|read| read > 0)
        })
    };
    assert_eq!(tokio::task::spawn_blocking(answered).await.unwrap(), [true, true, false]);
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
