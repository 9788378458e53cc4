//! [`NewToken`]: a token for one of this server's own users.

use std::fmt;

use cache_lib::{Error, ErrorKind, Result, Sha256};

use crate::caller::{OWN_TOKEN, Token};

/// The digits of base64url, six bits each.
const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// A token of 256 random bits for a user of the server: `mct_` and 43 digits of base64url. Only its hash is kept, in the
/// configuration; a lost token cannot be recovered.
#[derive(Clone)]
pub struct NewToken(String);

impl NewToken {
    /// Makes one.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] when the system has no randomness to give.
    pub fn random() -> Result<Self> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)
            .map_err(|error| Error::new(ErrorKind::Unsupported, format!("the system gave no random bytes: {error}")))?;
        Ok(Self(format!("{OWN_TOKEN}{}", base64url(&bytes))))
    }

    /// The token. It is to be shown once, and not kept.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What stands for it in the configuration.
    #[must_use]
    pub fn sha256(&self) -> Sha256 {
        Token::new(&self.0).sha256()
    }
}

impl fmt::Debug for NewToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Base64 with the alphabet for URLs, without padding.
fn base64url(bytes: &[u8]) -> String {
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..=group.len() {
            let index = (bits >> (18 - 6 * digit)) & 63;
            text.extend(
                usize::try_from(index).ok().and_then(|index| DIGITS.get(index)).map(|&digit| char::from(digit)),
            );
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_random_and_long_and_not_shown() {
        let (a, b) = (NewToken::random().unwrap(), NewToken::random().unwrap());
        assert_ne!(a.expose(), b.expose());
        assert_eq!(a.expose().len(), 4 + 43);
        assert!(a.expose().bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'));
        assert_eq!(format!("{a:?}"), "***");
        assert_eq!(a.sha256(), Token::new(a.expose()).sha256());
    }

    #[test]
    fn base64_is_that_of_rfc_4648() {
        for (bytes, text) in [(&b""[..], ""), (b"f", "Zg"), (b"fo", "Zm8"), (b"foo", "Zm9v"), (b"foob", "Zm9vYg")] {
            assert_eq!(base64url(bytes), text);
        }
        assert_eq!(base64url(&[0xff, 0xfe, 0xfd]), "__79");
    }
}
