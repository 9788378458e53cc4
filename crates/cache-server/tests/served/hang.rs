//! A part of the store whose file system hangs.

use std::path::{Path, PathBuf};

use cache_testkit::Hang;

use crate::chain::{ask, folder};
use crate::mirror;

/// The files below a folder.
fn files(at: &Path) -> Vec<PathBuf> {
    let entries = fs_err::read_dir(at).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

// One thread serves all: a request that blocks it blocks every other one.
#[tokio::test]
async fn a_model_that_hangs_stops_no_other_one() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("store");
    let serve = || {
        let models = ["first", "second"].map(|name| (format!("my/{name}"), folder(&dir.path().join(name))));
        mirror(&root, "http://127.0.0.1:9", |config| {
            config.models.extend(models);
            config.anonymous = vec!["my/*".to_owned()];
        })
    };
    let server = serve().await;
    for name in ["first", "second"] {
        let (status, answer) = ask(&server, &format!("/my/{name}/resolve/main/config.json"), None).await;
        assert_eq!(status, 200, "{answer}");
    }
    let manifests = files(&root.join("manifests"));
    let manifest = manifests.iter().find(|path| path.to_string_lossy().contains("first")).unwrap();
    let commit = manifest.file_stem().unwrap().to_str().unwrap();
    // This one remembers nothing yet.
    let server = serve().await;
    let hang = Hang::of(manifest).unwrap();
    let hung = format!("/my/first/resolve/{commit}/config.json");
    let url = server.clone();
    let hanging = tokio::spawn(futures::future::join_all((0..200).map(move |_| {
        let (url, path) = (url.clone(), hung.clone());
        async move { ask(&url, &path, None).await.0 }
    })));
    loop {
        assert_eq!(ask(&server, "/healthz", None).await.0, 200);
        if hang.is_waited_for() {
            break;
        }
    }
    assert_eq!(ask(&server, "/my/second/resolve/main/config.json", None).await.0, 200);
    assert!(!hanging.is_finished());
    drop(hang);
    hanging.await.unwrap();
}
