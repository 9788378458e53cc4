//! The server's side of the wire, by hand.

use std::io;
use std::net::TcpListener as StdListener;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::HeaderValue;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::gzip::gzip;
use super::personality::Personality;
use super::state::{Current, FaultSeen, State, lock};
use crate::serve::{Asked, asked};

/// Longest head of a request that is read.
const HEAD_LIMIT: usize = 64 << 10;
const PAGE: &str =
    "<!DOCTYPE html><html><head><title>Sign in</title></head><body>Please accept the terms.</body></html>";

pub(super) async fn accept(listener: StdListener, state: Arc<State>) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file handles, most likely: others have to close first.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let id = state.connections.fetch_add(1, Ordering::Relaxed) + 1;
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            let mut talk = Talk { stream, state, id };
            // An error is a client that went away, or one that was cut off on purpose.
            while let Ok(true) = talk.exchange().await {}
        });
    }
}

struct Request {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
}

impl Request {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

struct Talk {
    stream: TcpStream,
    state: Arc<State>,
    id: u64,
}

/// The part of the file that a reply carries, and what goes wrong with it.
struct Part<'a> {
    personality: &'a Personality,
    current: &'a Current,
    start: u64,
    end: u64,
}

/// A reply's head.
struct Head {
    status: &'static str,
    headers: Vec<(&'static str, String)>,
}

impl Head {
    fn new(status: &'static str) -> Self {
        Self { status, headers: Vec::new() }
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn text(&self) -> String {
        let headers: String = self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        format!("HTTP/1.1 {}\r\n{headers}\r\n", self.status)
    }
}

impl Talk {
    /// One request and its reply; whether the connection can take another.
    async fn exchange(&mut self) -> io::Result<bool> {
        let Some(request) = self.read().await? else { return Ok(false) };
        let path = request.target.split('?').next().unwrap_or_default().to_owned();
        let beside = lock(&self.state.beside).get(&path).cloned();
        let (personality, current) = match beside {
            Some(content) => (Personality::Good, Current { content, generation: 0 }),
            None => self.state.next(),
        };
        lock(&self.state.log).push(FaultSeen {
            connection: self.id,
            method: request.method.clone(),
            target: request.target.clone(),
            headers: request.headers.clone(),
            personality: personality.clone(),
        });
        let keep = self.answer(&request, &personality, &current).await?;
        Ok(keep && request.header("connection").is_none_or(|value| !value.eq_ignore_ascii_case("close")))
    }

    async fn read(&mut self) -> io::Result<Option<Request>> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            // Byte by byte would be slow; but requests here have no bodies and are not pipelined.
            if head.len() > HEAD_LIMIT || self.stream.read_buf(&mut head).await? == 0 {
                return Ok(None);
            }
        }
        let head = String::from_utf8_lossy(&head);
        let mut lines = head.split("\r\n");
        let mut words = lines.next().unwrap_or_default().split(' ');
        let (Some(method), Some(target)) = (words.next(), words.next()) else { return Ok(None) };
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        Ok(Some(Request { method: method.to_owned(), target: target.to_owned(), headers }))
    }

    async fn answer(&mut self, request: &Request, personality: &Personality, current: &Current) -> io::Result<bool> {
        use Personality as P;
        match personality {
            P::Hangup => Ok(false),
            P::StallHead => {
                self.stall().await?;
                self.file(request, &P::Good, current).await
            }
            P::Html => self.short(request, Head::new("200 OK").with("Content-Type", "text/html"), PAGE).await,
            P::TooManyRequests(seconds) => {
                let mut head = Head::new("429 Too Many Requests");
                if let Some(seconds) = seconds {
                    head = head.with("Retry-After", seconds.to_string());
                }
                self.short(request, head, "too many requests").await
            }
            P::RateLimited(reset) => {
                let head = Head::new("429 Too Many Requests")
                    .with("ratelimit", format!("\"api\";r=0;t={reset}"))
                    .with("ratelimit-policy", "\"fixed window\";\"api\";q=500;w=300");
                self.short(request, head, "too many requests").await
            }
            P::Status(code) => self.short(request, Head::new(status(*code)), "something is wrong here").await,
            P::NotSatisfiable => {
                let head = Head::new("416 Range Not Satisfiable")
                    .with("Content-Range", format!("bytes */{}", current.content.size()));
                self.short(request, head, "").await
            }
            P::RedirectLoop => {
                let next = self.state.log_length();
                let head = Head::new("302 Found").with("Location", format!("/around/{next}"));
                self.short(request, head, "").await
            }
            P::Redirect(location) => self.short(request, Head::new("302 Found").with("Location", location), "").await,
            P::Garbage => {
                self.write(&[0x15, 3, 3, 0, 2, 2, 70]).await?;
                Ok(false)
            }
            P::EndlessHead => {
                self.stream.write_all(b"HTTP/1.1 200 OK\r\n").await?;
                loop {
                    self.stream.write_all(format!("X-Filler: {}\r\n", "x".repeat(1000)).as_bytes()).await?;
                }
            }
            _ => self.file(request, personality, current).await,
        }
    }

    async fn short(&mut self, request: &Request, head: Head, body: &str) -> io::Result<bool> {
        let head = head.with("Content-Length", body.len().to_string());
        self.stream.write_all(head.text().as_bytes()).await?;
        if request.method != "HEAD" {
            self.write(body.as_bytes()).await?;
        }
        Ok(true)
    }

    /// The file or a range of it, with what the personality does to head and body.
    async fn file(&mut self, request: &Request, personality: &Personality, current: &Current) -> io::Result<bool> {
        use Personality as P;
        let size = current.content.size();
        let etag = current.etag();
        if request.header("if-none-match") == Some(etag.as_str()) {
            let head = Head::new("304 Not Modified").with("ETag", &etag);
            self.stream.write_all(head.text().as_bytes()).await?;
            return Ok(true);
        }
        let deaf = matches!(personality, P::NoRanges | P::IgnoreRange | P::NoLength | P::Endless);
        // A weak tag, or none, never passes If-Range's strong comparison.
        let tagless = matches!(personality, P::NoEtag | P::WeakEtag);
        let unchanged = request.header("if-range").is_none_or(|tag| tag == etag && !tagless);
        let range = request.header("range").filter(|_| !deaf && unchanged);
        let range = range.and_then(|range| HeaderValue::from_str(range).ok());
        let (mut head, start, end) = match asked(range.as_ref(), size) {
            Asked::Whole => (Head::new("200 OK"), 0, size),
            Asked::Part(start, end) => {
                let (start, claimed, size) = match personality {
                    P::ShiftRange(by) => {
                        let start = (start + by).min(end.saturating_sub(1));
                        (start, start, size)
                    }
                    P::LieAboutRange(by) => (start, start + by, size),
                    P::WrongSize(by) => (start, start, size + by),
                    _ => (start, start, size),
                };
                let last = claimed + (end - start) - 1;
                let head = Head::new("206 Partial Content");
                let head = match personality {
                    P::Multipart => head,
                    _ => head.with("Content-Range", format!("bytes {claimed}-{last}/{size}")),
                };
                (head, start, end)
            }
            Asked::Nothing => {
                let head = Head::new("416 Range Not Satisfiable").with("Content-Range", format!("bytes */{size}"));
                return self.short(request, head, "").await;
            }
        };
        head = match personality {
            P::NoEtag => head,
            P::WeakEtag => head.with("ETag", format!("W/{etag}")),
            _ => head.with("ETag", &etag),
        };
        head = head.with("Accept-Ranges", if *personality == P::NoRanges { "none" } else { "bytes" });
        match personality {
            P::Gzip | P::Multipart => self.wrapped(request, head, &Part { personality, current, start, end }).await,
            _ => self.plain(request, head, &Part { personality, current, start, end }).await,
        }
    }

    /// A body that holds the bytes in some packing.
    async fn wrapped(&mut self, request: &Request, head: Head, part: &Part<'_>) -> io::Result<bool> {
        let Part { personality, current, start, end } = *part;
        let mut bytes = Vec::new();
        while start + (bytes.len() as u64) < end {
            let at = start + bytes.len() as u64;
            bytes.extend_from_slice(&current.content.read(at, end - at)?);
        }
        let (head, bytes) = if *personality == Personality::Gzip {
            (head.with("Content-Encoding", "gzip"), gzip(&bytes))
        } else {
            let size = current.content.size();
            let last = end.saturating_sub(1);
            let mut body = format!("--B\r\nContent-Range: bytes {start}-{last}/{size}\r\n\r\n").into_bytes();
            body.append(&mut bytes);
            body.extend_from_slice(b"\r\n--B--\r\n");
            (head.with("Content-Type", "multipart/byteranges; boundary=B"), body)
        };
        self.stream.write_all(head.with("Content-Length", bytes.len().to_string()).text().as_bytes()).await?;
        if request.method != "HEAD" {
            self.write(&bytes).await?;
        }
        Ok(true)
    }

    async fn plain(&mut self, request: &Request, head: Head, part: &Part<'_>) -> io::Result<bool> {
        let Part { personality, current, start, end } = *part;
        use Personality as P;
        let length = end - start;
        let chunked = matches!(personality, P::NoLength | P::Endless);
        let head = match personality {
            P::NoLength | P::Endless => head.with("Transfer-Encoding", "chunked"),
            P::TooLong(by) => head.with("Content-Length", (length + by).to_string()),
            P::TooShort(by) => head.with("Content-Length", length.saturating_sub(*by).to_string()),
            _ => head.with("Content-Length", length.to_string()),
        };
        self.stream.write_all(head.text().as_bytes()).await?;
        if request.method == "HEAD" {
            return Ok(true);
        }
        let stop = match personality {
            P::Truncate(at) | P::Cut(at) | P::Stall(at) => (*at).clamp(start, end),
            _ => end,
        };
        self.bytes(personality, current, start, stop).await?;
        match personality {
            P::Truncate(at) if *at < end => {
                self.stream.shutdown().await?;
                Ok(false)
            }
            P::Cut(at) if *at < end => {
                // Nothing the client has not read yet may arrive after a reset; what it has is a matter of luck.
                self.stream.set_zero_linger()?;
                Ok(false)
            }
            P::Stall(at) if *at < end => {
                self.stall().await?;
                self.bytes(&P::Good, current, stop, end).await?;
                Ok(true)
            }
            P::Endless => loop {
                self.chunk(&[0; 16 << 10], true).await?;
            },
            P::TooLong(_) | P::TooShort(_) => Ok(false),
            _ if chunked => {
                self.stream.write_all(b"0\r\n\r\n").await?;
                Ok(true)
            }
            _ => Ok(true),
        }
    }

    async fn bytes(&mut self, personality: &Personality, current: &Current, start: u64, end: u64) -> io::Result<()> {
        let chunked = matches!(personality, Personality::NoLength | Personality::Endless);
        let mut at = start;
        while at < end {
            let most = match personality {
                Personality::SlowDrip(rate) => (rate / 20).clamp(1, 4096),
                _ => u64::MAX,
            };
            let mut bytes = current.content.read(at, most.min(end - at))?;
            let from = at;
            at += bytes.len() as u64;
            match personality {
                Personality::FlipBit(flip) if (from..at).contains(flip) => {
                    let mut wrong = bytes.to_vec();
                    wrong[crate::seeded::to_usize(flip - from)] ^= 1;
                    bytes = wrong.into();
                }
                Personality::SlowDrip(rate) => {
                    let pause = Duration::from_micros(1_000_000 * bytes.len() as u64 / (*rate).max(1));
                    tokio::time::sleep(pause).await;
                }
                _ => {}
            }
            self.chunk(&bytes, chunked).await?;
        }
        Ok(())
    }

    async fn chunk(&mut self, bytes: &[u8], chunked: bool) -> io::Result<()> {
        if chunked {
            self.stream.write_all(format!("{:x}\r\n", bytes.len()).as_bytes()).await?;
        }
        self.write(bytes).await?;
        if chunked {
            self.stream.write_all(b"\r\n").await?;
        }
        Ok(())
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.state.sent.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    /// Until the test releases it; an error when the client leaves before.
    async fn stall(&mut self) -> io::Result<()> {
        let mut byte = [0];
        tokio::select! {
            () = self.state.gate.clone().wait() => Ok(()),
            read = self.stream.read(&mut byte) => Err(read.err().unwrap_or(io::ErrorKind::UnexpectedEof.into())),
        }
    }
}

impl State {
    fn log_length(&self) -> usize {
        lock(&self.log).len()
    }
}

fn status(code: u16) -> &'static str {
    match code {
        400 => "400 Bad Request",
        401 => "401 Unauthorized",
        403 => "403 Forbidden",
        404 => "404 Not Found",
        408 => "408 Request Timeout",
        410 => "410 Gone",
        412 => "412 Precondition Failed",
        500 => "500 Internal Server Error",
        501 => "501 Not Implemented",
        502 => "502 Bad Gateway",
        504 => "504 Gateway Timeout",
        507 => "507 Insufficient Storage",
        _ => "503 Service Unavailable",
    }
}
