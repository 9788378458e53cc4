//! A small HTTP/1.1 server on threads: one range, paced bodies, and bodies that break off.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// One request, as far as it matters here.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Without the query.
    pub(crate) path: String,
    pub(crate) range: Option<String>,
    if_range: Option<String>,
    pub(crate) if_none_match: Option<String>,
}

/// An answer; a file's bytes are counted by `sent`.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Arc<Vec<u8>>,
    /// Whether a range of the body may be asked for, and the tag that `If-Range` has to name.
    pub(crate) ranges: bool,
    pub(crate) tag: Option<String>,
    /// Sent in chunks, without a length.
    pub(crate) sizeless: bool,
    /// Bytes a second; `None` for as fast as it goes.
    pub(crate) rate: Option<u64>,
    /// The connection breaks before this byte of the whole body, after calling the function.
    pub(crate) cut: Option<(usize, Box<dyn FnOnce() + Send>)>,
    /// The body stands still before this byte, for so long.
    pub(crate) stall: Option<(usize, Duration)>,
    /// Bytes sent behind the end of what was announced.
    pub(crate) surplus: usize,
}

impl Reply {
    pub(crate) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Arc::new(body.into()),
            ranges: false,
            tag: None,
            sizeless: false,
            rate: None,
            cut: None,
            stall: None,
            surplus: 0,
        }
    }
}

/// What answers requests.
pub(crate) trait Answer: Send + Sync + 'static {
    /// The answer; `None` closes the connection without one.
    fn answer(&self, request: &Request) -> Option<Reply>;

    /// Counts bytes of a body that were given to the socket.
    fn sent(&self, request: &Request, bytes: u64);
}

/// Listens on a port of its own for as long as the process lives. Returns the address.
pub(crate) fn serve(answer: Arc<impl Answer>) -> io::Result<String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = format!("http://{}", listener.local_addr()?);
    std::thread::Builder::new().name("hub".to_owned()).spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = Arc::clone(&answer);
            // An error is a client that went away.
            std::thread::spawn(move || drop(converse(stream, &*answer)));
        }
    })?;
    Ok(address)
}

fn converse(stream: TcpStream, answer: &impl Answer) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut stream = stream;
    while let Some(request) = read(&mut reader)? {
        let Some(reply) = answer.answer(&request) else { return Ok(()) };
        write(&mut stream, &request, reply, answer)?;
    }
    Ok(())
}

fn read(reader: &mut impl io::BufRead) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace();
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let path = target.split('?').next().unwrap_or_default();
    let mut request =
        Request { method: method.to_owned(), path: path.to_owned(), range: None, if_range: None, if_none_match: None };
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let Some((name, value)) = line.trim_end().split_once(':') else { return Ok(Some(request)) };
        let value = Some(value.trim().to_owned());
        match name.to_ascii_lowercase().as_str() {
            "range" => request.range = value,
            "if-range" => request.if_range = value,
            "if-none-match" => request.if_none_match = value,
            _ => {}
        }
    }
}

/// Start and end of the asked range within `size` bytes; `Err` when there is nothing of it.
fn asked(request: &Request, reply: &Reply) -> Result<Option<(usize, usize)>, ()> {
    let size = reply.body.len();
    let unchanged = request.if_range.is_none() || request.if_range == reply.tag;
    let range = request.range.as_deref().filter(|_| reply.ranges && unchanged && reply.status == 200);
    let Some((start, end)) = range.and_then(|range| range.strip_prefix("bytes=")?.split_once('-')) else {
        return Ok(None);
    };
    let Ok(start) = start.parse::<usize>() else { return Ok(None) };
    let end = end.parse::<usize>().map_or(size, |last| last.saturating_add(1).min(size));
    if start < end { Ok(Some((start, end))) } else { Err(()) }
}

/// Writes the head; returns which bytes of the body follow.
fn write_head(stream: &mut TcpStream, request: &Request, reply: &mut Reply) -> io::Result<(usize, usize)> {
    let size = reply.body.len();
    let (status, start, end) = match asked(request, reply) {
        Ok(None) => (reply.status, 0, size),
        Ok(Some((start, end))) => {
            reply.headers.push(("Content-Range", format!("bytes {start}-{}/{size}", end - 1)));
            (206, start, end)
        }
        Err(()) => {
            reply.headers.push(("Content-Range", format!("bytes */{size}")));
            (416, 0, 0)
        }
    };
    if reply.ranges {
        reply.headers.push(("Accept-Ranges", "bytes".to_owned()));
    }
    if let Some(tag) = &reply.tag {
        reply.headers.push(("ETag", tag.clone()));
    }
    if reply.sizeless {
        reply.headers.push(("Transfer-Encoding", "chunked".to_owned()));
    } else {
        reply.headers.push(("Content-Length", (end - start).to_string()));
    }
    let headers: String = reply.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    stream.write_all(format!("HTTP/1.1 {status} -\r\n{headers}\r\n").as_bytes())?;
    Ok((start, end))
}

fn write(stream: &mut TcpStream, request: &Request, mut reply: Reply, answer: &impl Answer) -> io::Result<()> {
    let (start, end) = write_head(stream, request, &mut reply)?;
    if request.method == "HEAD" {
        return Ok(());
    }
    let step = reply.rate.map_or(64 << 10, |rate| usize::try_from(rate / 20).unwrap_or(usize::MAX).max(1));
    let began = Instant::now();
    let mut at = start;
    while at < end {
        let mut to = end.min(at + step);
        if let Some((cut, _)) = &reply.cut {
            to = to.min((*cut).max(at));
            if at >= *cut {
                if let Some((_, then)) = reply.cut.take() {
                    then();
                }
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
        }
        if let Some((_, time)) = reply.stall.take_if(|(stall, _)| at >= *stall) {
            std::thread::sleep(time);
        }
        let bytes = reply.body.get(at..to).unwrap_or_default();
        // Before they go: the client may have them, and look at the count, before this thread runs again.
        answer.sent(request, bytes.len() as u64);
        if reply.sizeless {
            stream.write_all(format!("{:x}\r\n", bytes.len()).as_bytes())?;
        }
        stream.write_all(bytes)?;
        if reply.sizeless {
            stream.write_all(b"\r\n")?;
        }
        at = to;
        if let Some(rate) = reply.rate {
            let due = Duration::from_millis((at - start) as u64 * 1000 / rate.max(1));
            std::thread::sleep(due.saturating_sub(began.elapsed()));
        }
    }
    if reply.sizeless {
        stream.write_all(b"0\r\n\r\n")?;
    }
    stream.write_all(&vec![b'x'; reply.surplus])
}

/// What a request of our own brought.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) status: u16,
    /// The whole body, or as much as came of it.
    pub(crate) body: Vec<u8>,
    /// Whether the body came to its end.
    pub(crate) whole: bool,
}

/// Asks for a path, from a byte on if that is given, and hangs up after `most` bytes.
pub(crate) fn get(base: &str, path: &str, from: Option<u64>, most: Option<usize>, limit: Duration) -> io::Result<Got> {
    let host = base.trim_start_matches("http://");
    let mut stream = TcpStream::connect(host)?;
    let range = from.map(|from| format!("Range: bytes={from}-\r\n")).unwrap_or_default();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{range}\r\n")?;
    let began = Instant::now();
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    let mut status = 0;
    let mut length = None;
    let left = || limit.checked_sub(began.elapsed()).filter(|left| !left.is_zero()).ok_or(io::ErrorKind::TimedOut);
    loop {
        stream.set_read_timeout(Some(left()?))?;
        line.clear();
        if reader.read_line(&mut line).map_err(timed_out)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match line.trim_end().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.parse().ok(),
            None if line.starts_with("HTTP/") => {
                status = line.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
            }
            None if line.trim_end().is_empty() => break,
            _ => {}
        }
    }
    let mut body = Vec::new();
    while length.is_none_or(|length: usize| body.len() < length) {
        stream.set_read_timeout(Some(left()?))?;
        let bytes = match reader.fill_buf() {
            Ok([]) => break,
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(timed_out(error)),
            Err(_) => break,
        };
        body.extend_from_slice(bytes);
        let read = bytes.len();
        reader.consume(read);
        if most.is_some_and(|most| body.len() >= most) {
            break;
        }
    }
    let whole = length == Some(body.len());
    Ok(Got { status, body, whole })
}

/// A read timeout by the name that it has elsewhere.
fn timed_out(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::WouldBlock { io::ErrorKind::TimedOut.into() } else { error }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Ten;

    impl Answer for Ten {
        fn answer(&self, request: &Request) -> Option<Reply> {
            let cut = (request.path == "/cut").then(|| (4, Box::new(|| ()) as Box<dyn FnOnce() + Send>));
            (request.path != "/no").then(|| Reply { ranges: true, cut, ..Reply::new(200, *b"0123456789") })
        }

        fn sent(&self, _: &Request, _: u64) {}
    }

    #[test]
    fn bodies_come_whole_in_part_and_cut() {
        let base = serve(Arc::new(Ten)).unwrap();
        let ask = |path: &str, from| get(&base, path, from, None, Duration::from_secs(10));
        let whole = ask("/x", None).unwrap();
        assert_eq!((whole.status, whole.body.as_slice(), whole.whole), (200, b"0123456789".as_slice(), true));
        let part = ask("/x", Some(7)).unwrap();
        assert_eq!((part.status, part.body.as_slice(), part.whole), (206, b"789".as_slice(), true));
        assert_eq!(ask("/x", Some(10)).unwrap().status, 416);
        let cut = ask("/cut", None).unwrap();
        assert_eq!((cut.body.as_slice(), cut.whole), (b"0123".as_slice(), false));
        assert!(ask("/no", None).is_err());
    }
}
