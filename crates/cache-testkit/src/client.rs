//! A client for the tests in here: one request, no redirects, no mercy.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

/// What came back.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// How the connection ended, when that was no orderly close.
    pub(crate) broken: Option<std::io::Error>,
}

impl Got {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// Opens a connection and sends a request without reading the reply.
pub(crate) fn send(method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> TcpStream {
    let rest = url.strip_prefix("http://").unwrap();
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let path = if path.is_empty() { "/" } else { path };
    let mut stream = TcpStream::connect(host).unwrap();
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    )
    .unwrap();
    stream
}

/// One request, read to the end of the connection or, where that is told, of the body.
pub(crate) fn ask(method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> Got {
    read(send(method, url, headers, body), method == "HEAD")
}

pub(crate) fn get(url: &str, headers: &[(&str, &str)]) -> Got {
    ask("GET", url, headers, "")
}

pub(crate) fn read(mut stream: TcpStream, bodyless: bool) -> Got {
    let mut bytes = Vec::new();
    let mut got: Option<Got> = None;
    let mut buffer = [0; 64 << 10];
    let broken = loop {
        if let Some(got) = &got
            && let Ok(length) = got.header("content-length").parse::<usize>()
            && (bytes.len() >= length || bodyless)
        {
            break None;
        }
        match stream.read(&mut buffer) {
            Ok(0) => break None,
            Ok(read) => bytes.extend_from_slice(&buffer[..read]),
            Err(error) => break Some(error),
        }
        if got.is_none()
            && let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n")
        {
            let head = String::from_utf8(bytes.drain(..at + 4).collect()).unwrap();
            let mut lines = head.split("\r\n");
            let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
            let headers = lines
                .filter_map(|line| line.split_once(": "))
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect();
            got = Some(Got { status, headers, body: Vec::new(), broken: None });
        }
    };
    let mut got = got.unwrap_or(Got { status: 0, headers: Vec::new(), body: Vec::new(), broken: None });
    got.body = bytes;
    got.broken = broken;
    got
}
