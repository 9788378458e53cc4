//! [`PieceReader`]: a feed as the decoders read it, in small pieces and with pauses.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use cache_core::{ByteStream, CompressedFile, Error};
use futures::stream;
use tokio::io::{AsyncBufRead, AsyncRead, ReadBuf};
use tokio::task::coop;

use crate::compressed_stream::CompressedStream;
use crate::error;
use crate::limits::MAX_BARREN;

/// Compressed bytes that a decoder gets at a time. Empty members decode to nothing without giving way to other tasks,
/// so the pauses have to be here.
const PIECE: usize = 16 << 10;

/// Byte counts of a decoder, shared by its two ends.
#[derive(Debug, Default)]
pub(crate) struct ByteCounter {
    taken: AtomicU64,
    no_output: AtomicU64,
}

impl ByteCounter {
    /// Compressed bytes so far.
    pub(crate) fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    /// Plain bytes have come out.
    pub(crate) fn yielded(&self) {
        self.no_output.store(0, Ordering::Relaxed);
    }

    /// Compressed bytes since then, with these.
    fn take(&self, bytes: u64) -> u64 {
        self.taken.fetch_add(bytes, Ordering::Relaxed);
        self.no_output.fetch_add(bytes, Ordering::Relaxed) + bytes
    }
}

pub(crate) struct PieceReader {
    stream: ByteStream,
    compressed: CompressedFile,
    counter: Arc<ByteCounter>,
    chunk: Bytes,
    piece: Bytes,
    ended: bool,
}

impl PieceReader {
    pub(crate) fn new(feed: CompressedStream, counter: Arc<ByteCounter>) -> Self {
        let compressed = feed.compressed().clone();
        let stream = stream::try_unfold(feed, |mut feed| async move {
            let bytes = feed.next().await?;
            Ok::<_, Error>(bytes.map(|bytes| (bytes, feed)))
        });
        Self { stream: Box::pin(stream), compressed, counter, chunk: Bytes::new(), piece: Bytes::new(), ended: false }
    }

    /// Makes sure of a piece, unless the end has come.
    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.piece.is_empty() && !self.ended {
            let turn = ready!(coop::poll_proceed(context));
            if self.chunk.is_empty() {
                match ready!(self.stream.as_mut().poll_next(context)) {
                    Some(Ok(bytes)) => self.chunk = bytes,
                    Some(Err(error)) => {
                        self.ended = true;
                        return Poll::Ready(Err(io::Error::other(error)));
                    }
                    None => self.ended = true,
                }
            }
            turn.made_progress();
            self.piece = self.chunk.split_to(PIECE.min(self.chunk.len()));
            let no_output = self.counter.take(self.piece.len() as u64);
            if no_output > MAX_BARREN {
                return Poll::Ready(Err(io::Error::other(error::no_output(&self.compressed, no_output))));
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncBufRead for PieceReader {
    fn poll_fill_buf(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        ready!(this.poll_piece(context))?;
        Poll::Ready(Ok(&this.piece))
    }

    fn consume(self: Pin<&mut Self>, amount: usize) {
        let piece = &mut self.get_mut().piece;
        let _ = piece.split_to(amount.min(piece.len()));
    }
}

impl AsyncRead for PieceReader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let bytes = ready!(self.as_mut().poll_fill_buf(context))?;
        let length = bytes.len().min(buffer.remaining());
        buffer.put_slice(&bytes[..length]);
        self.consume(length);
        Poll::Ready(Ok(()))
    }
}
