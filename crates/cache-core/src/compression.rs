//! [`CompressedFile`]: a file that its source keeps compressed.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Digests, RepoPath};

/// Compression format of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Compression {
    /// gzip, RFC 1952.
    Gzip,
    /// Zstandard, RFC 8878.
    Zstd,
    /// xz, as of XZ Utils.
    Xz,
    /// bzip2.
    Bzip2,
}

impl Compression {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Gzip, Self::Zstd, Self::Xz, Self::Bzip2];

    /// File name extension, dot included.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Gzip => ".gz",
            Self::Zstd => ".zst",
            Self::Xz => ".xz",
            Self::Bzip2 => ".bz2",
        }
    }

    /// The compression that a file name implies, and the decompressed name. `None` for other names, and for archives
    /// (`.tar.gz`), which are no single file.
    #[must_use]
    pub fn of(path: &RepoPath) -> Option<(Self, RepoPath)> {
        Self::ALL.into_iter().find_map(|compression| {
            let plain = path.as_str().strip_suffix(compression.extension())?;
            let archive = plain.rsplit('/').next().is_some_and(|name| name.to_ascii_lowercase().ends_with(".tar"));
            let inside = RepoPath::parse(plain).ok()?;
            (!archive && !plain.ends_with('/')).then_some((compression, inside))
        })
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Xz => "xz",
            Self::Bzip2 => "bzip2",
        })
    }
}

/// The compressed file behind a [`FileEntry`](crate::FileEntry) that is decompressed on the way.
///
/// Its digests are checked by the source while it decompresses, before the decompressed stream ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompressedFile {
    /// The compressed file's name in the version.
    pub path: RepoPath,
    /// Its compression format.
    #[serde(rename = "packing")]
    pub compression: Compression,
    /// Its length in bytes, if the source states it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// The digests that the compressed bytes must have.
    #[serde(default)]
    pub digests: Digests,
    /// Its strong entity tag, quotes removed, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_tells_the_packing() {
        let of = |name: &str| Compression::of(&RepoPath::parse(name).unwrap()).map(|(p, path)| (p, path.to_string()));
        assert_eq!(of("a/model.gguf.zst"), Some((Compression::Zstd, "a/model.gguf".to_owned())));
        assert_eq!(of("m.gz"), Some((Compression::Gzip, "m".to_owned())));
        for name in ["m.gguf", "x.tar.gz", "a/.xz", ".gz", "m.zip"] {
            assert_eq!(of(name), None, "{name}");
        }
    }
}
