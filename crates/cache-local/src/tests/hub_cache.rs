use std::os::unix::fs::symlink;
use std::path::PathBuf;

use cache_core::{Digest, ErrorKind};
use cache_testkit::conformance::{self, SourceUnderTest};
use cache_testkit::{Content, fixtures};
use tempfile::TempDir;

use super::*;

const COMMIT: &str = "1111111111111111111111111111111111111111";

/// A cache as `huggingface_hub` leaves it behind: large files by sha256, small ones by git-sha1.
struct Cache {
    root: TempDir,
}

impl Cache {
    fn new() -> Self {
        let cache = Self { root: tempfile::tempdir().unwrap() };
        for (path, content) in fixtures::model() {
            let blob = if path.ends_with(".safetensors") {
                content.sha256().to_string()
            } else {
                content.hashes().git_sha1.unwrap().to_string()
            };
            cache.blob(&blob, &content);
            cache.link(path, &blob);
        }
        cache.write("refs/main", COMMIT);
        cache.write("refs/refs/pr/1", &format!("{COMMIT}\n"));
        cache.write("refs/gone", &"2".repeat(40));
        cache.write("refs/broken", "not a commit");
        cache
    }

    fn repo(&self) -> PathBuf {
        fs_err::canonicalize(self.root.path()).unwrap().join("hub/models--org--name")
    }

    fn snapshot(&self) -> PathBuf {
        self.repo().join("snapshots").join(COMMIT)
    }

    fn write(&self, path: &str, text: &str) {
        fixtures::write_files(&self.repo_unmade(), [(path, text.into())]).unwrap();
    }

    fn repo_unmade(&self) -> PathBuf {
        self.root.path().join("hub/models--org--name")
    }

    fn blob(&self, name: &str, content: &Content) {
        fixtures::write_files(&self.repo_unmade().join("blobs"), [(name, content.clone())]).unwrap();
    }

    fn link(&self, path: &str, blob: &str) {
        let link = self.repo_unmade().join("snapshots").join(COMMIT).join(path);
        fs_err::create_dir_all(link.parent().unwrap()).unwrap();
        let up = "../".repeat(2 + path.matches('/').count());
        symlink(format!("{up}blobs/{blob}"), link).unwrap();
    }

    fn replace(&self, path: &str, target: impl AsRef<Path>) {
        let link = self.snapshot().join(path);
        fs_err::remove_file(&link).unwrap();
        symlink(target, link).unwrap();
    }
}

#[tokio::test]
async fn a_repository_of_a_cache_conforms() {
    conformance::source(|| {
        let cache = Cache::new();
        let missing = model(&cache.root.path().join("hub/models--org--other"));
        SourceUnderTest::new(LocalSource::default(), model(&cache.repo()), fixtures::model())
            .missing(missing)
            .keep(cache.root)
    })
    .await;
}

#[tokio::test]
async fn a_snapshot_of_a_cache_conforms() {
    conformance::source(|| {
        let cache = Cache::new();
        SourceUnderTest::new(LocalSource::default(), model(&cache.snapshot()), fixtures::model()).keep(cache.root)
    })
    .await;
}

#[tokio::test]
async fn the_names_of_blobs_are_the_digests() {
    let cache = Cache::new();
    let manifest = resolve(&cache.repo(), "main").await.unwrap();
    assert_eq!(manifest.version.commit.as_str(), COMMIT);
    for file in &manifest.files {
        let strongest = file.digests.strongest();
        let large = file.path.as_str() == "model.safetensors";
        assert!(matches!((strongest, large), (Some(Digest::Sha256(_)), true) | (Some(Digest::GitSha1(_)), false)));
        assert_eq!(file.tag(), file.etag);
    }
    let opened = open(&manifest, "1_Pooling/config.json").await.unwrap();
    assert!(opened.starts_with(cache.repo().join("blobs")), "{}", opened.display());
}

#[tokio::test]
async fn revisions_are_those_of_the_cache() {
    let cache = Cache::new();
    let repo = cache.repo();
    for revision in ["main", "refs/pr/1", COMMIT] {
        assert_eq!(resolve(&repo, revision).await.unwrap().version.commit.as_str(), COMMIT, "{revision}");
        assert_eq!(resolve(&cache.snapshot(), revision).await.unwrap().version.commit.as_str(), COMMIT);
    }
    let error = resolve(&repo, "dev").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(said(&error).contains("main") && said(&error).contains(COMMIT), "{error:?}");
    assert_eq!(resolve(&repo, "gone").await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(resolve(&repo, "broken").await.unwrap_err().kind(), ErrorKind::Integrity);
    assert_eq!(resolve(&repo, &"3".repeat(40)).await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(resolve(&cache.snapshot(), "gone").await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn the_root_of_a_cache_is_not_one_model() {
    let cache = Cache::new();
    for folder in [cache.root.path().to_path_buf(), cache.root.path().join("hub")] {
        let error = resolve(&folder, "main").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(said(&error).contains("models--org--name"), "{error:?}");
    }
}

#[tokio::test]
async fn a_link_leads_to_a_blob_and_nowhere_else() {
    let cache = Cache::new();
    let secret = cache.root.path().join("secret");
    fs_err::write(&secret, "secret").unwrap();
    let manifest = resolve(&cache.repo(), "main").await.unwrap();
    cache.replace("vocab.txt", &secret);
    assert_eq!(resolve(&cache.repo(), "main").await.unwrap_err().kind(), ErrorKind::Usage);
    assert_eq!(open(&manifest, "vocab.txt").await.unwrap_err().kind(), ErrorKind::Usage);

    // A blob whose name is no digest cannot be checked, so it must lie in the repository.
    symlink(&secret, cache.repo().join("blobs/odd-tag")).unwrap();
    cache.replace("vocab.txt", "../../blobs/odd-tag");
    assert_eq!(resolve(&cache.repo(), "main").await.unwrap_err().kind(), ErrorKind::Usage);
    // One that is named by its digest may lie in a store elsewhere: its bytes will be checked.
    let name = Content::from("secret").sha256().to_string();
    symlink(&secret, cache.repo().join("blobs").join(&name)).unwrap();
    cache.replace("vocab.txt", cache.repo().join("blobs").join(&name));
    let manifest = resolve(&cache.repo(), "main").await.unwrap();
    assert_eq!(open(&manifest, "vocab.txt").await.unwrap(), fs_err::canonicalize(&secret).unwrap());

    cache.replace("vocab.txt", "../../blobs/nothing");
    assert_eq!(resolve(&cache.repo(), "main").await.unwrap_err().kind(), ErrorKind::NotFound);
    cache.replace("vocab.txt", "..");
    assert_eq!(resolve(&cache.repo(), "main").await.unwrap_err().kind(), ErrorKind::Usage);
}

#[tokio::test]
async fn plain_snapshot_takes_digests_from_tree() {
    let cache = Cache::new();
    fs_err::remove_dir_all(cache.snapshot()).unwrap();
    fs_err::remove_dir_all(cache.repo().join("blobs")).unwrap();
    fixtures::write_model(&cache.snapshot()).unwrap();
    let manifest = resolve(&cache.repo(), "main").await.unwrap();
    assert!(manifest.files.iter().all(|file| !file.is_verifiable() && file.etag.is_some()));

    let weights = fixtures::model().into_iter().find(|(path, _)| *path == "model.safetensors").unwrap().1.sha256();
    let tree = format!(
        r#"{{"format_version":1,"files":{{
            "model.safetensors":{{"size":1,"blob_id":"{COMMIT}","lfs_sha256":"{weights}"}},
            "empty.txt":{{"size":0,"blob_id":"e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"}},
            "vocab.txt":{{"blob_id":7}},"not-here":{{"blob_id":"{COMMIT}"}}}}}}"#
    );
    cache.write(&format!("trees/{COMMIT}.json"), &tree);
    let manifest = resolve(&cache.repo(), "main").await.unwrap();
    let digest = |path: &str| manifest.require(&RepoPath::parse(path).unwrap()).unwrap().digests.strongest();
    assert_eq!(digest("model.safetensors"), Some(Digest::Sha256(weights)));
    assert!(matches!(digest("empty.txt"), Some(Digest::GitSha1(_))));
    assert_eq!(digest("vocab.txt"), None);
    assert_eq!(manifest.files.len(), fixtures::model().len());
}
