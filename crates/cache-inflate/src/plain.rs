//! [`Plain`]: the plain bytes of one file, within their limits.

use std::pin::Pin;
use std::sync::Arc;

use async_compression::tokio::bufread::{BzDecoder, GzipDecoder, XzDecoder, ZstdDecoder};
use async_compression::zstd::DParameter;
use bytes::{Bytes, BytesMut};
use cache_core::{ByteStream, Error, ErrorKind, Packed, Packing, Result};
use futures::stream;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::sync::SemaphorePermit;

use crate::consistency::Reading;
use crate::feed::Feed;
use crate::limits::FREE_OUTPUT;
use crate::reader::{Meter, Reader};
use crate::{InflateLimits, trouble};

/// Plain bytes made at a time: short enough for other tasks to come in between.
const CHUNK: usize = 64 << 10;

type Decoder = Pin<Box<dyn AsyncRead + Send>>;

pub(crate) struct Plain {
    decoder: Decoder,
    packed: Packed,
    host: String,
    /// The plain bytes there must be, if that is known.
    size: Option<u64>,
    limits: InflateLimits,
    meter: Arc<Meter>,
    reading: Option<Reading>,
    made: u64,
    /// Held as long as the decoder holds memory.
    _permit: SemaphorePermit<'static>,
}

impl Plain {
    pub(crate) fn new(
        feed: Feed,
        size: Option<u64>,
        limits: InflateLimits,
        reading: Option<Reading>,
        permit: SemaphorePermit<'static>,
    ) -> Result<Self> {
        let (packed, host) = (feed.packed().clone(), feed.host().to_owned());
        let meter = Arc::new(Meter::default());
        let decoder = decoder(packed.packing, Reader::new(feed, Arc::clone(&meter)), limits)?;
        Ok(Self { decoder, packed, host, size, limits, meter, reading, made: 0, _permit: permit })
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
        let mut buffer = BytesMut::with_capacity(CHUNK);
        let read = self.decoder.read_buf(&mut buffer).await;
        if read.map_err(|error| trouble::decoding(&self.packed, self.limits, error))? == 0 {
            return self.end().map(|()| None);
        }
        self.meter.yielded();
        self.made += buffer.len() as u64;
        self.check()?;
        if let Some(reading) = &mut self.reading {
            reading.update(&buffer, &self.packed)?;
        }
        Ok(Some(buffer.freeze()))
    }

    fn check(&self) -> Result<()> {
        let most = self.size.unwrap_or(self.limits.max_output);
        if self.made > most {
            return Err(trouble::too_long(&self.packed, most, self.size.is_some()));
        }
        let (taken, ratio) = (self.meter.taken(), self.limits.max_ratio);
        if self.made > FREE_OUTPUT && self.made > taken.saturating_mul(ratio) {
            return Err(trouble::too_dense(&self.packed, ratio, self.made, taken));
        }
        Ok(())
    }

    fn end(&self) -> Result<()> {
        if let Some(size) = self.size.filter(|&size| size != self.made) {
            return Err(trouble::too_short(&self.packed, size, self.made));
        }
        self.reading.as_ref().map_or(Ok(()), |reading| reading.end(&self.packed))
    }
}

/// A decoder that takes what follows the first member for another one, as the commands do.
fn decoder(packing: Packing, reader: Reader, limits: InflateLimits) -> Result<Decoder> {
    match packing {
        Packing::Gzip => {
            let mut decoder = GzipDecoder::new(reader);
            decoder.multiple_members(true);
            Ok(Box::pin(decoder))
        }
        Packing::Zstd => {
            let mut decoder = ZstdDecoder::with_params(reader, &[DParameter::window_log_max(limits.window_log())]);
            decoder.multiple_members(true);
            Ok(Box::pin(decoder))
        }
        Packing::Xz => {
            let mut decoder = XzDecoder::with_mem_limit(reader, limits.max_memory);
            decoder.multiple_members(true);
            Ok(Box::pin(decoder))
        }
        Packing::Bzip2 => {
            let mut decoder = BzDecoder::new(reader);
            decoder.multiple_members(true);
            Ok(Box::pin(decoder))
        }
        other => Err(Error::new(ErrorKind::Unsupported, format!("{other} cannot be unpacked by this build"))),
    }
}
