//! Hashing a file in one pass, in order.

use std::fmt;

use sha1::Digest as _;

use twox_hash::XxHash3_128;

use crate::{Digests, GitSha1, Sha256};

/// Bytes of one block in the list of block hashes that lets `verify --repair` fetch only the broken ranges.
pub const BLOCK_SIZE: u64 = 4 << 20;

/// XXH3 with 128 bits of one block. It tells where a file has changed on the disk, quickly; it vouches for nothing: that
/// the whole is right again its SHA-256 says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockHash([u8; Self::LEN]);

impl BlockHash {
    /// Its length in bytes.
    pub const LEN: usize = 16;

    /// The hash of these bytes, as [`as_bytes`](Self::as_bytes) gave them.
    #[must_use]
    pub fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

/// Computes the digests of a file whose bytes arrive in order.
///
/// SHA-256 is always computed, because it names the blob; git-sha1 and the block hashes only when asked for.
#[derive(Debug, Clone)]
pub struct Hasher {
    sha256: sha2::Sha256,
    git_sha1: Option<sha1::Sha1>,
    blocks: Option<Blocks>,
    length: u64,
}

/// Result of a finished [`Hasher`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hashes {
    /// SHA-256 of all bytes.
    pub sha256: Sha256,
    /// Git blob id, if it was asked for.
    pub git_sha1: Option<GitSha1>,
    /// The hash of each block of [`BLOCK_SIZE`] bytes, the last one shorter; empty if not asked for.
    pub blocks: Vec<BlockHash>,
    /// Number of bytes hashed.
    pub length: u64,
}

impl Hashes {
    /// The whole-file digests as a set.
    #[must_use]
    pub fn digests(&self) -> Digests {
        Digests { sha256: Some(self.sha256), git_sha1: self.git_sha1, blake3: None }
    }
}

impl Hasher {
    /// A hasher for SHA-256 alone.
    #[must_use]
    pub fn new() -> Self {
        Self { sha256: sha2::Sha256::new(), git_sha1: None, blocks: None, length: 0 }
    }

    /// Computes the git blob id too. Git hashes the length first, so the size in bytes must be known.
    #[must_use]
    pub fn with_git_sha1(mut self, size: u64) -> Self {
        let mut hasher = sha1::Sha1::new();
        hasher.update(format!("blob {size}\0"));
        self.git_sha1 = Some(hasher);
        self
    }

    /// Computes the hash of each block too.
    #[must_use]
    pub fn with_blocks(mut self) -> Self {
        self.blocks = Some(Blocks::default());
        self
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        if let Some(sha1) = &mut self.git_sha1 {
            sha1.update(bytes);
        }
        if let Some(blocks) = &mut self.blocks {
            blocks.update(bytes);
        }
        self.length += bytes.len() as u64;
    }

    /// Number of bytes taken so far.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Ends the hash.
    #[must_use]
    pub fn finish(self) -> Hashes {
        Hashes {
            sha256: Sha256::from_bytes(self.sha256.finalize().into()),
            git_sha1: self.git_sha1.map(|hasher| GitSha1::from_bytes(hasher.finalize().into())),
            blocks: self.blocks.map(Blocks::finish).unwrap_or_default(),
            length: self.length,
        }
    }
}

impl Default for Hasher {
    fn default() -> Self {
        Self::new()
    }
}

#[derive(Clone, Default)]
struct Blocks {
    done: Vec<BlockHash>,
    current: XxHash3_128,
    /// Bytes of the current block.
    length: u64,
}

impl fmt::Debug for Blocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Blocks({} and {} bytes)", self.done.len(), self.length)
    }
}

impl Blocks {
    fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = BLOCK_SIZE - self.length;
            let (now, later) = bytes.split_at(bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX)));
            self.current.write(now);
            self.length += now.len() as u64;
            bytes = later;
            if self.length == BLOCK_SIZE {
                self.close();
            }
        }
    }

    fn close(&mut self) {
        self.done.push(BlockHash(self.current.finish_128().to_be_bytes()));
        self.current = XxHash3_128::new();
        self.length = 0;
    }

    fn finish(mut self) -> Vec<BlockHash> {
        if self.length > 0 {
            self.close();
        }
        self.done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answers() {
        let mut hasher = Hasher::new().with_git_sha1(6);
        hasher.update(b"hel");
        hasher.update(b"lo\n");
        let hashes = hasher.finish();
        assert_eq!(hashes.sha256.to_string(), "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03");
        assert_eq!(hashes.git_sha1.unwrap().to_string(), "ce013625030ba8dba906f756967f9e9ca394464a");
        assert_eq!(hashes.length, 6);
    }

    #[test]
    fn blocks_do_not_depend_on_how_the_bytes_arrive() {
        let data: Vec<u8> = (0..(2 * BLOCK_SIZE + 17)).map(|i| (i % 251) as u8).collect();
        let whole = {
            let mut hasher = Hasher::new().with_blocks();
            hasher.update(&data);
            hasher.finish()
        };
        let mut hasher = Hasher::new().with_blocks();
        for piece in data.chunks(1_000_003) {
            hasher.update(piece);
        }
        assert_eq!(hasher.finish(), whole);
        assert_eq!(whole.blocks.len(), 3);
        let last = XxHash3_128::oneshot(&data[data.len() - 17..]);
        assert_eq!(whole.blocks[2].as_bytes(), &last.to_be_bytes());
    }
}
