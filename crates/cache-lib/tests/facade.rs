//! The facade against a hub on loopback.

#![expect(clippy::unwrap_used, reason = "a helper that fails, fails its test")]

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use cache_lib::{
    Cache, CacheBuilder, Candidate, Ensured, ErrorKind, Event, ExportOptions, NoProgress, Outcome, Progress, RepoPath,
    Sha256, Version,
};
use cache_testkit::{Content, Hub, HubConfig, Matches, Origin, Trouble, fixtures};

const MODEL: &str = "org/model";

struct World {
    hub: Hub,
    folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let hub = Hub::spawn(HubConfig::default()).unwrap();
        hub.add_model(MODEL, fixtures::model());
        Self { hub, folder: tempfile::tempdir().unwrap() }
    }

    fn builder(&self) -> CacheBuilder {
        Cache::builder().root(self.folder.path().join("store")).endpoint(self.hub.url()).offline(false).retries(1)
    }

    fn cache(&self) -> Cache {
        self.builder().build().unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A plain URL of a model's file, and its digest.
    fn url(&self, name: &str, content: &Content) -> (String, Sha256) {
        let commit = self.hub.add_model(name, [("x.bin", content.clone())]);
        (format!("{}/{name}/resolve/{commit}/x.bin", self.hub.url()), content.sha256())
    }
}

/// Notes what it hears.
#[derive(Default)]
struct Words(Mutex<Vec<String>>);

impl Progress for Words {
    fn event(&self, event: &Event<'_>) {
        let word = match event {
            Event::Resolved { files, .. } => format!("resolved {files}"),
            Event::Finished { path, outcome, .. } => format!("finished {path} {outcome:?}"),
            Event::Warning(text) => format!("warning {text}"),
            _ => return,
        };
        self.0.lock().unwrap().push(word);
    }
}

#[tokio::test]
async fn building_and_peeking_ask_nobody() {
    let world = World::new();
    let cache = world.cache();
    assert_eq!(cache.peek(MODEL).unwrap_err().kind(), ErrorKind::NotCached);
    assert!(cache.get(MODEL).without_request().unwrap().is_none());
    assert!(world.hub.requests().is_empty());
    let words = Arc::new(Words::default());
    let got = cache.get(MODEL).include("*.json").progress(Arc::clone(&words) as Arc<dyn Progress>).await.unwrap();
    assert!(got.files().iter().all(|file| file.outcome == Outcome::Fetched && file.verified));
    assert!(got.path().join("config.json").is_file());
    let heard = words.0.lock().unwrap().clone();
    assert_eq!(heard[0], format!("resolved {}", got.files().len()));
    assert!(heard.contains(&"finished config.json Fetched".to_owned()), "{heard:?}");

    let before = world.hub.requests().len();
    let pinned = format!("{MODEL}@{}", got.version().commit);
    assert!(cache.get(&pinned).include("*.json").without_request().unwrap().is_some());
    assert!(cache.get(&pinned).without_request().unwrap().is_none(), "not all of it is there");
    assert_eq!(cache.peek(MODEL).unwrap_err().kind(), ErrorKind::NotCached);
    assert_eq!(world.hub.requests().len(), before);
}

#[tokio::test]
async fn what_the_authority_says_is_absent_is_remembered() {
    let world = World::new();
    let cache = world.cache();
    drop(cache.get(format!("{MODEL}/config.json")).await.unwrap());
    let error = cache.get(format!("{MODEL}/no/such.json")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let version = cache.get(MODEL).look().await.unwrap().version().clone();
    assert!(cache.store().is_absent(&version, &RepoPath::parse("no/such.json").unwrap()).unwrap());
}

#[tokio::test]
async fn what_arrived_before_a_failure_is_not_fetched_again() {
    let world = World::new();
    let cache = world.cache();
    world.hub.trouble(Matches::path("model.safetensors"), Trouble::Status(404));
    let error = cache.get(MODEL).await.unwrap_err();
    assert!(error.message().contains("model.safetensors"), "{error:?}");
    assert_eq!(cache.peek(MODEL).unwrap_err().kind(), ErrorKind::NotCached, "the ref moved to what is not whole");
    world.hub.clear_trouble();
    let before = world.hub.total_bytes_sent();
    let got = cache.get(MODEL).await.unwrap();
    let hits = got.files().iter().filter(|file| file.outcome == Outcome::Hit).count();
    assert_eq!(hits, got.files().len() - 1);
    let weights = got.files().iter().find(|file| file.path.as_str() == "model.safetensors").unwrap().size;
    assert_eq!(world.hub.total_bytes_sent() - before, weights);
}

#[tokio::test]
async fn flipped_bytes_never_get_a_name() {
    let world = World::new();
    world.hub.trouble(Matches::path("model.safetensors").at(Origin::Cdn), Trouble::Flip(100));
    let cache = world.cache();
    let error = cache.get(MODEL).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity, "{error:?}");
    assert!(!cache.store().quarantined().unwrap().is_empty());
    world.hub.clear_trouble();
    assert!(cache.get(MODEL).await.is_ok());
}

#[tokio::test]
async fn ensure_puts_one_file_at_one_place() {
    let world = World::new();
    let (cache, content) = (world.cache(), Content::seeded(5, 300_000));
    let (url, sha256) = world.url("org/one", &content);
    let target = world.path("deep/er/x.bin");
    let ensure = |sha256, size| cache.ensure(&url, sha256, size, &target, 1);
    assert_eq!(ensure(Some(sha256), Some(300_000)).await.unwrap(), Ensured::Downloaded);
    assert_eq!(fs_err::read(&target).unwrap(), content.to_vec().unwrap());
    let before = world.hub.requests().len();
    assert_eq!(ensure(Some(sha256), None).await.unwrap(), Ensured::AlreadyPresent);
    assert_eq!(world.hub.requests().len(), before);

    fs_err::write(&target, "something else").unwrap();
    assert_eq!(ensure(Some(sha256), None).await.unwrap(), Ensured::Downloaded);
    assert_eq!(fs_err::read(&target).unwrap(), content.to_vec().unwrap());
    assert_eq!(fs_err::read_dir(target.parent().unwrap()).unwrap().count(), 1, "something was left beside it");
}

#[tokio::test]
async fn ensure_leaves_the_target_alone_when_the_source_is_wrong() {
    let world = World::new();
    let (cache, content) = (world.cache(), Content::seeded(6, 1000));
    let (url, sha256) = world.url("org/one", &content);
    let target = world.path("x.bin");
    fs_err::write(&target, "old").unwrap();
    let wrong = Sha256::from_bytes([7; 32]);
    let error = cache.ensure(&url, Some(wrong), None, &target, 0).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity);
    let error = cache.ensure(&url, Some(sha256), Some(999), &target, 0).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity);
    assert_eq!(fs_err::read_to_string(&target).unwrap(), "old");
    let error = cache.ensure(MODEL, None, None, world.path("y"), 0).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage, "many files at one place");
}

#[tokio::test]
async fn ensure_any_takes_the_first_place_that_has_the_right_bytes() {
    let world = World::new();
    let (cache, content) = (world.cache(), Content::seeded(7, 100_000));
    let (url, sha256) = world.url("org/one", &content);
    let (broken, broken_sha256) = world.url("org/two", &Content::seeded(8, 1000));
    world.hub.trouble(Matches::path("org/two").at(Origin::Cdn), Trouble::Flip(100));
    let place = |url: &str, sha256, size| Candidate { reference: url.parse().unwrap(), sha256, size };
    let candidates = [
        place(&url.replace("x.bin", "absent.bin"), None, None),
        place(&broken, Some(broken_sha256), None),
        place(&url, Some(sha256), Some(99)),
        place(&url, Some(sha256), Some(100_000)),
    ];
    let target = world.path("any/x.bin");
    let ensure = |count: usize| cache.ensure_any(&candidates[..count], &target, 0, Arc::new(NoProgress));
    let error = ensure(3).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity, "{error:?}");
    for part in ["absent.bin: ", "org/two", "expected 99 bytes"] {
        assert!(error.message().contains(part), "{error:?}");
    }
    assert!(!target.exists());
    let done = ensure(4).await.unwrap();
    assert_eq!((done.ensured, done.taken), (Ensured::Downloaded, 3));
    let kinds: Vec<_> = done.passed.iter().map(|(at, error)| (*at, error.kind())).collect();
    assert_eq!(kinds, [(0, ErrorKind::NotFound), (1, ErrorKind::Integrity), (2, ErrorKind::Integrity)]);
    assert_eq!(fs_err::read(&target).unwrap(), content.to_vec().unwrap());
    let before = world.hub.requests().len();
    let again = cache.ensure_any(&candidates[1..], &target, 0, Arc::new(NoProgress)).await.unwrap();
    assert_eq!((again.ensured, again.taken), (Ensured::AlreadyPresent, 2));
    assert_eq!(world.hub.requests().len(), before);
    assert!(cache.ensure_any(&[], &target, 0, Arc::new(NoProgress)).await.is_err());
}

#[tokio::test]
async fn exports_are_the_users_own_unless_links_will_do() {
    use std::os::unix::fs::MetadataExt as _;
    let world = World::new();
    let got = world.cache().get(MODEL).await.unwrap();
    let own = got.export_to(world.path("own"), ExportOptions::default()).unwrap();
    assert_eq!(own.linked + own.kept, 0);
    let linked = got.export_to(world.path("linked"), ExportOptions::default().hard_link(true)).unwrap();
    assert_eq!(linked.cloned + linked.linked, got.files().len());
    for file in got.files() {
        let blob = fs_err::metadata(&file.blob.path).unwrap();
        let mine = fs_err::metadata(file.path.below(&world.path("own"))).unwrap();
        assert_ne!((blob.dev(), blob.ino()), (mine.dev(), mine.ino()));
        assert_eq!(mine.mode() & 0o200, 0o200, "the user cannot write a file of their own");
    }
    let again = got.export_to(world.path("own"), ExportOptions::default()).unwrap();
    assert_eq!(again.kept, got.files().len());
    // What was a link to the store becomes a file of the user's own.
    let parted = got.export_to(world.path("linked"), ExportOptions::default()).unwrap();
    assert_eq!(parted.kept, linked.cloned);
    fs_err::remove_file(world.path("own/config.json")).unwrap();
    fs_err::create_dir_all(world.path("own/config.json")).unwrap();
    let error = got.export_to(world.path("own"), ExportOptions::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
}

#[tokio::test]
async fn a_snapshot_holds_its_files_against_eviction() {
    let world = World::new();
    let cache = world.cache();
    let got = cache.get(MODEL).await.unwrap();
    assert_eq!(cache.remove(MODEL).unwrap_err().kind(), ErrorKind::Usage, "removed while in use");
    drop(got);
    assert_eq!(cache.remove(MODEL).unwrap().len(), 1);
    assert_eq!(cache.remove(MODEL).unwrap_err().kind(), ErrorKind::NotCached);
}

#[tokio::test]
async fn a_quota_makes_room_and_says_so() {
    let world = World::new();
    let cache = world.builder().quota(500_000).build().unwrap();
    for (seed, name) in [(1, "org/a"), (2, "org/b")] {
        world.hub.add_model(name, [("x.bin", Content::seeded(seed, 300_000))]);
        let got = cache.get(name).await.unwrap();
        assert_eq!(got.warnings().len(), usize::from(name == "org/b"), "{:?}", got.warnings());
    }
    assert!(cache.store().disk_space().unwrap().used <= 500_000);
    world.hub.add_model("org/c", [("x.bin", Content::seeded(3, 600_000))]);
    assert_eq!(cache.get("org/c").await.unwrap_err().kind(), ErrorKind::NoSpace);
}

#[tokio::test]
async fn nonsense_is_a_usage_error() {
    let world = World::new();
    let cache = world.cache();
    for get in [
        cache.get("no name at all"),
        cache.get(MODEL).revision("../x"),
        cache.get(MODEL).include("["),
        cache.get(format!("{MODEL}@main")).revision("other"),
    ] {
        assert_eq!(get.await.unwrap_err().kind(), ErrorKind::Usage);
    }
    let bad = Cache::builder().root(world.path("other")).endpoint("ftp://x").offline(false).build().unwrap();
    assert_eq!(bad.get(MODEL).await.unwrap_err().kind(), ErrorKind::Usage);
    assert!(world.hub.requests().is_empty());
}

#[tokio::test]
async fn a_model_that_moved_leaves_the_old_version_as_it_was() {
    let world = World::new();
    let cache = world.cache();
    let old = cache.get(MODEL).await.unwrap();
    let commit = world.hub.add_model(MODEL, [("config.json", Content::bytes("{}"))]);
    let new = cache.get(MODEL).await.unwrap();
    assert_eq!(new.version().commit, commit);
    let version = Version { commit: old.version().commit.clone(), ..new.version().clone() };
    assert_eq!(cache.store().versions(&version.model).unwrap().len(), 2);
    assert!(old.files().iter().all(|file| file.link.exists()));
}
