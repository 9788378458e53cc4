//! Tokens of this server's own: made once, kept as their hash only.

use std::fmt;

use cache_lib::{Error, ErrorKind, Result, Sha256};
use sha2::Digest as _;

/// Characters of a token after its prefix: 6 bits each, 258 in all.
const LENGTH: usize = 43;
/// As in base64url.
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// A token that was made just now. Prints nothing of its text.
pub struct NewToken {
    /// The token: `mct_` and 43 characters. To be shown once and kept nowhere.
    pub text: String,
    /// What the configuration keeps of it.
    pub sha256: Sha256,
}

/// Makes a token from the system's randomness.
///
/// # Errors
/// [`ErrorKind::Storage`] when the system has none.
pub fn new_token() -> Result<NewToken> {
    let mut random = [0; LENGTH];
    getrandom::fill(&mut random)
        .map_err(|error| Error::new(ErrorKind::Storage, format!("the system gives no random numbers: {error}")))?;
    let letters = random.iter().map(|byte| char::from(ALPHABET[usize::from(byte & 63)]));
    let text: String = "mct_".chars().chain(letters).collect();
    Ok(NewToken { sha256: hash(&text), text })
}

/// The hash of a token, under which it is known.
pub(crate) fn hash(token: &str) -> Sha256 {
    Sha256::from_bytes(sha2::Sha256::digest(token.as_bytes()).into())
}

impl fmt::Debug for NewToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewToken").field("sha256", &self.sha256).finish_non_exhaustive()
    }
}
