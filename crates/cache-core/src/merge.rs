//! Manifests of one version that came from two places.

use crate::{Manifest, RepoPath, Sha256};

impl Manifest {
    /// Merges a listing with the stored one of the same version.
    ///
    /// A whole listing says what the version consists of, and of two such the stored one: what is known of a commit does
    /// not change. A partial one only adds where the bytes of the same files are. Two partial ones complete each other.
    #[must_use]
    pub fn merge(self, stored: Option<Self>) -> Self {
        let Some(stored) = stored else { return self };
        let (mut kept, other) = if stored.partial && !self.partial { (self, stored) } else { (stored, self) };
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

    /// Fills in the blobs that the stored manifest of this version records for unchanged files.
    pub fn recall(&mut self, stored: Option<&Self>) {
        for file in &mut self.files {
            let before = stored.and_then(|stored| stored.file(&file.path));
            if let Some(before) = before.filter(|before| before.digests == file.digests && before.etag == file.etag) {
                file.blob = file.blob.or(before.blob);
            }
        }
    }

    /// Records the blob of a file; nothing if the version has no such file.
    pub fn set_blob(&mut self, path: &RepoPath, blob: Sha256) {
        if let Ok(at) = self.files.binary_search_by(|file| file.path.cmp(path)) {
            self.files[at].blob = Some(blob);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Commit, FileEntry, Manifest, ModelId, RepoPath, Sha256, Version};

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
        assert_eq!(part.clone().merge(Some(whole.clone())), both);
        assert_eq!(whole.merge(Some(part.clone())), both);
        let other = listing(&[("a", Some(3)), ("b", None)], true);
        let all = listing(&[("a", Some(3)), ("b", Some(1)), ("c", Some(1))], true);
        assert_eq!(part.clone().merge(Some(other)), all);
        assert_eq!(part.clone().merge(None), part);
    }

    #[test]
    fn a_known_version_stays_what_it_is() {
        let mut known = listing(&[("a", None), ("b", Some(2))], false);
        known.files[0].digests.sha256 = Some(digest(1));
        for found in [listing(&[("a", None)], false), listing(&[("a", Some(9)), ("b", Some(9)), ("c", Some(9))], false)]
        {
            assert_eq!(found.merge(Some(known.clone())), known);
        }
    }
}
