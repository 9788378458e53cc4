//! [`DecompressedStream`]: the plain bytes of one file, within their limits.

use std::pin::Pin;
use std::sync::Arc;

use async_compression::tokio::bufread::{BzDecoder, GzipDecoder, XzDecoder, ZstdDecoder};
use async_compression::zstd::DParameter;
use bytes::{Bytes, BytesMut};
use cache_core::{ByteStream, CompressedFile, Compression, Error, ErrorKind, Result};
use futures::stream;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::sync::SemaphorePermit;

use crate::compressed_stream::CompressedStream;
use crate::consistency::ReadPass;
use crate::limits::FREE_OUTPUT;
use crate::reader::{ByteCounter, PieceReader};
use crate::{InflateLimits, error};

/// Plain bytes made at a time: short enough for other tasks to come in between.
const CHUNK: usize = 64 << 10;

type Decoder = Pin<Box<dyn AsyncRead + Send>>;

pub(crate) struct DecompressedStream {
    decoder: Decoder,
    compressed: CompressedFile,
    host: String,
    /// The plain bytes there must be, if that is known.
    size: Option<u64>,
    limits: InflateLimits,
    counter: Arc<ByteCounter>,
    reading: Option<ReadPass>,
    /// Plain bytes of the frames before the first one that is read.
    before: u64,
    /// Plain bytes still to be left out.
    skip: u64,
    made: u64,
    /// Held as long as the decoder holds memory.
    _permit: SemaphorePermit<'static>,
}

impl DecompressedStream {
    /// Unpacks what `feed` brings. It begins `before` plain bytes into the file, and what comes before `start` is left out.
    pub(crate) fn new(
        feed: CompressedStream,
        (before, start): (u64, u64),
        size: Option<u64>,
        limits: InflateLimits,
        reading: Option<ReadPass>,
        permit: SemaphorePermit<'static>,
    ) -> Result<Self> {
        let (compressed, host) = (feed.compressed().clone(), feed.host().to_owned());
        let counter = Arc::new(ByteCounter::default());
        let decoder = decoder(compressed.compression, PieceReader::new(feed, Arc::clone(&counter)), limits)?;
        let skip = start.saturating_sub(before);
        Ok(Self { decoder, compressed, host, size, limits, counter, reading, before, skip, made: 0, _permit: permit })
    }

    pub(crate) fn into_stream(self) -> ByteStream {
        Box::pin(stream::try_unfold(self, |mut plain| async move {
            match plain.next().await {
                Ok(bytes) => Ok(bytes.map(|bytes| (bytes, plain))),
                Err(error) if error.host().is_some() => Err(error),
                Err(error) => Err(error.with_host(plain.host)),
            }
        }))
    }

    async fn next(&mut self) -> Result<Option<Bytes>> {
        loop {
            let mut buffer = BytesMut::with_capacity(CHUNK);
            let read = self.decoder.read_buf(&mut buffer).await;
            if read.map_err(|error| error::decoding(&self.compressed, self.limits, error))? == 0 {
                return self.end().map(|()| None);
            }
            self.counter.yielded();
            self.made += buffer.len() as u64;
            self.check()?;
            if let Some(reading) = &mut self.reading {
                reading.update(&buffer, &self.compressed)?;
            }
            let skipped = buffer.len().min(usize::try_from(self.skip).unwrap_or(usize::MAX));
            self.skip -= skipped as u64;
            let bytes = buffer.split_off(skipped);
            if !bytes.is_empty() {
                return Ok(Some(bytes.freeze()));
            }
        }
    }

    fn check(&self) -> Result<()> {
        let most = self.size.unwrap_or(self.limits.max_output);
        if self.before.saturating_add(self.made) > most {
            return Err(error::too_long(&self.compressed, most, self.size.is_some()));
        }
        let (taken, ratio) = (self.counter.taken(), self.limits.max_ratio);
        if self.made > FREE_OUTPUT && self.made > taken.saturating_mul(ratio) {
            return Err(error::too_dense(&self.compressed, ratio, self.made, taken));
        }
        Ok(())
    }

    fn end(&self) -> Result<()> {
        let made = self.before.saturating_add(self.made);
        if let Some(size) = self.size.filter(|&size| size != made) {
            return Err(error::too_short(&self.compressed, size, made));
        }
        self.reading.as_ref().map_or(Ok(()), |reading| reading.end(&self.compressed))
    }
}

/// A decoder that takes what follows the first member for another one, as the commands do.
fn decoder(compression: Compression, reader: PieceReader, limits: InflateLimits) -> Result<Decoder> {
    match compression {
        Compression::Gzip => {
            let mut decoder = GzipDecoder::new(reader);
            decoder.multiple_members(true);
            Ok(Box::pin(decoder))
        }
        Compression::Zstd => {
            let mut decoder = ZstdDecoder::with_params(reader, &[DParameter::window_log_max(limits.window_log())]);
            decoder.multiple_members(true);
            Ok(Box::pin(decoder))
        }
        Compression::Xz => {
            let mut decoder = XzDecoder::with_mem_limit(reader, limits.max_memory);
            decoder.multiple_members(true);
            Ok(Box::pin(decoder))
        }
        Compression::Bzip2 => {
            let mut decoder = BzDecoder::new(reader);
            decoder.multiple_members(true);
            Ok(Box::pin(decoder))
        }
        other => Err(Error::new(ErrorKind::Unsupported, format!("{other} cannot be unpacked by this build"))),
    }
}
