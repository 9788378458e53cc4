//! [`FileIdentity`]: the digests and tags under which clients know a file.

use cache_lib::{FileEntry, GitSha1, Sha256, UNHASHED};
use sha1::{Digest as _, Sha1};

/// Under which digests and tag clients know a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileIdentity {
    /// Git's object id: of the file, or of the pointer that stands in for a large one. [`UNHASHED`] and more where the
    /// file's is not known.
    pub(super) oid: String,
    /// Of a large file (LFS).
    pub(super) lfs: Option<Lfs>,
}

/// A large file (LFS), which Git knows by a pointer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lfs {
    pub(super) sha256: Sha256,
    /// Bytes of the pointer.
    pub(super) pointer_size: usize,
}

impl FileIdentity {
    /// A file of a version. Without a digest from the source and before its bytes arrived, it gets an id derived from
    /// its entry: the same at every request, another when the source has another file there. It is none
    /// of Git's, so that no client compares the bytes with it.
    pub(super) fn of(file: &FileEntry, commit: &str) -> Self {
        let size = file.size.unwrap_or(0);
        match (large(file), file.digests.git_sha1) {
            (Some(sha256), _) => {
                let pointer = format!("version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n");
                Self {
                    oid: git_id("blob", &pointer).to_string(),
                    lfs: Some(Lfs { sha256, pointer_size: pointer.len() }),
                }
            }
            (None, Some(oid)) => Self { oid: oid.to_string(), lfs: None },
            (None, None) => {
                let tag = file.etag.as_deref().unwrap_or(commit);
                let digits = git_id("file", &format!("{tag} {size} {}", file.path)).to_string();
                Self { oid: [UNHASHED, &digits].concat(), lfs: None }
            }
        }
    }

    /// The tag without quotes: the sha256 of a large file, else the object id. Hugging Face programs name their blobs by
    /// it.
    pub(super) fn tag(file: &FileEntry, commit: &str) -> String {
        match large(file) {
            Some(sha256) => sha256.to_string(),
            None => Self::of(file, commit).oid,
        }
    }
}

/// The content's SHA-256, of what is a large file to clients: what the listing says, else what was seen.
pub(super) fn large(file: &FileEntry) -> Option<Sha256> {
    file.digests.sha256.or_else(|| file.blob.filter(|_| file.digests.git_sha1.is_none()))
}

/// The id of a folder. Git's own would need those of all files below; clients do not check it.
pub(super) fn folder_id(path: &str, commit: &str) -> GitSha1 {
    git_id("folder", &format!("{commit}/{path}"))
}

/// Git's id of an object of a kind.
fn git_id(kind: &str, content: &str) -> GitSha1 {
    let hasher = Sha1::new().chain_update(format!("{kind} {}\0", content.len())).chain_update(content);
    GitSha1::from_bytes(hasher.finalize().into())
}

#[cfg(test)]
mod tests {
    use cache_lib::RepoPath;

    use super::*;

    fn entry() -> FileEntry {
        FileEntry { size: Some(5), ..FileEntry::new(RepoPath::parse("a/b").unwrap()) }
    }

    #[test]
    fn a_large_files_id_is_its_pointers() {
        let mut file = entry();
        file.size = Some(90_868_376);
        file.digests.sha256 = Some("53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db".parse().unwrap());
        let identity = FileIdentity::of(&file, "");
        // As the Hub lists sentence-transformers/all-MiniLM-L6-v2's model.safetensors: 133 bytes of pointer.
        assert_eq!(identity.lfs.unwrap().pointer_size, 133);
        assert_eq!(FileIdentity::tag(&file, ""), file.digests.sha256.unwrap().to_string());
        // `git hash-object` of the pointer.
        assert_eq!(identity.oid, "d49eff1e4a6f0e3ba5069f21c6d20aad156dd2c9");
    }

    #[test]
    fn a_file_without_digests_has_a_tag_all_the_same() {
        let (one, two) = ("1".repeat(40), "2".repeat(40));
        let tag = |file: &FileEntry, commit: &str| FileIdentity::tag(file, commit);
        let mut file = entry();
        assert_eq!(tag(&file, &one), tag(&file, &one));
        assert_ne!(tag(&file, &one), tag(&file, &two), "with no tag of the source the listing decides");
        file.etag = Some("\"weird/../tag".to_owned());
        assert_eq!(tag(&file, &one), tag(&file, &two));
        assert!(tag(&file, &one).strip_prefix(UNHASHED).is_some_and(|digits| digits.len() == 40));
        file.blob = Some(Sha256::from_bytes([7; 32]));
        assert_eq!(tag(&file, &one), "07".repeat(32));
        file.digests.git_sha1 = Some(GitSha1::from_bytes([9; 20]));
        assert_eq!(tag(&file, &one), "09".repeat(20), "what the listing says comes first");
    }
}
