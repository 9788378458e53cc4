//! A compressed file on this machine, as a stream.

use std::io::Read as _;
use std::path::PathBuf;

use bytes::{Bytes, BytesMut};
use cache_core::{Body, Error, ErrorKind, Result};
use futures::stream;

/// Bytes read at a time.
const CHUNK: usize = 256 << 10;

pub(crate) async fn body(path: PathBuf) -> Result<Body> {
    let (file, size) = blocking(move || {
        let file = fs_err::File::open(path).map_err(|error| Error::storage("open a compressed file", error))?;
        let size = file.metadata().map_err(|error| Error::storage("look at a compressed file", error))?.len();
        Ok((file, size))
    })
    .await?;
    let stream = stream::try_unfold(file, |file| async move {
        let (file, bytes) = blocking(move || read(file)).await?;
        Ok((!bytes.is_empty()).then_some((bytes, file)))
    });
    Ok(Body {
        start: 0,
        end: Some(size),
        size: Some(size),
        etag: None,
        ranges: false,
        host: "this machine".to_owned(),
        stream: Box::pin(stream),
    })
}

fn read(mut file: fs_err::File) -> Result<(fs_err::File, Bytes)> {
    let mut bytes = BytesMut::zeroed(CHUNK);
    let length = file.read(&mut bytes).map_err(|error| Error::storage("read a compressed file", error))?;
    bytes.truncate(length);
    Ok((file, bytes.freeze()))
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(Error::new(ErrorKind::Storage, format!("a worker failed: {error}"))))
}
