//! Sending a file's bytes: ranges, conditions, pacing, counting, and the few things that can go wrong on the way.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Response, StatusCode};
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::Instant;

use crate::Content;
use crate::connection::Connection;
use crate::content::CHUNK;
use crate::gate::Gate;

/// A reply's body.
pub(crate) enum Reply {
    Short(Option<Bytes>),
    File(Box<FileBody>),
}

impl Reply {
    pub(crate) fn empty() -> Self {
        Self::Short(None)
    }
}

impl From<Vec<u8>> for Reply {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Short(if bytes.is_empty() { None } else { Some(bytes.into()) })
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        match &mut *self {
            Self::Short(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::File(body) => body.poll(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Short(bytes) => bytes.is_none(),
            Self::File(body) => body.at >= body.end,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Short(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Self::File(body) => SizeHint::with_exact(body.end.saturating_sub(body.at)),
        }
    }
}

/// What goes wrong while a body is sent. Positions are offsets in the file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Twist {
    /// The connection is closed before this byte.
    pub(crate) cut: Option<u64>,
    /// The bytes stop coming before this one until the gate opens.
    pub(crate) stall: Option<(u64, Gate)>,
    /// The lowest bit of this byte is wrong.
    pub(crate) flip: Option<u64>,
    /// The lowest bit of the first of so many bytes is wrong, again and again.
    pub(crate) flip_every: Option<u64>,
}

/// How fast, and where it is counted.
#[derive(Debug, Clone)]
pub(crate) struct Flow {
    /// Bytes a second over the connection; 0 for as fast as it goes.
    pub(crate) rate: u64,
    pub(crate) connection: Connection,
    /// Counts the bytes given to the socket.
    pub(crate) sent: Arc<AtomicU64>,
    pub(crate) twist: Twist,
}

pub(crate) struct FileBody {
    content: Content,
    at: u64,
    end: u64,
    flow: Flow,
    wait: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    flushed: bool,
}

impl FileBody {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        loop {
            if let Some(wait) = &mut self.wait {
                std::task::ready!(wait.as_mut().poll(context));
                self.wait = None;
            }
            if self.at >= self.end {
                return Poll::Ready(None);
            }
            let mut end = self.end;
            if let Some(cut) = self.flow.twist.cut {
                if self.at >= cut && !self.flushed {
                    // The head and the bytes before the cut reach the socket only when the body has to wait.
                    self.flushed = true;
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                if self.at >= cut {
                    return Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into())));
                }
                end = end.min(cut);
            }
            if let Some((stall, gate)) = &self.flow.twist.stall {
                if self.at >= *stall {
                    self.wait = Some(Box::pin(gate.clone().wait()));
                    self.flow.twist.stall = None;
                    continue;
                }
                end = end.min(*stall);
            }
            if let Some(wait) = self.pay() {
                self.wait = Some(Box::pin(tokio::time::sleep_until(wait)));
                continue;
            }
            return Poll::Ready(Some(self.next(end).map(Frame::data)));
        }
    }

    fn next(&mut self, end: u64) -> io::Result<Bytes> {
        // Fifty chunks a second keep a slow rate smooth.
        let most = if self.flow.rate == 0 { CHUNK as u64 } else { (self.flow.rate / 50).clamp(1, CHUNK as u64) };
        let mut bytes = self.content.read(self.at, most.min(end - self.at))?;
        if let Some(index) = self.flow.twist.flip.and_then(|flip| flip.checked_sub(self.at))
            && index < bytes.len() as u64
        {
            let mut wrong = bytes.to_vec();
            wrong[crate::seeded::to_usize(index)] ^= 1;
            bytes = wrong.into();
        }
        if let Some(every) = self.flow.twist.flip_every.filter(|&every| every > 0) {
            let mut wrong = bytes.to_vec();
            let first = crate::seeded::to_usize(self.at.next_multiple_of(every) - self.at);
            wrong.iter_mut().skip(first).step_by(crate::seeded::to_usize(every)).for_each(|byte| *byte ^= 1);
            bytes = wrong.into();
        }
        let length = bytes.len() as u64;
        self.at += length;
        self.flow.sent.fetch_add(length, Ordering::Relaxed);
        if let Some(cost) = length.saturating_mul(1_000_000_000).checked_div(self.flow.rate) {
            let mut paid = self.flow.connection.paid.lock().unwrap_or_else(PoisonError::into_inner);
            let from = paid.map_or_else(Instant::now, |paid| paid.max(Instant::now() - SLACK));
            *paid = Some(from + Duration::from_nanos(cost));
        }
        Ok(bytes)
    }

    /// Until when the connection has to wait for its next bytes.
    fn pay(&self) -> Option<Instant> {
        if self.flow.rate == 0 {
            return None;
        }
        let paid = *self.flow.connection.paid.lock().unwrap_or_else(PoisonError::into_inner);
        paid.filter(|paid| *paid > Instant::now())
    }
}

/// How far a connection may fall behind its rate and still catch up: timers fire late.
const SLACK: Duration = Duration::from_millis(50);

/// What a `Range` header asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    Whole,
    Part(u64, u64),
    Nothing,
}

/// Reads a `Range` header. Several ranges, other units and nonsense count as no range (RFC 9110, 14.2).
pub(crate) fn asked(range: Option<&HeaderValue>, size: u64) -> Asked {
    let Some((start, end)) = range
        .and_then(|range| range.to_str().ok())
        .and_then(|range| range.trim().strip_prefix("bytes="))
        .and_then(|range| range.split_once('-'))
    else {
        return Asked::Whole;
    };
    let (start, end) = (start.trim(), end.trim());
    if start.is_empty() {
        return match end.parse::<u64>() {
            Ok(0) => Asked::Nothing,
            Ok(_) if size == 0 => Asked::Nothing,
            Ok(suffix) => Asked::Part(size.saturating_sub(suffix), size),
            Err(_) => Asked::Whole,
        };
    }
    let end = if end.is_empty() { Ok(u64::MAX) } else { end.parse::<u64>() };
    match (start.parse::<u64>(), end) {
        (Ok(start), Ok(end)) if start > end => Asked::Whole,
        (Ok(0), Ok(_)) if size == 0 => Asked::Whole,
        (Ok(start), Ok(_)) if start >= size => Asked::Nothing,
        (Ok(start), Ok(end)) => Asked::Part(start, end.saturating_add(1).min(size)),
        _ => Asked::Whole,
    }
}

/// Whether an `If-None-Match` header names the tag (weak comparison).
pub(crate) fn matches_none(header: Option<&HeaderValue>, etag: &str) -> bool {
    let Some(list) = header.and_then(|header| header.to_str().ok()) else { return false };
    list.split(',').map(str::trim).any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag)
}

/// Answers GET or HEAD for a file, with ranges and conditions. `etag` carries its quotes.
pub(crate) fn file(
    method: &Method,
    asked_headers: &HeaderMap,
    content: &Content,
    etag: &str,
    headers: &[(HeaderName, String)],
    flow: Flow,
) -> Response<Reply> {
    let size = content.size();
    let mut reply = Response::new(Reply::empty());
    for (name, value) in headers {
        put(&mut reply, name.clone(), value);
    }
    put(&mut reply, header::ETAG, etag);
    put(&mut reply, header::ACCEPT_RANGES, "bytes");
    if matches_none(asked_headers.get(header::IF_NONE_MATCH), etag) {
        *reply.status_mut() = StatusCode::NOT_MODIFIED;
        return reply;
    }
    let unchanged = asked_headers.get(header::IF_RANGE).is_none_or(|tag| tag.as_bytes() == etag.as_bytes());
    let range = asked_headers.get(header::RANGE).filter(|_| unchanged);
    let (start, end) = match asked(range, size) {
        Asked::Whole => {
            if size == 0 && range.is_some() {
                // Clients that ask for the first byte read the size of an empty file from here.
                put(&mut reply, header::CONTENT_RANGE, "bytes */0");
            }
            (0, size)
        }
        Asked::Part(start, end) => {
            *reply.status_mut() = StatusCode::PARTIAL_CONTENT;
            put(&mut reply, header::CONTENT_RANGE, &format!("bytes {start}-{}/{size}", end - 1));
            (start, end)
        }
        Asked::Nothing => {
            *reply.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
            put(&mut reply, header::CONTENT_RANGE, &format!("bytes */{size}"));
            return reply;
        }
    };
    put(&mut reply, header::CONTENT_LENGTH, &(end - start).to_string());
    if method != Method::HEAD {
        *reply.body_mut() = Reply::File(Box::new(FileBody {
            content: content.clone(),
            at: start,
            end,
            flow,
            wait: None,
            flushed: false,
        }));
    }
    reply
}

/// Sets a header; a value that no header can carry is left out.
pub(crate) fn put(reply: &mut Response<Reply>, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        reply.headers_mut().insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_standard_says() {
        for (range, expected) in [
            ("bytes=0-0", Asked::Part(0, 1)),
            ("bytes=5-", Asked::Part(5, 10)),
            ("bytes=-3", Asked::Part(7, 10)),
            ("bytes=-99", Asked::Part(0, 10)),
            ("bytes=2-99", Asked::Part(2, 10)),
            ("bytes=10-", Asked::Nothing),
            ("bytes=-0", Asked::Nothing),
            ("bytes=5-2", Asked::Whole),
            ("bytes=0-1,3-4", Asked::Whole),
            ("lines=0-1", Asked::Whole),
            ("bytes=x-y", Asked::Whole),
        ] {
            assert_eq!(asked(Some(&HeaderValue::from_static(range)), 10), expected, "{range}");
        }
        assert_eq!(asked(Some(&HeaderValue::from_static("bytes=0-0")), 0), Asked::Whole);
        assert_eq!(asked(Some(&HeaderValue::from_static("bytes=1-")), 0), Asked::Nothing);
        assert!(matches_none(Some(&HeaderValue::from_static("\"a\", W/\"b\"")), "\"b\""));
    }
}
