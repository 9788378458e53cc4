//! Says what was being done when the file system failed.

use std::fmt::Display;
use std::io;

use cache_core::{Error, Result};

pub(crate) trait IoContext<T> {
    /// Turns an I/O error into the cache's, with what was being done in front.
    fn context(self, action: impl Display) -> Result<T>;
}

impl<T> IoContext<T> for io::Result<T> {
    fn context(self, action: impl Display) -> Result<T> {
        self.map_err(|error| Error::storage(action, error))
    }
}

impl<T> IoContext<T> for rustix::io::Result<T> {
    fn context(self, action: impl Display) -> Result<T> {
        self.map_err(|error| Error::storage(action, error.into()))
    }
}

/// Takes "it is not there" for an answer.
pub(crate) trait OrAbsent<T> {
    /// `None` when there is no such file or folder.
    fn or_absent(self) -> io::Result<Option<T>>;
}

impl<T> OrAbsent<T> for io::Result<T> {
    fn or_absent(self) -> io::Result<Option<T>> {
        match self {
            Ok(value) => Ok(Some(value)),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
