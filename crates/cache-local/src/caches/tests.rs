use cache_core::Revision;

use super::*;

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = dir.path().join(path);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, text).unwrap();
    }
    dir
}

fn shown(contents: &CacheContents) -> Vec<String> {
    contents.versions.iter().map(|found| found.manifest.version.model.to_string()).collect()
}

const COMMIT: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const IMAGE: &str = r#"{"layers":[{"mediaType":"application/vnd.ollama.image.model",
    "digest":"sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb","size":4}]}"#;

#[test]
fn each_cache_kind_is_recognized() {
    let snapshot = format!("hub/models--org--name/snapshots/{COMMIT}/x.txt");
    for (kind, file, inside) in [
        (CacheKind::HuggingFace, snapshot.as_str(), "hub"),
        (CacheKind::Ollama, "models/manifests/registry.ollama.ai/library/a/b", "models"),
        (CacheKind::LmStudio, "models/someone/thing/x.gguf", "models"),
    ] {
        let dir = folder(&[(file, IMAGE), ("models/blobs/x", ""), ("hub/models--org--name/refs/main", COMMIT)]);
        if kind != CacheKind::Ollama {
            fs_err::remove_dir_all(dir.path().join("models/blobs")).unwrap();
        }
        if kind != CacheKind::HuggingFace {
            fs_err::remove_dir_all(dir.path().join("hub")).unwrap();
        }
        for top in [dir.path().to_path_buf(), dir.path().join(inside)] {
            let contents = look(&top, None).unwrap();
            assert_eq!((contents.kind, contents.versions.len()), (kind, 1), "{}", top.display());
            assert!(look(&top, Some(kind)).is_ok());
        }
        let other = if kind == CacheKind::Ollama { CacheKind::LmStudio } else { CacheKind::Ollama };
        assert_eq!(look(dir.path(), Some(other)).unwrap_err().kind(), ErrorKind::Usage);
    }
    assert_eq!(look(Path::new("/nowhere"), None).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn snapshot_without_listing_is_partial() {
    let file = |path: &str| format!("models--org--name/{path}");
    let (x, y, main, torn) = (
        file(&format!("snapshots/{COMMIT}/x.txt")),
        file(&format!("trees/{COMMIT}.json")),
        file("refs/main"),
        file("refs/torn"),
    );
    let tree = format!(
        r#"{{"format_version":1,"files":{{"x.txt":{{"size":1,"blob_id":"{COMMIT}"}},
            "y.bin":{{"size":9,"blob_id":"{COMMIT}","lfs_sha256":"{}"}}}}}}"#,
        "c".repeat(64)
    );
    let dir = folder(&[(&x, "x"), (&main, COMMIT), (&torn, "rubbish"), ("datasets--org--d/refs/main", COMMIT)]);
    let contents = look(dir.path(), None).unwrap();
    let [found] = &contents.versions[..] else { panic!("{contents:?}") };
    assert!(found.manifest.partial && found.manifest.files.len() == 1);
    assert_eq!(found.revisions, [Revision::main()]);
    assert_eq!((contents.refused.len(), shown(&contents)), (1, vec!["org/name".to_owned()]));

    let dir = folder(&[(&x, "x"), (&y, &tree)]);
    let contents = look(dir.path(), None).unwrap();
    let [found] = &contents.versions[..] else { panic!("{contents:?}") };
    assert!(!found.manifest.partial, "its listing is whole");
    let [x, y] = &found.manifest.files[..] else { panic!("{found:?}") };
    assert_eq!((x.digests.git_sha1.unwrap().to_string().as_str(), y.size), (COMMIT, Some(9)));
    assert!(found.files.contains_key(&x.path) && !found.files.contains_key(&y.path));
}

#[test]
fn folders_beside_lm_studio_models_are_ignored() {
    let dir = folder(&[
        ("someone/thing/x.gguf", "x"),
        ("someone/thing/mmproj/y.gguf", "y"),
        ("someone/photos/a.jpg", "not a model"),
        ("projects/code/data/z.gguf", "not one of LM Studio's"),
    ]);
    let contents = look(dir.path(), None).unwrap();
    let [found] = &contents.versions[..] else { panic!("{contents:?}") };
    assert_eq!((found.called.as_ref().unwrap().name.as_str(), found.files.len()), ("someone/thing", 2));
    assert!(contents.refused.is_empty());
}

#[test]
fn broken_repo_does_not_affect_others() {
    let good = format!("models--org--good/snapshots/{COMMIT}/x.txt");
    let other = format!("models--org--other/snapshots/{COMMIT}/x.txt");
    let dir = folder(&[(&good, "x"), (&other, "x"), ("models--org--good/refs/main", COMMIT)]);
    let top = dir.path();
    let pipe = |path: &str| {
        fs_err::create_dir_all(top.join(path).parent().unwrap()).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(top.join(path)).status().unwrap().success());
    };
    // Who opened one would wait for ever.
    pipe("models--org--good/refs/pipe");
    pipe(&format!("models--org--good/trees/{COMMIT}.json"));
    std::os::unix::fs::symlink("/dev/zero", top.join("models--org--good/refs/endless")).unwrap();
    std::os::unix::fs::symlink("/", top.join("models--org--other/refs")).unwrap();
    let contents = look(top, None).unwrap();
    assert_eq!(shown(&contents), ["org/good", "org/other"]);
    assert_eq!(contents.versions[0].revisions, [Revision::main()]);
    let refused: Vec<String> = contents.refused.iter().map(|(path, _)| path.display().to_string()).collect();
    let ends = ["good/refs/endless", "good/refs/pipe", "other/refs"];
    assert!(refused.iter().zip(ends).all(|(path, end)| path.ends_with(end)) && refused.len() == 3, "{refused:?}");
}

#[test]
fn a_manifest_of_countless_layers_is_refused() {
    let layer = format!(r#"{{"mediaType":"m","digest":"sha256:{}","size":1}}"#, "b".repeat(64));
    let text = format!(r#"{{"layers":[{}]}}"#, vec![layer; 30_000].join(","));
    let dir = folder(&[("manifests/r/n/m/t", &text), ("blobs/x", "")]);
    let contents = look(dir.path(), None).unwrap();
    let [(_, error)] = &contents.refused[..] else { panic!("{contents:?}") };
    assert!(error.message().contains("30000 layers"), "{error}");
}

#[test]
fn a_manifest_that_points_elsewhere_is_refused() {
    for text in ["{}", "[]", r#"{"layers":[{"mediaType":"a.model","digest":"../../etc/passwd","size":1}]}"#] {
        let dir = folder(&[("manifests/r/n/m/t", text), ("blobs/x", "")]);
        let contents = look(dir.path(), None).unwrap();
        assert_eq!((contents.versions.len(), contents.refused.len()), (0, 1), "{text}");
    }
    let named = IMAGE.replace("\"size\"", "\"name\":\"../x\",\"size\"");
    let dir = folder(&[("manifests/r/n/m/t", &named), ("blobs/x", "")]);
    assert_eq!(look(dir.path(), None).unwrap().refused.len(), 1);
}
