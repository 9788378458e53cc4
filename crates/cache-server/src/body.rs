//! Files as bodies: ranges, several ranges, whole files, while they arrive.

mod condition;
mod range;
mod resume;
#[cfg(test)]
mod tests;
mod unsent;

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use bytes::Bytes;
use cache_lib::{Error, ErrorKind, FileReader, Result};
use http_body::{Frame, SizeHint};

use self::unsent::Unsent;

pub(crate) use condition::{Precondition, precondition, range_holds};
pub(crate) use range::RequestedRanges;
pub(crate) use resume::{Delivery, checks_digest, delivery};

/// Bytes read at a time. With one chunk ahead, and what hyper and the kernel hold, a client costs about half a MiB; while
/// memory is short, some 10 KiB in addition to what the kernel holds.
const CHUNK: usize = 128 << 10;

/// What can be read at any position, waiting for bytes that are still to come: [`FileReader`], or a test's double.
pub(crate) trait ReadAt: Clone + Send + Unpin + 'static {
    /// At most `max` bytes from `at` on; none only at the end.
    fn read_at(&self, at: u64, max: usize) -> impl Future<Output = Result<Bytes>> + Send;

    /// Whether each body has to wait until its bytes are sent.
    fn is_memory_short(&self) -> bool;
}

impl ReadAt for FileReader {
    fn read_at(&self, at: u64, max: usize) -> impl Future<Output = Result<Bytes>> + Send {
        Self::read_at(self, at, max)
    }

    fn is_memory_short(&self) -> bool {
        Self::is_memory_short(self)
    }
}

type Reading = Pin<Box<dyn Future<Output = Result<Bytes>> + Send>>;

/// A piece of a body.
#[derive(Debug)]
enum BodyPiece {
    /// What stands between the parts of several ranges.
    Text(Bytes),
    /// Bytes of the file.
    Range(Range<u64>),
}

/// A file's bytes, or some of them. When they cannot be read to the end it fails, and with it the connection: a client
/// never sees a short body end well.
pub(crate) struct FileBody<R> {
    reader: R,
    pieces: VecDeque<BodyPiece>,
    /// The chunk that is being read: the next of the first range among the pieces.
    reading: Option<Reading>,
    /// The chunk that was read ahead.
    ready: Option<Bytes>,
    /// The chunks that were given out and not yet sent.
    unsent: Unsent,
    /// Bytes still to be sent.
    left: u64,
}

impl<R: ReadAt> FileBody<R> {
    /// One range of a file, or all of it. Waits for the first bytes, so that what fails before any was sent can be
    /// answered with an error.
    ///
    /// # Errors
    /// Why there are no first bytes.
    pub(crate) async fn range(reader: R, range: Range<u64>) -> Result<Self> {
        Self::of(reader, VecDeque::from([BodyPiece::Range(range)])).await
    }

    /// Several ranges of a file, as `multipart/byteranges`.
    ///
    /// # Errors
    /// As [`range`](Self::range).
    pub(crate) async fn multipart(reader: R, parts: Vec<Range<u64>>, form: &Multipart<'_>) -> Result<Self> {
        let mut pieces = VecDeque::with_capacity(2 * parts.len() + 1);
        for part in parts {
            pieces.push_back(BodyPiece::Text(form.head(&part)));
            pieces.push_back(BodyPiece::Range(part));
        }
        pieces.push_back(BodyPiece::Text(form.end()));
        Self::of(reader, pieces).await
    }

    async fn of(reader: R, pieces: VecDeque<BodyPiece>) -> Result<Self> {
        let left = pieces.iter().map(BodyPiece::len).sum();
        let mut body = Self { reader, pieces, reading: None, ready: None, unsent: Unsent::default(), left };
        body.read_on();
        if let Some(reading) = body.reading.take() {
            body.ready = Some(reading.await?);
        }
        Ok(body)
    }

    /// Bytes in all.
    pub(crate) fn len(&self) -> u64 {
        self.left
    }

    /// Begins to read the next chunk of the first range there is.
    fn read_on(&mut self) {
        let next = self.pieces.iter().find_map(|piece| match piece {
            BodyPiece::Range(range) if !range.is_empty() => Some(range.clone()),
            _ => None,
        });
        self.reading = next.map(|range| {
            let max = usize::try_from(range.end - range.start).map_or(CHUNK, |left| left.min(CHUNK));
            let reader = self.reader.clone();
            Box::pin(async move { reader.read_at(range.start, max).await }) as Reading
        });
    }

    /// The next piece's next bytes; `None` at the end.
    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        while matches!(self.pieces.front(), Some(BodyPiece::Range(range)) if range.is_empty()) {
            self.pieces.pop_front();
        }
        match self.pieces.pop_front() {
            None => Poll::Ready(None),
            Some(BodyPiece::Text(text)) => Poll::Ready(Some(Ok(text))),
            Some(BodyPiece::Range(range)) => {
                // Stays what it was until its bytes are there.
                self.pieces.push_front(BodyPiece::Range(range.clone()));
                let mut bytes = ready!(self.poll_read(context))?;
                let wanted = range.end - range.start;
                bytes.truncate(usize::try_from(wanted).unwrap_or(usize::MAX));
                if bytes.is_empty() {
                    return Poll::Ready(Some(Err(ended(&range))));
                }
                if let Some(BodyPiece::Range(rest)) = self.pieces.front_mut() {
                    rest.start = range.start.saturating_add(bytes.len() as u64);
                }
                let bytes = self.unsent.count(bytes);
                if !self.reader.is_memory_short() {
                    self.read_ahead(context);
                }
                Poll::Ready(Some(Ok(bytes)))
            }
        }
    }

    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        if let Some(bytes) = self.ready.take() {
            return Poll::Ready(Ok(bytes));
        }
        if self.reading.is_none() {
            if self.reader.is_memory_short() {
                ready!(self.unsent.poll_sent(context));
            }
            self.read_on();
        }
        let Some(reading) = &mut self.reading else { return Poll::Ready(Ok(Bytes::new())) };
        let read = ready!(reading.as_mut().poll(context));
        self.reading = None;
        Poll::Ready(read.map_err(io::Error::other))
    }

    /// Lets the disk work on the next chunk while this one is sent.
    fn read_ahead(&mut self, context: &mut Context<'_>) {
        self.read_on();
        if let Some(reading) = &mut self.reading
            && let Poll::Ready(read) = reading.as_mut().poll(context)
        {
            self.reading = match read {
                Ok(bytes) => {
                    self.ready = Some(bytes);
                    None
                }
                // What was read before is sent first.
                Err(error) => Some(Box::pin(std::future::ready(Err(error)))),
            };
        }
    }
}

impl<R: ReadAt> http_body::Body for FileBody<R> {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let chunk = ready!(self.poll_chunk(context));
        if let Some(Ok(bytes)) = &chunk {
            self.left = self.left.saturating_sub(bytes.len() as u64);
        }
        Poll::Ready(chunk.map(|chunk| chunk.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

impl BodyPiece {
    fn len(&self) -> u64 {
        match self {
            Self::Text(text) => text.len() as u64,
            Self::Range(range) => range.end.saturating_sub(range.start),
        }
    }
}

fn ended(range: &Range<u64>) -> io::Error {
    let what = format!("the file ends before byte {} of {}", range.start, range.end);
    io::Error::other(Error::new(ErrorKind::Integrity, what))
}

/// How several ranges are set: what stands between them.
#[derive(Debug)]
pub(crate) struct Multipart<'a> {
    boundary: String,
    content_type: &'a str,
    size: u64,
}

impl<'a> Multipart<'a> {
    /// For a file of a type and size, with a random boundary.
    pub(crate) fn new(content_type: &'a str, size: u64) -> Result<Self> {
        let mut random = [0; 16];
        getrandom::fill(&mut random)
            .map_err(|error| Error::new(ErrorKind::Storage, format!("the system has no random numbers: {error}")))?;
        Ok(Self { boundary: format!("{:032x}", u128::from_be_bytes(random)), content_type, size })
    }

    /// The type of the whole.
    pub(crate) fn content_type(&self) -> String {
        format!("multipart/byteranges; boundary={}", self.boundary)
    }

    fn head(&self, part: &Range<u64>) -> Bytes {
        let Self { boundary, content_type, size } = self;
        let (first, last) = (part.start, part.end.saturating_sub(1));
        let text = format!(
            "\r\n--{boundary}\r\nContent-Type: {content_type}\r\nContent-Range: bytes {first}-{last}/{size}\r\n\r\n"
        );
        text.into()
    }

    fn end(&self) -> Bytes {
        format!("\r\n--{}--\r\n", self.boundary).into()
    }
}

/// No body and no length: for 304, and for HEAD without a size.
pub(crate) fn nothing() -> Body {
    Body::new(Nothing)
}

#[derive(Debug)]
struct Nothing;

impl http_body::Body for Nothing {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        true
    }

    fn size_hint(&self) -> SizeHint {
        // What is not exact is not announced.
        SizeHint::new()
    }
}
