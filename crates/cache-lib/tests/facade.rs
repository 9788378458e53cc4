//! The facade against a hub on loopback.

#![expect(clippy::unwrap_used, reason = "a helper that fails, fails its test")]

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cache_lib::{
    Cache, CacheBuilder, Candidate, EnsureOutcome, ErrorKind, Event, EvictPolicy, ExportOptions, Mirror, NoProgress,
    Outcome, Progress, ReadOptions, RepoPath, Sha256, Snapshot, Store, StoreOptions, VerifyOptions, Version,
};
use cache_store::Clock;
use cache_testkit::{Content, Hub, HubConfig, HubFault, Matches, Origin, fixtures};
use tokio::sync::Notify;

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
            Event::Retrying { .. } => "retrying".to_owned(),
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
    assert!(cache.get(MODEL).try_local().unwrap().is_none());
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
    assert!(cache.get(&pinned).include("*.json").try_local().unwrap().is_some());
    assert!(cache.get(&pinned).try_local().unwrap().is_none(), "not all of it is there");
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
    let version = cache.get(MODEL).resolve().await.unwrap().version().clone();
    assert!(cache.store().is_absent(&version, &RepoPath::parse("no/such.json").unwrap()).unwrap());
}

#[tokio::test]
async fn what_arrived_before_a_failure_is_not_fetched_again() {
    let world = World::new();
    let cache = world.cache();
    world.hub.trouble(Matches::path("model.safetensors"), HubFault::Status(404));
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
async fn two_gets_fetch_each_small_file_once() {
    let world = World::new();
    let names: Vec<String> = (0..12).map(|nth| format!("{nth}.json")).collect();
    let files = names.iter().map(|name| (name.as_str(), Content::bytes(format!("{{\"name\": \"{name}\"}}"))));
    world.hub.add_model("org/small", files.collect::<Vec<_>>());
    let (cache, other) = (world.cache(), world.cache());
    let (first, second, third) = tokio::join!(cache.get("org/small"), cache.get("org/small"), other.get("org/small"));
    assert!([first, second, third].iter().all(Result::is_ok));
    for name in names {
        let file = format!("/{name}");
        let asked = world.hub.requests().iter().filter(|seen| seen.path.ends_with(&file)).count();
        assert_eq!(asked, 1, "{name}");
    }
}

#[tokio::test]
async fn flipped_bytes_never_get_a_name() {
    let world = World::new();
    world.hub.trouble(Matches::path("model.safetensors").at(Origin::Cdn), HubFault::Flip(100));
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
    assert_eq!(ensure(Some(sha256), Some(300_000)).await.unwrap(), EnsureOutcome::Downloaded);
    assert_eq!(fs_err::read(&target).unwrap(), content.to_vec().unwrap());
    let before = world.hub.requests().len();
    assert_eq!(ensure(Some(sha256), None).await.unwrap(), EnsureOutcome::AlreadyPresent);
    assert_eq!(world.hub.requests().len(), before);

    fs_err::write(&target, "something else").unwrap();
    assert_eq!(ensure(Some(sha256), None).await.unwrap(), EnsureOutcome::Downloaded);
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
    world.hub.trouble(Matches::path("org/two").at(Origin::Cdn), HubFault::Flip(100));
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
    assert_eq!((done.outcome, done.candidate), (EnsureOutcome::Downloaded, 3));
    let kinds: Vec<_> = done.skipped.iter().map(|(at, error)| (*at, error.kind())).collect();
    assert_eq!(kinds, [(0, ErrorKind::NotFound), (1, ErrorKind::Integrity), (2, ErrorKind::Integrity)]);
    assert_eq!(fs_err::read(&target).unwrap(), content.to_vec().unwrap());
    let before = world.hub.requests().len();
    let again = cache.ensure_any(&candidates[1..], &target, 0, Arc::new(NoProgress)).await.unwrap();
    assert_eq!((again.outcome, again.candidate), (EnsureOutcome::AlreadyPresent, 2));
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
        let heard = Arc::new(Words::default());
        let got = cache.get(name).progress(Arc::clone(&heard) as Arc<dyn Progress>).await.unwrap();
        assert!(heard.0.lock().unwrap().iter().any(|word| word.contains("evicted")) == (name == "org/b"));
        if name == "org/b" {
            assert_eq!(got.warnings(), ["evicted org/a, 300 kB, to stay below 500 kB"]);
            assert_eq!((got.evicted().len(), got.evicted()[0].bytes()), (1, 300_000));
        }
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

/// Turns a bit of a stored file around, as a program does that may write through the view.
fn flip(got: &Snapshot, path: &str, at: u64) {
    use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
    let path = fs_err::canonicalize(got.folder().join(path)).unwrap();
    fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let file = fs_err::OpenOptions::new().read(true).write(true).open(&path).unwrap();
    let mut byte = [0];
    file.file().read_exact_at(&mut byte, at).unwrap();
    file.file().write_all_at(&[byte[0] ^ 1], at).unwrap();
}

fn outcome_of(got: &Snapshot, path: &str) -> Outcome {
    got.files().iter().find(|file| file.path.as_str() == path).unwrap().outcome
}

#[tokio::test]
async fn a_corrupted_file_is_out_of_use_until_got() {
    let world = World::new();
    let (cache, offline) = (world.cache(), world.builder().offline(true).build().unwrap());
    let got = cache.get(MODEL).await.unwrap();
    let manifest = Arc::new(cache.store().manifest(got.version()).unwrap().unwrap());
    flip(&got, "model.safetensors", 100);
    let report = cache.verify(None, VerifyOptions::default()).await.unwrap();
    let [bad] = &report.corrupted[..] else { panic!("{report:?}") };
    assert!(matches!(&bad.problem, cache_lib::FileProblem::Corrupted { quarantine: Some(_), .. }), "{bad:?}");
    assert!(!got.folder().join("model.safetensors").exists());
    for error in [cache.peek(MODEL).unwrap_err(), offline.get(MODEL).await.unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::Integrity, "{error:?}");
        assert!(error.message().contains("corrupted") && error.hint().unwrap().contains("download it again"));
    }
    let path = RepoPath::parse("model.safetensors").unwrap();
    let error = offline.open(&manifest, &path, ReadOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity, "{error:?}");
    assert_eq!(cache.verify(None, VerifyOptions::default()).await.unwrap().corrupted.len(), 1, "it is still missing");
    drop(got);
    let got = cache.get(MODEL).await.unwrap();
    assert_eq!(outcome_of(&got, "model.safetensors"), Outcome::Fetched);
    assert!(cache.verify(None, VerifyOptions::default()).await.unwrap().is_ok());
    drop(offline.get(MODEL).await.unwrap());
}

#[tokio::test]
async fn a_file_of_the_wrong_size_is_mended_by_get() {
    let world = World::new();
    let (cache, offline) = (world.cache(), world.builder().offline(true).build().unwrap());
    let got = cache.get(MODEL).await.unwrap();
    flip(&got, "model.safetensors", 0);
    let blob = fs_err::canonicalize(got.folder().join("model.safetensors")).unwrap();
    fs_err::OpenOptions::new().write(true).open(blob).unwrap().set_len(10).unwrap();
    drop(got);
    let error = offline.get(MODEL).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Integrity && error.message().contains("wrong size: 10 B"), "{error:?}");
    let got = cache.get(MODEL).await.unwrap();
    assert_eq!(outcome_of(&got, "model.safetensors"), Outcome::Fetched);
    assert!(cache.verify(None, VerifyOptions::default()).await.unwrap().is_ok());
}

#[tokio::test]
async fn a_file_written_through_the_view_is_noticed() {
    let world = World::new();
    let content = Content::seeded(9, 17 << 20);
    world.hub.add_model("org/large", [("config.json", Content::bytes("{}")), ("x.bin", content.clone())]);
    let cache = world.cache();
    let got = cache.get("org/large").await.unwrap();
    let manifest = Arc::new(cache.store().manifest(got.version()).unwrap().unwrap());
    flip(&got, "config.json", 0);
    let again = cache.get("org/large").await.unwrap();
    assert_eq!(outcome_of(&again, "config.json"), Outcome::Fetched, "small ones are hashed at once");
    flip(&got, "x.bin", 5 << 20);
    let path = RepoPath::parse("x.bin").unwrap();
    let opened = cache.open(&manifest, &path, ReadOptions::default()).await.unwrap_err();
    for error in [opened, cache.get("org/large").await.unwrap_err(), cache.peek("org/large").unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::Integrity, "{error:?}");
        assert_eq!(
            (error.reason(), error.subject()),
            (Some(cache_lib::Reason::ModelChanged), Some("org/large")),
            "{error:?}"
        );
    }
    assert_eq!(cache.verify(None, VerifyOptions::default()).await.unwrap().corrupted.len(), 1);
    let before = world.hub.total_bytes_sent();
    let got = cache.get("org/large").await.unwrap();
    assert_eq!(fs_err::read(got.folder().join("x.bin")).unwrap(), content.to_vec().unwrap());
    assert!(world.hub.total_bytes_sent() - before < 5 << 20, "the sound blocks were kept");
}

/// Tells when a file is in the store.
struct Landed(&'static str, Arc<Notify>);

impl Progress for Landed {
    fn event(&self, event: &Event<'_>) {
        if let Event::Finished { path, .. } = event
            && path.as_str() == self.0
        {
            self.1.notify_one();
        }
    }
}

/// A model of which one file stalls half-way, and a get of it that has finished the other.
async fn half_of_it(world: &World, cache: &Cache) -> tokio::task::JoinHandle<cache_lib::Result<cache_lib::Snapshot>> {
    let files = [("1.bin", Content::seeded(1, 300_000)), ("2.bin", Content::seeded(2, 400_000))];
    world.hub.add_model("org/shards", files);
    world.hub.trouble(Matches::path("2.bin").at(Origin::Cdn), HubFault::Stall(150_000));
    let landed = Arc::new(Notify::new());
    let get = cache.get("org/shards").progress(Arc::new(Landed("1.bin", Arc::clone(&landed))));
    let get = tokio::spawn(get.into_future());
    landed.notified().await;
    world.hub.stalled(1).await;
    get
}

/// What another process does whose clock runs two hours ahead.
fn collect_all(world: &World) -> u64 {
    let clock = Clock::new(|| std::time::SystemTime::now() + std::time::Duration::from_secs(7200));
    let store = Store::open(world.path("store"), StoreOptions::default().with_clock(clock)).unwrap();
    let plan = Store::plan(&store.inventory().unwrap(), &EvictPolicy::default().with_max_size(Some(0)));
    let report = store.apply(&plan).unwrap();
    store.clean().unwrap();
    report.blobs
}

#[tokio::test(flavor = "multi_thread")]
async fn finished_files_stay_while_others_arrive() {
    let world = World::new();
    let cache = world.cache();
    let get = half_of_it(&world, &cache).await;
    assert_eq!(collect_all(&world), 0);
    world.hub.release();
    let got = get.await.unwrap().unwrap();
    assert_eq!(got.files().len(), 2);
    assert_eq!(world.hub.bytes_sent("org/shards", "1.bin"), 300_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn finished_files_outlive_a_canceled_get() {
    let world = World::new();
    let cache = world.cache();
    drop(cache.get(format!("{MODEL}/config.json")).await.unwrap());
    let get = half_of_it(&world, &cache).await;
    let model = cache_lib::ModelId::hub("org/shards").unwrap();
    let noted = |version: &Version| cache.store().last_use(version).is_some();
    while !cache.store().versions(&model).unwrap().iter().any(noted) {
        tokio::task::yield_now().await;
    }
    get.abort();
    assert!(get.await.unwrap_err().is_cancelled());
    // Only what is there belongs to it, and no name leads to it.
    let inventory = cache.store().inventory().unwrap();
    let version = inventory.versions.iter().find(|one| one.version.model.to_string() == "org/shards").unwrap();
    assert_eq!((version.files.len(), version.listed, version.revisions.len()), (1, 2, 0));
    assert_eq!(cache.peek("org/shards").unwrap_err().kind(), ErrorKind::NotCached);
    let pinned = cache.peek(format!("org/shards@{}", version.version.commit)).unwrap_err();
    assert!(pinned.message().contains("1 of 2 files"), "{pinned:?}");
    assert!(!cache.store().snapshot_path(&version.version).exists());
    let plan = Store::plan(&inventory, &EvictPolicy::default().with_max_size(Some(inventory.size() - 1)));
    assert_ne!(plan.steps[0].what, cache_lib::EvictTarget::Version(version.version.clone()), "others go first");
    world.hub.clear_trouble();
    let got = cache.get("org/shards").await.unwrap();
    assert_eq!(got.files()[0].outcome, Outcome::Hit);
    assert_eq!(world.hub.bytes_sent("org/shards", "1.bin"), 300_000);
}

#[tokio::test]
async fn unreachable_hub_yields_the_cached_version() {
    let world = World::new();
    let path = world.cache().get(MODEL).await.unwrap().path().to_owned();
    let cache = world.builder().endpoint("http://127.0.0.1:9").retries(5).build().unwrap();
    let words = Arc::new(Words::default());
    let got = cache.get(MODEL).progress(Arc::clone(&words) as Arc<dyn Progress>).await.unwrap();
    assert_eq!((got.path(), got.warnings().len()), (&*path, 1));
    assert!(got.warnings()[0].contains("refused"), "{:?}", got.warnings());
    let retries = words.0.lock().unwrap().iter().filter(|word| *word == "retrying").count();
    assert!(retries <= 1, "the cached version had to wait for {retries} retries");
    assert!(cache.get("org/other").await.unwrap_err().attempts() > 1, "what is not here is worth some retries");
}

#[tokio::test]
async fn deadline_leaves_time_for_the_cached_version() {
    let world = World::new();
    let path = world.cache().get(MODEL).await.unwrap().path().to_owned();
    // Connections are made and never answered.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let cache = world.builder().endpoint(endpoint).retries(5).build().unwrap();
    let got = cache.get(MODEL).deadline(Duration::from_secs(2)).await.unwrap();
    assert_eq!((got.path(), got.is_stale()), (&*path, true));
    assert!(got.warnings()[0].contains("no answer within 1 s"), "{:?}", got.warnings());
    let error = cache.get("org/other").deadline(Duration::from_secs(1)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut, "without one the whole deadline is the source's");
}

#[tokio::test]
async fn refused_storage_fails_within_seconds() {
    let world = World::new();
    let files: Vec<_> = (0..20).map(|nth| (format!("{nth}.bin"), Content::seeded(nth, 300_000))).collect();
    world.hub.add_model("org/many", files.clone());
    for (name, _) in &files {
        world.hub.serve_from("org/many", name, "http://127.0.0.1:9/");
    }
    let cache = world.builder().retries(5).build().unwrap();
    let error = cache.get("org/many").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Network);
    assert!(error.elapsed() < Duration::from_secs(5), "{error}");
}

#[tokio::test]
async fn server_limit_costs_no_byte_twice() {
    let world = World::new();
    world.hub.add_model("org/slow", [("a.bin", Content::seeded(1, 700_000)), ("b.bin", Content::seeded(2, 300_000))]);
    world.hub.set_rate(400_000);
    drop(world.cache().get("org/slow").await.unwrap());
    let sent = ["a.bin", "b.bin"].map(|name| world.hub.bytes_sent("org/slow", name)).iter().sum::<u64>();
    assert!(sent <= 1_050_000, "{sent}");
}

#[tokio::test]
async fn own_hard_links_warn_of_nothing() {
    let world = World::new();
    world.hub.add_model("org/large", [("a.bin", Content::seeded(1, (16 << 20) + 1))]);
    let cache = world.cache();
    let got = cache.get("org/large").await.unwrap();
    let exported = got.export_to(world.path("out"), ExportOptions::default().hard_link(true)).unwrap();
    assert_eq!(exported.linked + exported.cloned, 1);
    assert_eq!(cache.get("org/large").await.unwrap().warnings(), [] as [&str; 0]);
    fs_err::remove_dir_all(world.path("out")).unwrap();
    assert_eq!(cache.get("org/large").await.unwrap().warnings(), [] as [&str; 0]);
}

#[tokio::test]
async fn removed_damage_is_missed_until_got() {
    let world = World::new();
    let cache = world.cache();
    let got = cache.get(MODEL).await.unwrap();
    let blob = got.files().iter().find(|file| file.path.as_str() == "model.safetensors").unwrap().blob.clone();
    drop(got);
    fs_err::set_permissions(&blob.path, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    fs_err::write(&blob.path, vec![7; usize::try_from(blob.size).unwrap()]).unwrap();
    assert!(!cache.verify(None, VerifyOptions::default()).await.unwrap().is_ok());
    let id = cache.store().quarantined().unwrap().remove(0).id;
    cache.store().quarantine_remove(&id).unwrap();
    let report = cache.verify(None, VerifyOptions::default()).await.unwrap();
    assert!(!report.is_ok() && report.corrupted[0].blob == blob.name, "{report:?}");
    drop(cache.get(MODEL).await.unwrap());
    assert!(cache.verify(None, VerifyOptions::default()).await.unwrap().is_ok());
}

#[tokio::test]
async fn deadline_says_what_was_reached() {
    let world = World::new();
    world.hub.add_model("org/large", [("a.bin", Content::seeded(1, 1000)), ("b.bin", Content::seeded(2, 30_000_000))]);
    world.hub.trouble(Matches::path("b.bin").at(Origin::Cdn), HubFault::Stall(10_000_000));
    let cache = world.cache();
    let error = cache.get("org/large").deadline(Duration::from_secs(2)).await.unwrap_err();
    assert_eq!((error.kind(), error.kind().exit_code(), error.retry_helps()), (ErrorKind::TimedOut, 5, true));
    assert!(error.message().contains("org/large: timed out after 2 s: 1 of 2 files, "), "{error}");
    assert!(error.message().contains("of 30.0 MB") && error.hint().unwrap().contains("resume"), "{error:?}");
    world.hub.clear_trouble();
    world.hub.release();
    let _ = cache.get("org/large").await.unwrap();
    assert_eq!(world.hub.bytes_sent("org/large", "a.bin"), 1000, "a finished file was fetched again");
    let cache = world.builder().deadline(Duration::ZERO).build().unwrap();
    assert_eq!(cache.get("org/large").await.unwrap_err().kind(), ErrorKind::TimedOut);
}

#[tokio::test]
async fn rate_limit_beyond_max_wait_says_until_when() {
    let world = World::new();
    let cache = world.builder().max_wait(Duration::from_secs(60)).build().unwrap();
    for path in ["/api/", "model.safetensors"] {
        world.hub.trouble(Matches::path(path), HubFault::RetryAfter { seconds: 540 });
        let error = cache.get(MODEL).await.unwrap_err();
        world.hub.clear_trouble();
        assert_eq!(error.kind(), ErrorKind::Network);
        assert!(
            error.message().contains("rate limited (429) until ") && error.message().contains("in 9 min"),
            "{error}"
        );
        assert!(error.hint().unwrap().contains("max-wait"), "{error:?}");
    }
    world.hub.trouble(Matches::path("/api/").first(1), HubFault::RetryAfter { seconds: 1 });
    assert!(cache.get(MODEL).await.is_ok());
}

#[tokio::test]
async fn denying_storage_leaves_the_mirror() {
    let world = World::new();
    world.hub.trouble(Matches::default().at(Origin::Cdn), HubFault::Status(403));
    let error = world.cache().get(MODEL).await.unwrap_err();
    assert_eq!((error.kind(), error.kind().exit_code()), (ErrorKind::Unauthorized, 6));
    assert!(error.message().contains("access denied by the storage host"), "{error}");
    let mirror = Hub::spawn(HubConfig::default()).unwrap();
    mirror.add_model(MODEL, fixtures::model());
    let cache = world.builder().mirror(Mirror::new(mirror.url()).unwrap()).build().unwrap();
    assert!(cache.get(MODEL).await.is_ok());
}

/// A server without validators that answers `token=X` with a file of `X`, as long for each.
fn by_token() -> String {
    use std::io::{BufRead as _, BufReader, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/d/model.bin", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let lines: Vec<String> =
                BufReader::new(&stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
            let Some(first) = lines.first() else { continue };
            let token = first.split_once("token=").and_then(|(_, rest)| rest.chars().next());
            let body = token.map(|token| token.to_string().repeat(64)).unwrap_or_default();
            let (status, length) = if token.is_some() { ("200 OK", body.len()) } else { ("404 No", 0) };
            let sent = if first.starts_with("HEAD") { "" } else { &body };
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
            let _ = stream.write_all(format!("{head}{sent}").as_bytes());
        }
    });
    url
}

#[tokio::test]
async fn two_tokens_of_one_address_are_two_files() {
    let world = World::new();
    let (url, cache) = (by_token(), world.cache());
    let of = |token: &str| format!("{url}?token={token}");
    for token in ["A", "B"] {
        let got = cache.get(of(token)).await.unwrap();
        assert_eq!(fs_err::read_to_string(got.path()).unwrap(), token.repeat(64));
        assert!(!format!("{:?} {}", got.version(), got.version()).contains("token"), "{:?}", got.version());
    }
    // Both stay, each for its own token, also for another process and without the network.
    let offline = world.builder().offline(true).build().unwrap();
    for token in ["A", "B"] {
        let got = offline.get(of(token)).await.unwrap();
        assert_eq!(fs_err::read_to_string(got.path()).unwrap(), token.repeat(64));
    }
    for reference in [of("C"), url.clone()] {
        assert_eq!(offline.peek(reference).unwrap_err().kind(), ErrorKind::NotCached);
    }
}

#[tokio::test]
async fn signature_of_tagged_file_does_not_matter() {
    let world = World::new();
    let (url, _) = world.url("org/one", &Content::seeded(5, 1000));
    let cache = world.cache();
    let got = cache.get(format!("{url}?X-Amz-Signature=a&X-Amz-Date=1")).await.unwrap();
    let offline = world.builder().offline(true).build().unwrap();
    let again = offline.get(format!("{url}?X-Amz-Signature=b&X-Amz-Date=2")).await.unwrap();
    assert_eq!(again.version(), got.version());
}
