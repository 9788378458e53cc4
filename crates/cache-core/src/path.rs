//! [`RepoPath`]: the only way a remote name can reach the disk.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;

use crate::failpoints::{Mutant, mutant};
use crate::is_deceptive;

/// Most files of a version: more than twice what the Hub recommends for a repository (100,000).
pub const MAX_LISTED_FILES: usize = 1 << 18;

/// Most bytes that the names of all files of a version may have together.
pub const MAX_LISTED_BYTES: usize = 32 << 20;

/// Longest segment in bytes: the limit of ext4, XFS, APFS and NTFS alike (255), less room for a suffix of our own.
const MAX_SEGMENT: usize = 240;
/// Longest path in bytes: with the store's own folders in front well inside Linux's PATH_MAX of 4,096.
const MAX_PATH: usize = 1024;
/// Most segments of a path. The Hub's repositories have a handful; each costs a folder on disk and in listings.
const MAX_SEGMENTS: usize = 64;

/// The error of a refused remote name. Names are rejected, never sanitised: two different names must not become one file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    /// The path is empty, absolute, or has an empty segment (`a//b`, a leading or trailing `/`).
    #[error("{0:?} has an empty segment or is absolute")]
    Empty(String),
    /// A segment is `.` or `..`.
    #[error("{0:?} steps out of its folder")]
    Traversal(String),
    /// A character that some platform takes for a separator or a drive, a control, or one that makes a name look like
    /// another: directions and characters of no width.
    #[error("{0:?} contains {shown}", shown = named(*.1))]
    Character(String, char),
    /// A segment ends in a dot or a space, which Windows drops.
    #[error("{0:?} has a segment that ends in a dot or a space")]
    Ending(String),
    /// A segment is a device name on Windows (`CON`, `nul.txt`, `COM1` …).
    #[error("{0:?} names a device on Windows")]
    Device(String),
    /// A segment or the whole is too long for a file system.
    #[error("a path of {0} bytes is too long")]
    Length(usize),
    /// More folders, one in the other, than any model has.
    #[error("a path of {0} segments is too deep")]
    Depth(usize),
    /// A listing has more files, or more bytes of names, than are kept in memory.
    #[error("a listing of more than {MAX_LISTED_FILES} files, or {MAX_LISTED_BYTES} bytes of names, is too large")]
    Listing,
    /// Two names would be one file on a file system that folds case or normalises, or one is the folder of the other.
    #[error("{0:?} and {1:?} collide on some file systems")]
    Collision(String, String),
}

/// A character for people: its code point where it cannot be seen.
fn named(c: char) -> String {
    if c.is_ascii_graphic() { format!("{c:?}") } else { format!("U+{:04X}", u32::from(c)) }
}

/// A checked relative path with `/` between its segments, safe on every platform.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct RepoPath(String);

impl RepoPath {
    /// Checks a name that has been percent-decoded exactly once.
    ///
    /// # Errors
    /// [`PathError`] names the rule that the path breaks.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        if !mutant(Mutant::NoPathLimits) {
            check_extent(text)?;
        }
        text.split('/').try_for_each(|segment| check_segment(text, segment))?;
        Ok(Self(text.to_owned()))
    }

    /// The path as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The segments from the outside in.
    pub fn segments(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/')
    }

    /// The last segment.
    #[must_use]
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// The path below a folder, with the platform's separator.
    #[must_use]
    pub fn below(&self, folder: &Path) -> PathBuf {
        let mut path = folder.to_path_buf();
        path.extend(self.segments());
        path
    }

    /// Case-folded and normalized form: equal for names that are one file on some file systems.
    pub(crate) fn folded(&self) -> String {
        // Folding can change the normal form and the other way round, hence NFC on both sides.
        self.0.nfc().flat_map(char::to_lowercase).collect::<String>().to_uppercase().to_lowercase().nfc().collect()
    }
}

fn check_extent(text: &str) -> Result<(), PathError> {
    if text.len() > MAX_PATH {
        return Err(PathError::Length(text.len()));
    }
    let segments = text.split('/').count();
    if segments > MAX_SEGMENTS { Err(PathError::Depth(segments)) } else { Ok(()) }
}

fn check_segment(path: &str, segment: &str) -> Result<(), PathError> {
    let whole = || path.to_owned();
    match segment {
        "" => return Err(PathError::Empty(whole())),
        "." | ".." => return Err(PathError::Traversal(whole())),
        _ => {}
    }
    if let Some(bad) = segment.chars().find(|&c| is_deceptive(c) || matches!(c, '\\' | ':')) {
        return Err(PathError::Character(whole(), bad));
    }
    if segment.ends_with(['.', ' ']) {
        return Err(PathError::Ending(whole()));
    }
    if is_device(segment) {
        return Err(PathError::Device(whole()));
    }
    if segment.len() > MAX_SEGMENT {
        return Err(PathError::Length(segment.len()));
    }
    Ok(())
}

/// Windows reserves these names with any extension, and takes the superscripts ¹²³ for digits
/// (Microsoft, "Naming Files, Paths, and Namespaces").
fn is_device(segment: &str) -> bool {
    let stem = segment.split('.').next().unwrap_or(segment).trim_end_matches(' ').to_ascii_uppercase();
    if matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$" | "CLOCK$") {
        return true;
    }
    stem.strip_prefix("COM").or_else(|| stem.strip_prefix("LPT")).is_some_and(|rest| {
        let mut rest = rest.chars();
        matches!((rest.next(), rest.next()), (Some('0'..='9' | '¹' | '²' | '³'), None))
    })
}

impl fmt::Display for RepoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for RepoPath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        Self::parse(text)
    }
}

impl<'de> Deserialize<'de> for RepoPath {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
