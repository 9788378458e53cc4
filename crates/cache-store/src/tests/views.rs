use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use cache_core::{Commit, Manifest, ModelId, RepoPath, Revision, Version};
use fs_err as fs;

use super::{entry, fixture, hashes, publish, put, sha, version};

#[test]
fn hub_view_is_linked_in_the_exact_layout() {
    let f = fixture();
    let v = version("org/m", 'a');
    let manifest = put(&f.store, &v, &[("x", b"bytes"), ("a/b/y", b"other")]);
    let revision = Revision::parse("refs/pr/1").unwrap();
    let snapshot = f.store.materialize(&manifest, Some(&revision)).unwrap();
    let model = f.store.hub_dir().join("models--org--m");
    assert_eq!(snapshot, model.join("snapshots").join(v.commit.as_str()));
    assert_eq!(fs::read(model.join("refs/refs/pr/1")).unwrap(), v.commit.as_str().as_bytes());
    let target = fs::read_link(snapshot.join("a/b/y")).unwrap();
    assert_eq!(target, PathBuf::from(format!("../../../../blobs/{}", sha(b"other"))));
    assert_eq!(fs::read(snapshot.join("a/b/y")).unwrap(), b"other");
    let blob = fs::metadata(f.store.layout().blob(&sha(b"bytes"))).unwrap();
    let seen = fs::metadata(snapshot.join("x")).unwrap();
    assert_eq!((seen.ino(), blob.nlink()), (blob.ino(), 2));
    let tree: serde_json::Value = serde_json::from_slice(&fs::read(f.store.layout().hub_tree(&v)).unwrap()).unwrap();
    assert_eq!(tree["format_version"], 1);
    assert_eq!(tree["files"]["x"]["lfs_sha256"], sha(b"bytes").to_string());
    assert_eq!(super::count(&f.store.hub_dir()), 2, "the tag and the model, nothing foreign");
}

#[test]
fn a_small_file_has_its_git_id_for_a_name() {
    let f = fixture();
    let v = version("solo", 'a');
    publish(&f.store, b"{}");
    let mut file = entry("config.json", b"{}");
    file.digests = hashes(b"{}").digests();
    file.digests.sha256 = None;
    file.etag = Some("../../../../etc/passwd".to_owned());
    let manifest = Manifest::new(v, vec![file]).unwrap();
    f.store.put_manifest(&manifest).unwrap();
    let snapshot = f.store.materialize(&manifest, None).unwrap();
    let git = hashes(b"{}").git_sha1.unwrap();
    assert_eq!(fs::read_link(snapshot.join("config.json")).unwrap(), PathBuf::from(format!("../../blobs/{git}")));
}

#[test]
fn view_shows_present_files_listing_comes_last() {
    let f = fixture();
    let v = version("org/m", 'a');
    let manifest = Manifest::new(v.clone(), vec![entry("a", b"a"), entry("b", b"b")]).unwrap();
    f.store.materialize(&manifest, Some(&Revision::main())).unwrap();
    assert!(!f.store.layout().view(&v.model).exists(), "no ref without a snapshot");
    publish(&f.store, b"a");
    let snapshot = f.store.materialize(&manifest, Some(&Revision::main())).unwrap();
    assert!(snapshot.join("a").exists() && !snapshot.join("b").is_symlink());
    assert!(!f.store.layout().hub_tree(&v).exists());
    publish(&f.store, b"b");
    f.store.materialize(&manifest, Some(&Revision::main())).unwrap();
    assert!(f.store.layout().hub_tree(&v).exists());
}

#[test]
fn broken_links_heal() {
    let f = fixture();
    let v = version("org/m", 'a');
    let manifest = put(&f.store, &v, &[("d/a", b"a"), ("b", b"b"), ("c", b"c"), ("e", b"e")]);
    let snapshot = f.store.materialize(&manifest, None).unwrap();
    fs::remove_dir_all(snapshot.join("d")).unwrap();
    fs::write(snapshot.join("d"), "a file where a folder was").unwrap();
    fs::remove_file(snapshot.join("b")).unwrap();
    fs::create_dir_all(snapshot.join("b/x")).unwrap();
    fs::remove_file(snapshot.join("c")).unwrap();
    std::os::unix::fs::symlink("c", snapshot.join("c")).unwrap();
    let hub_blob = f.store.layout().hub_blob(&v.model, &sha(b"e").to_string());
    fs::remove_file(&hub_blob).unwrap();
    fs::write(&hub_blob, "not it").unwrap();
    f.store.materialize(&manifest, None).unwrap();
    for (path, text) in [("d/a", "a"), ("b", "b"), ("c", "c"), ("e", "e")] {
        assert_eq!(fs::read_to_string(snapshot.join(path)).unwrap(), text);
    }
}

#[test]
fn a_blob_of_another_program_stays() {
    let f = fixture();
    let v = version("org/m", 'a');
    let manifest = Manifest::new(v.clone(), vec![entry("a", b"a"), entry("b", b"b")]).unwrap();
    publish(&f.store, b"b");
    let snapshot = f.store.materialize(&manifest, None).unwrap();
    let theirs = f.store.layout().hub_blob(&v.model, &sha(b"a").to_string());
    fs::write(&theirs, "a").unwrap();
    std::os::unix::fs::symlink(format!("../../blobs/{}", sha(b"a")), snapshot.join("a")).unwrap();
    f.store.materialize(&manifest, None).unwrap();
    assert!(snapshot.join("a").exists());
    publish(&f.store, b"a");
    f.store.materialize(&manifest, None).unwrap();
    let ours = fs::metadata(f.store.layout().blob(&sha(b"a"))).unwrap().ino();
    assert_eq!(fs::metadata(theirs).unwrap().ino(), ours, "now both are one file");
}

#[test]
fn other_sources_have_folders_of_links() {
    let f = fixture();
    let model = ModelId::Folder(PathBuf::from("/data/my model"));
    let v = Version { model, commit: Commit::parse(&"d".repeat(64)).unwrap() };
    let manifest = put(&f.store, &v, &[("sub/x", b"bytes")]);
    let folder = f.store.materialize(&manifest, Some(&Revision::main())).unwrap();
    assert!(folder.starts_with(f.dir.path().join("models/local")));
    assert_eq!(fs::read(folder.join("sub/x")).unwrap(), b"bytes");
    assert!(!f.store.is_absent(&v, &RepoPath::parse("x").unwrap()).unwrap());
    assert_eq!(super::count(&f.store.hub_dir()), 1);
    f.store.remove_version(&v).unwrap();
    assert_eq!(super::count(&f.dir.path().join("models")), 0);
}

#[test]
fn absence_is_noted_beside_snapshots_only() {
    let f = fixture();
    let v = version("org/m", 'a');
    let path = RepoPath::parse("sub/x.json").unwrap();
    f.store.put_absent(&v, &path).unwrap();
    assert!(!f.store.layout().view(&v.model).exists());
    let manifest = put(&f.store, &v, &[("a", b"a")]);
    f.store.materialize(&manifest, None).unwrap();
    f.store.put_absent(&v, &path).unwrap();
    assert!(f.store.is_absent(&v, &path).unwrap());
}
