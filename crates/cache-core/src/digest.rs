//! Digests: parsed once, compared as bytes, never handled as strings.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The error of an invalid digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DigestError {
    /// The text has a length that no known algorithm has, or another one than its prefix asks for.
    #[error("a digest of {0} characters is neither sha256 (64) nor git-sha1 (40)")]
    Length(usize),
    /// A character is not a lower- or upper-case hexadecimal digit.
    #[error("a digest is hexadecimal, {0:?} is not")]
    NotHex(char),
    /// The algorithm before the colon is not known.
    #[error("unknown digest algorithm {0:?}; known are sha256, git-sha1 and blake3")]
    Algorithm(String),
}

fn parse_hex<const N: usize>(text: &str) -> Result<[u8; N], DigestError> {
    if let Some(other) = text.chars().find(|c| !c.is_ascii_hexdigit()) {
        return Err(DigestError::NotHex(other));
    }
    if text.len() != 2 * N {
        return Err(DigestError::Length(text.len()));
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = (nibble(pair[0]) << 4) | nibble(pair[1]);
    }
    Ok(bytes)
}

fn nibble(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => digit.wrapping_sub(b'A').wrapping_add(10),
    }
}

macro_rules! digest_type {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; $len]);

        impl $name {
            /// Wraps the raw bytes of a finished hash.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; $len]) -> Self {
                Self(bytes)
            }

            /// The raw bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = DigestError;

            fn from_str(text: &str) -> Result<Self, DigestError> {
                parse_hex(text).map(Self)
            }
        }

        impl TryFrom<String> for $name {
            type Error = DigestError;

            fn try_from(text: String) -> Result<Self, DigestError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(digest: $name) -> String {
                digest.to_string()
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

digest_type!(
    /// A SHA-256 of a whole file: the name of its blob.
    Sha256, 32
);
digest_type!(
    /// Git's object id of a blob: SHA-1 over `"blob <length>\0"` and the bytes. What the Hub gives for small files.
    GitSha1, 20
);
digest_type!(
    /// A BLAKE3 hash, of a file or of one block of it.
    Blake3, 32
);

/// A digest with its algorithm, written `sha256:…`, `git-sha1:…` or `blake3:…`.
///
/// Without a prefix, 64 digits are a sha256 and 40 digits a git-sha1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Digest {
    /// SHA-256 of the bytes.
    Sha256(Sha256),
    /// Git blob id of the bytes.
    GitSha1(GitSha1),
    /// BLAKE3 of the bytes.
    Blake3(Blake3),
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sha256(d) => write!(f, "sha256:{d}"),
            Self::GitSha1(d) => write!(f, "git-sha1:{d}"),
            Self::Blake3(d) => write!(f, "blake3:{d}"),
        }
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        match text.split_once(':') {
            Some(("sha256", hex)) => hex.parse().map(Self::Sha256),
            Some(("git-sha1", hex)) => hex.parse().map(Self::GitSha1),
            Some(("blake3", hex)) => hex.parse().map(Self::Blake3),
            Some((other, _)) => Err(DigestError::Algorithm(other.to_owned())),
            None if text.len() == 40 => text.parse().map(Self::GitSha1),
            None => text.parse().map(Self::Sha256),
        }
    }
}

/// Known digests of a file: at most one of each algorithm.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digests {
    /// SHA-256 of the bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Sha256>,
    /// Git blob id of the bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git_sha1: Option<GitSha1>,
    /// BLAKE3 of the bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blake3: Option<Blake3>,
}

impl Digests {
    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.strongest().is_none()
    }

    /// The digest to trust first: sha256, then blake3, then git-sha1.
    #[must_use]
    pub fn strongest(&self) -> Option<Digest> {
        self.sha256.map(Digest::Sha256).or(self.blake3.map(Digest::Blake3)).or(self.git_sha1.map(Digest::GitSha1))
    }
}

impl From<Digest> for Digests {
    fn from(digest: Digest) -> Self {
        let mut digests = Self::default();
        match digest {
            Digest::Sha256(d) => digests.sha256 = Some(d),
            Digest::GitSha1(d) => digests.git_sha1 = Some(d),
            Digest::Blake3(d) => digests.blake3 = Some(d),
        }
        digests
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_parse_and_print_exactly() {
        let hex = "ab".repeat(32);
        let digest: Digest = hex.parse().unwrap();
        assert_eq!(digest.to_string(), format!("sha256:{hex}"));
        assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
        assert_eq!("AB".repeat(32).parse::<Sha256>().unwrap().to_string(), hex);
        assert!(matches!("cd".repeat(20).parse(), Ok(Digest::GitSha1(_))));
    }

    #[test]
    fn what_is_no_digest_is_refused() {
        for text in
            ["", "abc", "../../etc/passwd", "md5:d41d8cd98f00b204e9800998ecf8427e", &"g".repeat(64), &"é".repeat(32)]
        {
            assert!(text.parse::<Digest>().is_err(), "{text}");
        }
    }
}
