//! [`Input`]: where a bundle is read from, compressed or not, seekable or not.

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use cache_core::{Error, ErrorKind, Reason, Result};

use crate::error::broken;

/// The first bytes of a zstd frame.
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// The largest window of zstd, as a power of two: the limit that the `zstd` command has too.
const WINDOW_LOG: u32 = 27;
/// Bytes read from the input at once where it is compressed.
const BUFFER: usize = 1 << 20;
/// Bytes taken on somebody's word before they have come.
const STEP: u64 = 1 << 20;

/// A bundle to read: a file, or a stream that need not be seekable.
pub struct Input(InputKind);

enum InputKind {
    File(PathBuf),
    Reader(Box<dyn Read + Send>),
}

impl Input {
    /// A file; it may lie on a read-only medium.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(InputKind::File(path.into()))
    }

    /// A stream, such as stdin. It is read to the bundle's end.
    pub fn reader(reader: impl Read + Send + 'static) -> Self {
        Self(InputKind::Reader(Box::new(reader)))
    }
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            InputKind::File(path) => f.debug_tuple("File").field(path).finish(),
            InputKind::Reader(_) => f.write_str("Reader"),
        }
    }
}

/// The tar itself.
pub(crate) struct Stream {
    body: Body,
    pub(crate) compressed: bool,
}

enum Body {
    File(File),
    Reader(Box<dyn Read + Send>),
}

impl Stream {
    pub(crate) fn open(input: Input) -> Result<Self> {
        match input.0 {
            InputKind::Reader(reader) => Self::new(None, reader),
            InputKind::File(path) => {
                let file = open(&path)?;
                let regular = file.metadata().map_err(read_failed)?.is_file();
                let again = if regular { Some(file.try_clone().map_err(read_failed)?) } else { None };
                Self::new(again, Box::new(file))
            }
        }
    }

    /// `file` is the same as `reader`, if it can be sought in.
    fn new(file: Option<File>, mut reader: Box<dyn Read + Send>) -> Result<Self> {
        let mut magic = [0; 4];
        let read = up_to(&mut *reader, &mut magic)?;
        let compressed = magic == ZSTD;
        if let Some(mut file) = file.filter(|_| !compressed) {
            file.seek(SeekFrom::Start(0)).map_err(read_failed)?;
            return Ok(Self { body: Body::File(file), compressed });
        }
        let begun = Cursor::new(magic.get(..read).unwrap_or_default().to_vec()).chain(reader);
        if !compressed {
            return Ok(Self { body: Body::Reader(Box::new(begun)), compressed });
        }
        let mut plain = zstd::Decoder::with_buffer(BufReader::with_capacity(BUFFER, begun)).map_err(read_failed)?;
        plain.window_log_max(WINDOW_LOG).map_err(read_failed)?;
        Ok(Self { body: Body::Reader(Box::new(plain)), compressed })
    }

    pub(crate) fn read_exact(&mut self, buffer: &mut [u8]) -> Result<()> {
        let read = self.read_up_to(buffer)?;
        if read < buffer.len() { Err(read_failed(io::ErrorKind::UnexpectedEof.into())) } else { Ok(()) }
    }

    /// Fills the buffer, or as much of it as there is input.
    pub(crate) fn read_up_to(&mut self, buffer: &mut [u8]) -> Result<usize> {
        match &mut self.body {
            Body::File(file) => up_to(file, buffer),
            Body::Reader(reader) => up_to(&mut **reader, buffer),
        }
    }

    /// So many bytes, for which memory is taken only as they come.
    pub(crate) fn read_growing(&mut self, size: u64) -> Result<Vec<u8>> {
        let mut content = Vec::new();
        let mut left = size;
        while left > 0 {
            let now = left.min(STEP);
            let begin = content.len();
            content.resize(begin + usize::try_from(now).unwrap_or_default(), 0);
            self.read_exact(content.get_mut(begin..).unwrap_or_default())?;
            left -= now;
        }
        Ok(content)
    }

    /// Passes over bytes: by seeking where that is possible. That the input ends before is found by the next read.
    pub(crate) fn skip(&mut self, bytes: u64) -> Result<()> {
        match &mut self.body {
            Body::File(file) => {
                let ahead = i64::try_from(bytes).map_err(|_| broken("an entry of the bundle is too large"))?;
                file.seek(SeekFrom::Current(ahead)).map(|_| ()).map_err(read_failed)
            }
            Body::Reader(reader) => {
                let passed = io::copy(&mut reader.take(bytes), &mut io::sink()).map_err(read_failed)?;
                if passed < bytes { Err(read_failed(io::ErrorKind::UnexpectedEof.into())) } else { Ok(()) }
            }
        }
    }
}

fn open(path: &Path) -> Result<File> {
    cache_fs::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Error::new(ErrorKind::NotFound, format!("{}: bundle not found", path.display()))
            .with_hint("name a bundle")
            .with_reason(Reason::NotBundle),
        io::ErrorKind::IsADirectory => Error::new(ErrorKind::Usage, format!("{} is a folder", path.display()))
            .with_hint("name a bundle")
            .with_reason(Reason::NotBundle),
        io::ErrorKind::InvalidData => Error::new(ErrorKind::Usage, format!("not a bundle: {error}"))
            .with_hint("name a bundle")
            .with_reason(Reason::NotBundle),
        _ => Error::storage("open the bundle", error),
    })
}

fn up_to(reader: &mut dyn Read, buffer: &mut [u8]) -> Result<usize> {
    let mut filled = 0;
    while let Some(room) = buffer.get_mut(filled..).filter(|room| !room.is_empty()) {
        match reader.read(room) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(read_failed(error)),
        }
    }
    Ok(filled)
}

/// What the system says is its trouble; all else is said by the decoder of the bundle, and is the bundle's.
fn read_failed(error: io::Error) -> Error {
    if error.raw_os_error().is_some() {
        return Error::storage("read the bundle", error);
    }
    match error.kind() {
        io::ErrorKind::UnexpectedEof => broken("the bundle is cut off"),
        _ => broken(format!("the bundle cannot be decompressed: {error}")).with_source(error),
    }
}
