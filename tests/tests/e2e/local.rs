//! Folders of this machine and plain URLs.

use cache_testkit::fixtures;

use crate::world::{World, model, tree};

#[test]
fn a_folder_is_taken_in_and_verified() {
    let world = World::new();
    let folder = world.folder().join("mine");
    fs_err::create_dir_all(&folder).unwrap();
    fixtures::write_model(&folder).unwrap();
    let run = world.run(&["get", folder.to_str().unwrap(), "--offline"]).ok();
    assert_eq!(tree(&run.path()), model());
    world.run(&["verify"]).ok();
    assert_eq!(world.assert_blobs_intact(), model().len());
    assert_eq!(tree(&folder), model(), "the user's folder was changed");
    assert_eq!(world.run(&["path", folder.to_str().unwrap()]).ok().path(), run.path());
}

#[test]
fn a_plain_url_is_stored_unverified_unless_a_digest_is_given() {
    let world = World::new();
    let commit = world.commit();
    let url = format!("{}/org/model/resolve/{commit}/model.safetensors", world.hub.url());
    let run = world.run(&["get", &url, "--require-digest"]).fails(4, "digest");
    assert!(run.err.contains("--sha256"), "{run:?}");
    let run = world.run(&["get", &url]).ok();
    assert!(run.err.contains("not verified"), "{run:?}");
    let content = fixtures::model().into_iter().find(|(path, _)| *path == "model.safetensors").unwrap().1;
    assert_eq!(fs_err::read(run.path()).unwrap(), content.to_vec().unwrap());
    let digest = content.sha256().to_string();
    let before = world.hub.total_bytes_sent();
    world.run(&["get", &url, "--sha256", &digest, "--require-digest"]).ok();
    assert_eq!(world.hub.total_bytes_sent(), before, "bytes that were here were sent again");
    world.run(&["get", &url, "--sha256", &"1".repeat(64)]).ends(4);
}
