use std::os::unix::fs::symlink;

use cache_core::{ErrorKind, RepoKind, RepoName, RetryBudget};
use cache_testkit::conformance::{self, SourceUnderTest};
use cache_testkit::fixtures;
use tempfile::TempDir;

use super::*;

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fixtures::write_model(folder.path()).unwrap();
    folder
}

#[tokio::test]
async fn a_plain_folder_conforms() {
    conformance::source(|| {
        let folder = folder();
        let nowhere = model(&folder.path().join("nowhere"));
        SourceUnderTest::new(LocalSource::default(), model(folder.path()), fixtures::model())
            .missing(nowhere)
            .keep(folder)
    })
    .await;
}

#[tokio::test]
async fn a_changed_file_is_another_commit() {
    let folder = folder();
    let before = resolve(folder.path(), "main").await.unwrap();
    let commit = before.version.commit.to_string();
    assert_eq!(resolve(folder.path(), &commit).await.unwrap(), before);
    let path = folder.path().join("config.json");
    let text = fs_err::read_to_string(&path).unwrap();
    fs_err::write(&path, text.replace("bert", "BERT")).unwrap();
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(5);
    fs_err::OpenOptions::new().write(true).open(&path).unwrap().file().set_modified(later).unwrap();
    let after = resolve(folder.path(), "main").await.unwrap();
    assert_ne!(after.version.commit, before.version.commit);

    let error = resolve(folder.path(), &commit).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(said(&error).contains("changed since"), "{error:?}");
    let error = open(&before, "config.json").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity, "{error:?}");
    open(&after, "config.json").await.unwrap();
    open(&before, "vocab.txt").await.unwrap();
}

#[tokio::test]
async fn tool_folders_are_skipped() {
    let folder = folder();
    for path in [".git/HEAD", "sub/.hg/x", ".svn/entries", ".cache/huggingface/download/config.json.metadata"] {
        fixtures::write_files(folder.path(), [(path, "x".into())]).unwrap();
    }
    fixtures::write_files(folder.path(), [(".hidden", "x".into()), (".cache/other", "x".into())]).unwrap();
    let manifest = resolve(folder.path(), "main").await.unwrap();
    let added: Vec<_> =
        paths(&manifest).into_iter().filter(|path| fixtures::model().iter().all(|(known, _)| known != path)).collect();
    assert_eq!(added, [".cache/other", ".hidden"]);
}

#[tokio::test]
async fn links_stay_inside() {
    let folder = folder();
    symlink("config.json", folder.path().join("linked.json")).unwrap();
    symlink("1_Pooling", folder.path().join("linked")).unwrap();
    let manifest = resolve(folder.path(), "main").await.unwrap();
    assert!(paths(&manifest).contains(&"linked.json") && paths(&manifest).contains(&"linked/config.json"));
    let real = fs_err::canonicalize(folder.path()).unwrap();
    assert_eq!(open(&manifest, "linked.json").await.unwrap(), real.join("config.json"));

    let outside = tempfile::tempdir().unwrap();
    fs_err::write(outside.path().join("secret"), "x").unwrap();
    for target in [outside.path().join("secret"), outside.path().to_path_buf()] {
        let link = folder.path().join("out");
        symlink(&target, &link).unwrap();
        let error = resolve(folder.path(), "main").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(said(&error).contains("outside of"), "{error:?}");
        fs_err::remove_file(link).unwrap();
    }
    // A link that was put there after the listing.
    fs_err::remove_file(folder.path().join("vocab.txt")).unwrap();
    symlink(outside.path().join("secret"), folder.path().join("vocab.txt")).unwrap();
    assert_eq!(open(&manifest, "vocab.txt").await.unwrap_err().kind(), ErrorKind::Usage);
    fs_err::remove_file(folder.path().join("vocab.txt")).unwrap();
    assert_eq!(open(&manifest, "vocab.txt").await.unwrap_err().kind(), ErrorKind::NotFound);

    symlink("nothing", folder.path().join("dangling")).unwrap();
    assert_eq!(resolve(folder.path(), "main").await.unwrap_err().kind(), ErrorKind::NotFound);
    fs_err::remove_file(folder.path().join("dangling")).unwrap();
    symlink("..", folder.path().join("1_Pooling/up")).unwrap();
    let error = resolve(folder.path(), "main").await.unwrap_err();
    assert!(said(&error).contains("contains itself"), "{error:?}");
}

#[tokio::test]
async fn digests_come_from_lists_beside_the_files() {
    let folder = folder();
    let sha256 = |path: &str| {
        let model = fixtures::model();
        model.iter().find(|(other, _)| *other == path).unwrap().1.sha256()
    };
    let sums =
        format!("{}  ./model.safetensors\n{} *gone.bin\nnonsense\n", sha256("model.safetensors"), sha256("vocab.txt"));
    fs_err::write(folder.path().join("SHA256SUMS"), sums).unwrap();
    fs_err::write(folder.path().join("vocab.txt.sha256"), sha256("vocab.txt").to_string()).unwrap();
    let inner = format!("SHA256 (config.json) = {}\n", sha256("1_Pooling/config.json"));
    fs_err::write(folder.path().join("1_Pooling/SHA256SUMS"), inner).unwrap();
    let manifest = resolve(folder.path(), "main").await.unwrap();
    let known: Vec<_> =
        manifest.files.iter().filter(|file| file.is_verifiable()).map(|file| file.path.as_str()).collect();
    assert_eq!(known, ["1_Pooling/config.json", "model.safetensors", "vocab.txt"]);
    let file = manifest.require(&RepoPath::parse("vocab.txt").unwrap()).unwrap();
    assert_eq!(file.digests.sha256, Some(sha256("vocab.txt")));

    fs_err::write(folder.path().join("vocab.txt.sha256"), format!("{}  model.safetensors", sha256("vocab.txt")))
        .unwrap();
    let error = resolve(folder.path(), "main").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity);
    assert!(said(&error).contains("SHA256SUMS") && said(&error).contains("vocab.txt.sha256"), "{error:?}");
}

#[tokio::test]
async fn what_is_no_folder_is_said_so() {
    let folder = folder();
    let error = resolve(&folder.path().join("nowhere"), "main").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(said(&error).contains("nowhere") && said(&error).contains("org/name"), "{error:?}");
    let error = resolve(&folder.path().join("vocab.txt/x"), "main").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let error = resolve(&folder.path().join("vocab.txt"), "main").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(said(&error).contains(&folder.path().display().to_string()), "{error:?}");
    let hub = ModelId::Hub { kind: RepoKind::Model, name: RepoName::parse("o/n").unwrap() };
    let error = LocalSource::default().resolve(&hub, &Revision::main(), &RetryBudget::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

#[tokio::test]
async fn names_and_files_that_no_model_has_are_refused() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::net::UnixListener;

    for name in [&b"a:b"[..], b"aux.txt", b"dot.", b"a\\b", b"\xff\xfe"] {
        let folder = folder();
        fs_err::write(folder.path().join(OsStr::from_bytes(name)), "x").unwrap();
        let error = resolve(folder.path(), "main").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Integrity, "{name:?}: {error:?}");
    }
    let folder = folder();
    fs_err::write(folder.path().join("CONFIG.json"), "x").unwrap();
    assert_eq!(resolve(folder.path(), "main").await.unwrap_err().kind(), ErrorKind::Integrity);
    fs_err::remove_file(folder.path().join("CONFIG.json")).unwrap();
    let _socket = UnixListener::bind(folder.path().join("socket")).unwrap();
    assert_eq!(resolve(folder.path(), "main").await.unwrap_err().kind(), ErrorKind::Usage);
}

#[tokio::test]
async fn a_folder_of_too_many_files_is_no_model() {
    let folder = folder();
    let config = LocalConfig { max_files: 3, ..LocalConfig::default() };
    let error = LocalSource::new(config)
        .resolve(&model(folder.path()), &Revision::main(), &RetryBudget::default())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
}
