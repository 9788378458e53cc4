//! Who may read a model is recorded by every fetch, against a hub on loopback.

#![expect(clippy::unwrap_used, reason = "a helper that fails, fails its test")]

use cache_lib::{Cache, ErrorKind, Evidence, ModelId, Visibility};
use cache_testkit::{Access, Content, Hub, HubConfig, HubFault, Matches, Origin};

const MODEL: &str = "org/model";
const TOKEN: &str = "hf_ann";

struct World {
    hub: Hub,
    folder: tempfile::TempDir,
    commit: String,
}

impl World {
    fn new() -> Self {
        let hub = Hub::spawn(HubConfig::default()).unwrap();
        hub.add_user(TOKEN, "ann");
        let files = [("model.bin", Content::seeded(3, 300_000)), ("config.json", Content::bytes("{}"))];
        let commit = hub.add_model(MODEL, files).to_string();
        Self { hub, folder: tempfile::tempdir().unwrap(), commit }
    }

    fn cache(&self, token: Option<&str>) -> Cache {
        let cache = Cache::builder().root(self.folder.path().join("store")).endpoint(self.hub.url()).offline(false);
        cache.retries(0).build().unwrap().with_hub_token(token).unwrap()
    }

    fn recorded(&self) -> Option<(Visibility, Evidence)> {
        let model = ModelId::hub(MODEL).unwrap();
        let record = self.cache(None).store().visibility(&model).unwrap();
        record.map(|record| (record.visibility, record.evidence))
    }
}

#[tokio::test]
async fn each_get_records_what_the_hub_says() {
    let world = World::new();
    assert_eq!(world.recorded(), None);
    for (access, token, recorded) in [
        (Access::Public, None, (Visibility::Public, Evidence::Anonymous)),
        (Access::private(["ann"]), Some(TOKEN), (Visibility::Private, Evidence::Token)),
        (Access::gated(["ann"]), Some(TOKEN), (Visibility::Gated, Evidence::Token)),
        // Said to a token by a hub that is not Hugging Face's: asked again without one.
        (Access::Public, Some(TOKEN), (Visibility::Public, Evidence::Anonymous)),
        (Access::private(["ann"]), None, (Visibility::Unknown, Evidence::Refused)),
    ] {
        world.hub.set_access(MODEL, access);
        let got = world.cache(token).get(MODEL).await;
        assert_eq!(got.is_ok(), recorded.1 != Evidence::Refused, "{recorded:?}");
        assert_eq!(world.recorded(), Some(recorded));
    }
    // The network may fail as it likes.
    world.hub.set_access(MODEL, Access::Public);
    drop(world.cache(None).get(MODEL).await.unwrap());
    world.hub.trouble(Matches::default(), HubFault::Status(503));
    drop(world.cache(None).get(MODEL).await);
    assert_eq!(world.recorded(), Some((Visibility::Public, Evidence::Anonymous)));
}

#[tokio::test]
async fn pinned_commit_is_recorded_with_its_first_byte() {
    let world = World::new();
    world.hub.set_access(MODEL, Access::private(["ann"]));
    let reference = format!("{MODEL}@{}", world.commit);
    drop(world.cache(Some(TOKEN)).get(&reference).await.unwrap());
    assert_eq!(world.recorded(), Some((Visibility::Private, Evidence::Token)));
    let before = world.hub.requests().len();
    drop(world.cache(Some(TOKEN)).get(&reference).await.unwrap());
    assert_eq!(world.hub.requests().len(), before);
}

#[tokio::test]
async fn record_is_there_before_the_bytes() {
    let world = World::new();
    drop(world.cache(None).get(MODEL).await.unwrap());
    world.hub.set_access(MODEL, Access::private(["ann"]));
    world.hub.commit(MODEL, "main", [("model.bin", Content::seeded(4, 300_000))]);
    world.hub.trouble(Matches::path("model.bin").at(Origin::Cdn), HubFault::Stall(1000));
    let cache = world.cache(Some(TOKEN));
    let getting = tokio::spawn(async move { cache.get(MODEL).await.map(drop) });
    world.hub.stalled(1).await;
    assert_eq!(world.recorded(), Some((Visibility::Private, Evidence::Token)));
    // As when it is killed there.
    getting.abort();
    assert!(getting.await.unwrap_err().is_cancelled());
    assert_eq!(world.recorded(), Some((Visibility::Private, Evidence::Token)));
}

#[tokio::test]
async fn record_that_cannot_close_fails_the_get() {
    let world = World::new();
    drop(world.cache(None).get(MODEL).await.unwrap());
    world.hub.set_access(MODEL, Access::private(["ann"]));
    // A folder is in the way of the lock, so that nothing can be recorded.
    let store = world.folder.path().join("store");
    let lock = store.join("locks/visibility");
    let _ = fs_err::remove_file(&lock);
    fs_err::create_dir_all(lock.join("in the way")).unwrap();
    let failed = world.cache(Some(TOKEN)).get(MODEL).await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Storage, "{failed}");
}

#[tokio::test]
async fn folder_and_address_are_unknown() {
    let world = World::new();
    let folder = world.folder.path().join("mine");
    fs_err::create_dir(&folder).unwrap();
    fs_err::write(folder.join("config.json"), "{}").unwrap();
    let url = format!("{}/{MODEL}/resolve/{}/config.json", world.hub.url(), world.commit);
    for reference in [folder.to_str().unwrap(), &url] {
        let cache = world.cache(None);
        let snapshot = cache.get(reference).await.unwrap();
        assert_eq!(cache.visibility(&snapshot.version().model), Visibility::Unknown, "{reference}");
    }
}
