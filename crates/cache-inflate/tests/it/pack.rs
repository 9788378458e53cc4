//! Compressing, for the tests.

use async_compression::Level;
use async_compression::tokio::bufread::{BzEncoder, GzipEncoder, XzEncoder, ZstdEncoder};
use async_compression::zstd::CParameter;
use cache_core::Compression;
use tokio::io::{AsyncBufRead, AsyncReadExt as _};

/// What these bytes become.
pub(crate) async fn pack(compression: Compression, plain: &[u8]) -> Vec<u8> {
    pack_from(compression, plain).await
}

/// So many zeros, never in memory.
pub(crate) async fn zeros(compression: Compression, length: u64) -> Vec<u8> {
    pack_from(compression, tokio::io::BufReader::new(tokio::io::repeat(0).take(length))).await
}

async fn pack_from(compression: Compression, from: impl AsyncBufRead + Unpin) -> Vec<u8> {
    let mut packed = Vec::new();
    let read = match compression {
        Compression::Gzip => GzipEncoder::new(from).read_to_end(&mut packed).await,
        Compression::Zstd => {
            let checksum = [CParameter::checksum_flag(true)];
            ZstdEncoder::with_quality_and_params(from, Level::Default, &checksum).read_to_end(&mut packed).await
        }
        Compression::Xz => XzEncoder::with_quality(from, Level::Precise(0)).read_to_end(&mut packed).await,
        Compression::Bzip2 => BzEncoder::with_quality(from, Level::Fastest).read_to_end(&mut packed).await,
        other => panic!("{other}"),
    };
    read.unwrap();
    packed
}
