//! Limits of a file listing: its size, and no two names that are one file on some file system.

use std::collections::HashMap;
use std::collections::hash_map::{DefaultHasher, RandomState};
use std::hash::{BuildHasher as _, Hasher as _};

use crate::path::{MAX_LISTED_BYTES, MAX_LISTED_FILES};
use crate::{PathError, RepoPath};

/// Counts what a listing holds while it arrives, so that one too large is refused before it is in memory.
#[derive(Debug, Clone, Copy, Default)]
pub struct ListingSize {
    files: usize,
    bytes: usize,
}

impl ListingSize {
    /// Counts one more file.
    ///
    /// # Errors
    /// [`PathError::Listing`] beyond [`MAX_LISTED_FILES`] or [`MAX_LISTED_BYTES`].
    pub fn add(&mut self, path: &RepoPath) -> Result<(), PathError> {
        self.files += 1;
        self.bytes += path.as_str().len();
        if self.files > MAX_LISTED_FILES || self.bytes > MAX_LISTED_BYTES { Err(PathError::Listing) } else { Ok(()) }
    }
}

/// Refuses a listing in which two names would be one file somewhere (NFC and case folding), or one name is a folder
/// of another.
///
/// Takes some 50 bytes of memory a file, however long and deep its name: names are compared by hashes of their folded
/// prefixes, of 128 bits under random keys.
///
/// # Errors
/// [`PathError::Collision`] with the two names.
pub fn check_collisions<'a, I>(paths: I) -> Result<(), PathError>
where
    I: IntoIterator<Item = &'a RepoPath, IntoIter: Clone>,
{
    let paths = paths.into_iter();
    let prefixes = Prefixes::default();
    let mut files: HashMap<[u64; 2], usize> = HashMap::with_capacity(paths.size_hint().0.min(MAX_LISTED_FILES));
    let collision = |one: usize, other: &RepoPath| {
        let one = paths.clone().nth(one).unwrap_or(other);
        Err(PathError::Collision(one.to_string(), other.to_string()))
    };
    for (at, path) in paths.clone().enumerate() {
        if let Some(other) = files.insert(prefixes.whole(&path.folded()), at) {
            return collision(other, path);
        }
    }
    for path in paths.clone().filter(|path| path.as_str().contains('/')) {
        if let Some(&other) = prefixes.folders(&path.folded()).find_map(|folder| files.get(&folder)) {
            return collision(other, path);
        }
    }
    Ok(())
}

/// Hashes of a folded name and of its parent folders.
#[derive(Default)]
struct Prefixes([RandomState; 2]);

impl Prefixes {
    fn hashers(&self) -> [DefaultHasher; 2] {
        self.0.each_ref().map(RandomState::build_hasher)
    }

    fn whole(&self, name: &str) -> [u64; 2] {
        self.hashers().map(|mut hasher| {
            hasher.write(name.as_bytes());
            hasher.finish()
        })
    }

    fn folders<'n>(&self, name: &'n str) -> impl Iterator<Item = [u64; 2]> + use<'n> {
        let mut hashers = self.hashers();
        let mut hashed = 0;
        name.match_indices('/').map(move |(at, _)| {
            let more = name.as_bytes().get(hashed..at).unwrap_or_default();
            hashed = at;
            hashers.each_mut().map(|hasher| {
                hasher.write(more);
                hasher.finish()
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths<const N: usize>(names: [&str; N]) -> [RepoPath; N] {
        names.map(|name| RepoPath::parse(name).unwrap())
    }

    #[test]
    fn names_that_would_be_one_file_are_refused() {
        for (a, b) in [
            ("README.md", "readme.md"),
            ("é.txt", "e\u{301}.txt"),
            ("STRASSE", "straße"),
            ("a", "a/b"),
            ("A/b", "a"),
            ("k", "\u{212a}"),
            ("a/B", "A/b"),
            ("ς", "σ"),
            ("x/é/y", "x/e\u{301}"),
            ("a/b/c/d", "a/b/c"),
        ] {
            for pair in [paths([a, b]), paths([b, a])] {
                let named = [pair[0].to_string(), pair[1].to_string()];
                let Err(PathError::Collision(one, other)) = check_collisions(&pair) else { panic!("{named:?}") };
                assert!(named.contains(&one) && named.contains(&other) && one != other, "{one} {other}");
            }
        }
        assert!(check_collisions(&paths(["a/b", "A/c", "b", "ab", "a-b", "a.b/c"])).is_ok());
    }

    #[test]
    fn hashing_a_name_in_pieces_changes_nothing() {
        let prefixes = Prefixes::default();
        let folders: Vec<_> = prefixes.folders("some/folder of/several lengths/x").collect();
        assert_eq!(folders, ["some", "some/folder of", "some/folder of/several lengths"].map(|f| prefixes.whole(f)));
    }

    #[test]
    fn a_listing_too_large_is_refused_as_it_grows() {
        let path = RepoPath::parse("a").unwrap();
        let mut size = ListingSize::default();
        assert!((0..MAX_LISTED_FILES).all(|_| size.add(&path).is_ok()));
        assert_eq!(size.add(&path), Err(PathError::Listing));
        let long = RepoPath::parse(&vec!["x".repeat(100); 10].join("/")).unwrap();
        let mut size = ListingSize::default();
        let fit = (0..MAX_LISTED_FILES).take_while(|_| size.add(&long).is_ok()).count();
        assert_eq!(fit, MAX_LISTED_BYTES / long.as_str().len());
    }
}
