//! Signing: ed25519 over an index, with keys in the PEM files that openssl writes.

use std::fmt;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cache_core::{Error, ErrorKind, Hasher, Reason, Result};
use ed25519_dalek::Signer as _;
use serde::{Deserialize, Serialize};

use crate::error::broken;

/// What stands before the 32 bytes of a private key (PKCS #8, RFC 8410).
const PRIVATE: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
/// What stands before the 32 bytes of a public key (SubjectPublicKeyInfo, RFC 8410).
const PUBLIC: [u8; 12] = [0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0];
const PRIVATE_LABEL: &str = "PRIVATE KEY";
const PUBLIC_LABEL: &str = "PUBLIC KEY";
/// Most bytes of a key file.
const MAX_KEY: u64 = 16 << 10;
/// Most bytes of a signature file.
pub(crate) const MAX_SIGNATURE: u64 = 4 << 10;
const ALGORITHM: &str = "ed25519";

/// What names a public key: the first 16 digits of its SHA-256.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct KeyId(String);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for KeyId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let fine = text.len() == 16 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if fine { Ok(Self(text)) } else { Err(serde::de::Error::custom("a key id is 16 hexadecimal digits")) }
    }
}

/// A private key. Prints without its secret.
pub struct SigningKey(ed25519_dalek::SigningKey);

/// A public key.
#[derive(Debug, Clone)]
pub struct VerifyingKey(ed25519_dalek::VerifyingKey);

/// The content of `bundle.sig`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Signature {
    algorithm: String,
    pub(crate) key: KeyId,
    signature: String,
}

impl SigningKey {
    /// A new key, from the system's randomness.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] when the system gives none.
    pub fn generate() -> Result<Self> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed)
            .map_err(|error| Error::new(ErrorKind::Storage, format!("the system's random source failed: {error}")))?;
        Ok(Self(ed25519_dalek::SigningKey::from_bytes(&seed)))
    }

    /// Reads a private key. Blocks.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when the file is no private ed25519 key.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let seed = read_pem(path.as_ref(), PRIVATE_LABEL, &PRIVATE)?;
        Ok(Self(ed25519_dalek::SigningKey::from_bytes(&seed)))
    }

    /// Writes it to a new file that only its owner may read, and the public key beside it with `.pub` at the end. Gives
    /// the public key's path. Blocks.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when one of the files is there, [`ErrorKind::Storage`] when it cannot be written.
    pub fn write_new(&self, path: impl AsRef<Path>) -> Result<PathBuf> {
        let path = path.as_ref();
        let mut public = path.as_os_str().to_owned();
        public.push(".pub");
        let public = PathBuf::from(public);
        for path in [path, &public] {
            if fs_err::symlink_metadata(path).is_ok() {
                return Err(there(path));
            }
        }
        write_new(path, 0o600, &pem(PRIVATE_LABEL, &PRIVATE, self.0.as_bytes()))?;
        write_new(&public, 0o644, &pem(PUBLIC_LABEL, &PUBLIC, self.0.verifying_key().as_bytes()))?;
        Ok(public)
    }

    /// The public key.
    #[must_use]
    pub fn verifying_key(&self) -> VerifyingKey {
        VerifyingKey(self.0.verifying_key())
    }

    pub(crate) fn sign(&self, index: &[u8]) -> Result<Vec<u8>> {
        let bytes = self.0.sign(index).to_bytes();
        let signature = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let file = Signature { algorithm: ALGORITHM.to_owned(), key: self.verifying_key().id(), signature };
        let mut text =
            serde_json::to_vec(&file).map_err(|error| Error::storage("write the signature", error.into()))?;
        text.push(b'\n');
        Ok(text)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.verifying_key().id())
    }
}

impl VerifyingKey {
    /// Reads a public key. Blocks.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when the file is no public ed25519 key.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let bytes = read_pem(path, PUBLIC_LABEL, &PUBLIC)?;
        let key = ed25519_dalek::VerifyingKey::from_bytes(&bytes).map_err(|_| no_key(path, PUBLIC_LABEL))?;
        Ok(Self(key))
    }

    /// What names it.
    #[must_use]
    pub fn id(&self) -> KeyId {
        let mut hasher = Hasher::new();
        hasher.update(self.0.as_bytes());
        KeyId(hasher.finish().sha256.to_string().chars().take(16).collect())
    }

    pub(crate) fn check(&self, index: &[u8], signature: Option<&Signature>) -> Result<()> {
        let refused = |why: String| {
            Error::new(ErrorKind::Integrity, why)
                .with_hint("check the origin of the bundle; nothing of it was imported")
        };
        let Some(found) = signature else {
            return Err(refused(format!("the bundle is not signed; expected a signature by the key {}", self.id())));
        };
        if found.key != self.id() {
            return Err(refused(format!("the bundle is signed by the key {}, not by {}", found.key, self.id())));
        }
        let good = found
            .bytes()
            .is_some_and(|bytes| self.0.verify_strict(index, &ed25519_dalek::Signature::from_bytes(&bytes)).is_ok());
        if good { Ok(()) } else { Err(refused(format!("the bundle's signature by the key {} is wrong", found.key))) }
    }
}

impl Signature {
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self> {
        let found: Self = serde_json::from_slice(bytes)
            .map_err(|error| broken(format!("invalid signature of the bundle: {error}")))?;
        if found.algorithm == ALGORITHM {
            return Ok(found);
        }
        let text = format!("the bundle is signed by {:?}, and this build knows {ALGORITHM}", found.algorithm);
        Err(Error::new(ErrorKind::Unsupported, text).with_hint("update model-cache"))
    }

    fn bytes(&self) -> Option<[u8; 64]> {
        let text = self.signature.as_bytes();
        let mut bytes = [0; 64];
        if text.len() != 2 * bytes.len() {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(bytes)
    }
}

fn pem(label: &str, prefix: &[u8], key: &[u8; 32]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode([prefix, key].concat()))
}

fn read_pem(path: &Path, label: &str, prefix: &[u8]) -> Result<[u8; 32]> {
    let text = match cache_fs::read_text(path, MAX_KEY) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::InvalidData => return Err(no_key(path, label)),
        Err(error) => {
            return Err(Error::new(ErrorKind::Usage, format!("the key cannot be read: {error}"))
                .with_hint("create a key pair first")
                .with_reason(Reason::NotPrivateKey));
        }
    };
    let inside = text
        .split_once(&format!("-----BEGIN {label}-----"))
        .and_then(|(_, rest)| rest.split_once(&format!("-----END {label}-----")))
        .map(|(inside, _)| inside.split_whitespace().collect::<String>());
    let bytes = inside.and_then(|inside| STANDARD.decode(inside).ok());
    let key = bytes.as_deref().and_then(|bytes| bytes.strip_prefix(prefix)).and_then(|key| key.try_into().ok());
    key.ok_or_else(|| no_key(path, label))
}

fn no_key(path: &Path, label: &str) -> Error {
    let (what, hint, reason) = if label == PUBLIC_LABEL {
        ("public", "name the file of the pair that ends in .pub", Reason::NotPublicKey)
    } else {
        ("private", "name the file of the pair without .pub", Reason::NotPrivateKey)
    };
    Error::new(ErrorKind::Usage, format!("{}: not a {what} ed25519 key", path.display()))
        .with_hint(hint)
        .with_reason(reason)
}

fn there(path: &Path) -> Error {
    Error::new(ErrorKind::Usage, format!("{} exists; keys are not overwritten", path.display()))
        .with_hint("choose another name")
}

#[cfg(unix)]
fn create_new(path: &Path, mode: u32) -> io::Result<fs_err::File> {
    use fs_err::os::unix::fs::OpenOptionsExt as _;
    fs_err::OpenOptions::new().write(true).create_new(true).mode(mode).open(path)
}

#[cfg(not(unix))]
fn create_new(path: &Path, _mode: u32) -> io::Result<fs_err::File> {
    fs_err::OpenOptions::new().write(true).create_new(true).open(path)
}

fn write_new(path: &Path, mode: u32, text: &str) -> Result<()> {
    let written = create_new(path, mode).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => there(path),
        _ => Error::storage("write the key", error),
    })
}
