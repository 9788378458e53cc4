//! Listings of one version that came from two places.

use crate::Manifest;

/// Puts a listing together with the one that the store has of the same version.
///
/// One that is whole says what the version consists of, and of two such the stored one: what is known of a commit does
/// not change. The other one tells only where the bytes of the same files are. Two partial ones complete each other.
pub(crate) fn joined(found: Manifest, stored: Option<Manifest>) -> Manifest {
    let Some(stored) = stored else { return found };
    let (mut kept, other) = if stored.partial && !found.partial { (found, stored) } else { (stored, found) };
    for file in other.files {
        match kept.files.binary_search_by(|known| known.path.cmp(&file.path)) {
            Ok(at) if kept.files[at].digests == file.digests => {
                kept.files[at].blob = kept.files[at].blob.or(file.blob);
            }
            Ok(_) => {}
            Err(at) if kept.partial => kept.files.insert(at, file),
            Err(_) => {}
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Commit, FileEntry, ModelId, RepoPath, Sha256, Version};

    fn digest(byte: u8) -> Sha256 {
        Sha256::from_bytes([byte; 32])
    }

    fn listing(files: &[(&str, Option<u8>)], partial: bool) -> Manifest {
        let version = Version { model: ModelId::hub("o/n").unwrap(), commit: Commit::parse(&"a".repeat(40)).unwrap() };
        let entry = |(path, blob): &(&str, Option<u8>)| {
            let mut entry = FileEntry::new(RepoPath::parse(path).unwrap());
            entry.blob = blob.map(digest);
            entry
        };
        let mut manifest = Manifest::new(version, files.iter().map(entry).collect()).unwrap();
        manifest.partial = partial;
        manifest
    }

    #[test]
    fn a_partial_listing_takes_nothing_from_a_whole_one() {
        let part = listing(&[("b", Some(1)), ("c", Some(1))], true);
        let whole = listing(&[("a", Some(2)), ("b", None)], false);
        let both = listing(&[("a", Some(2)), ("b", Some(1))], false);
        assert_eq!(joined(part.clone(), Some(whole.clone())), both);
        assert_eq!(joined(whole, Some(part.clone())), both);
        let other = listing(&[("a", Some(3)), ("b", None)], true);
        let all = listing(&[("a", Some(3)), ("b", Some(1)), ("c", Some(1))], true);
        assert_eq!(joined(part.clone(), Some(other)), all);
        assert_eq!(joined(part.clone(), None), part);
    }

    #[test]
    fn a_known_version_stays_what_it_is() {
        let mut known = listing(&[("a", None), ("b", Some(2))], false);
        known.files[0].digests.sha256 = Some(digest(1));
        for found in [listing(&[("a", None)], false), listing(&[("a", Some(9)), ("b", Some(9)), ("c", Some(9))], false)]
        {
            assert_eq!(joined(found, Some(known.clone())), known);
        }
    }
}
