//! [`TokenRef`]: where a token is. The token itself is never part of the settings.

use std::fmt;
use std::path::PathBuf;

use crate::{Error, ErrorKind, Result};

/// Longest token file that is read, in bytes.
const MAX_TOKEN_FILE: u64 = 16 << 10;

/// Where a token is to be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenRef {
    /// In this environment variable.
    Env(String),
    /// In this file, alone.
    File(PathBuf),
}

impl TokenRef {
    /// Reads the token. What it returns must not be printed.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when there is none, or it has a character that no header can carry. The token is never
    /// part of the message.
    pub fn read(&self) -> Result<String> {
        let text = match self {
            Self::Env(name) => std::env::var(name)
                .map_err(|_| self.refuse("is not set").with_hint(format!("set {name}, or remove the reference")))?,
            Self::File(path) => {
                let read = cache_fs::read_text(path, MAX_TOKEN_FILE);
                read.map_err(|error| self.refuse(&format!("could not be read: {}", error.kind())))?
            }
        };
        let token = text.trim();
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(self
                .refuse("is empty or has invalid characters")
                .with_hint("copy the token again, alone on one line"));
        }
        Ok(token.to_owned())
    }

    /// Whether something is there, without reading it.
    #[must_use]
    pub fn is_set(&self) -> bool {
        match self {
            Self::Env(name) => std::env::var_os(name).is_some_and(|value| !value.is_empty()),
            Self::File(path) => fs_err::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.len() > 0),
        }
    }

    fn refuse(&self, why: &str) -> Error {
        Error::new(ErrorKind::Usage, format!("the token in {self} {why}"))
    }
}

/// As it is written in the file.
impl fmt::Display for TokenRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "{{ env = {name:?} }}"),
            Self::File(path) => write!(f, "{{ file = {path:?} }}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_and_never_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let file = TokenRef::File(path.clone());
        assert!(!file.is_set());
        assert!(file.read().unwrap_err().message().contains("could not be read"));
        fs_err::write(&path, "hf_file\n").unwrap();
        assert!(file.is_set());
        assert_eq!(file.read().unwrap(), "hf_file");
        fs_err::write(&path, "hf_a\nX-Evil: 1").unwrap();
        let error = format!("{:?}", file.read().unwrap_err());
        assert!(!error.contains("hf_a") && !error.contains("Evil"), "{error}");
        let absent = TokenRef::Env("MODEL_CACHE_NO_SUCH_VARIABLE".to_owned());
        assert!(!absent.is_set());
        assert_eq!(absent.read().unwrap_err().kind(), ErrorKind::Usage);
    }
}
