//! Registered names, shared clients and callers that break the rules, against servers on loopback.

#![expect(clippy::unwrap_used, reason = "a helper that fails, fails its test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cache_lib::options::{CacheOptions, TokenRef};
use cache_lib::registry::Name;
use cache_lib::{
    Cache, CacheBuilder, Candidate, EnsureOutcome, EntryVersion, ErrorKind, Event, FallbackKind, Lockfile, Mirror,
    Outcome, Progress, ReadOptions, RepoPath, Sha256, VerifyOptions,
};
use cache_testkit::{Content, FaultServer, Hub, HubConfig, HubFault, Matches, Origin, Personality};

const MODEL: &str = "org/one";
const FILE: &str = "x.bin";

struct World {
    hub: Hub,
    folder: tempfile::TempDir,
    content: Content,
}

impl World {
    fn new(size: u64) -> Self {
        let hub = Hub::spawn(HubConfig::default()).unwrap();
        let content = Content::seeded(3, size);
        hub.add_model(MODEL, [(FILE, content.clone())]);
        Self { hub, folder: tempfile::tempdir().unwrap(), content }
    }

    fn builder(&self) -> CacheBuilder {
        self.configured(Cache::builder())
    }

    fn configured(&self, builder: CacheBuilder) -> CacheBuilder {
        builder.root(self.folder.path().join("store")).endpoint(self.hub.url()).offline(false).retries(1)
    }

    fn cache(&self) -> Cache {
        self.builder().build().unwrap()
    }

    fn target(&self) -> std::path::PathBuf {
        self.folder.path().join("target.bin")
    }
}

fn register(cache: &Cache, name: &str, change: impl FnOnce(&mut EntryVersion)) {
    let mut entry = EntryVersion::new(format!("{MODEL}/{FILE}"));
    change(&mut entry);
    let name: Name = name.parse().unwrap();
    cache.change_registry(|registry| registry.add(&name, None, entry, true)).unwrap();
}

fn pin(sha256: Sha256) -> impl FnOnce(&mut EntryVersion) {
    move |entry| {
        entry.files.insert(RepoPath::parse(FILE).unwrap(), sha256);
    }
}

fn for_other_machines(entry: &mut EntryVersion) {
    let other = if cfg!(target_os = "macos") { "linux-aarch64" } else { "macos-aarch64" };
    entry.platforms.push(other.to_owned());
}

const WRONG: Sha256 = Sha256::from_bytes([7; 32]);

#[tokio::test]
async fn ensure_of_a_name_checks_its_file_digests() {
    let world = World::new(2000);
    let (cache, target) = (world.cache(), world.target());
    let right = world.content.sha256();
    register(&cache, "good", pin(right));
    register(&cache, "bad", pin(WRONG));
    fs_err::write(&target, "other bytes").unwrap();
    let ensure = |name: &'static str, sha256| cache.ensure(name, sha256, None, &target, 1);
    assert_eq!(ensure("bad", None).await.unwrap_err().kind(), ErrorKind::Integrity);
    assert_eq!(ensure("good", Some(WRONG)).await.unwrap_err().kind(), ErrorKind::Integrity);
    assert_eq!(fs_err::read_to_string(&target).unwrap(), "other bytes");
    assert_eq!(ensure("good", None).await.unwrap(), EnsureOutcome::Downloaded);
    assert_eq!(fs_err::read(&target).unwrap(), world.content.to_vec().unwrap());
    assert_eq!(ensure("good", None).await.unwrap(), EnsureOutcome::AlreadyPresent);
}

#[tokio::test]
async fn ensure_of_a_name_takes_its_fallback() {
    let world = World::new(2000);
    let (cache, target) = (world.cache(), world.target());
    register(&cache, "m", |entry| {
        entry.reference = format!("org/gone/{FILE}").into();
        entry.fallbacks.push(format!("{MODEL}/{FILE}").into());
    });
    let wrong = cache.ensure("m", Some(WRONG), None, &target, 1).await.unwrap_err();
    assert_eq!(wrong.kind(), ErrorKind::Integrity, "the caller's digest holds for the fallback: {wrong:?}");
    assert_eq!(cache.ensure("m", None, None, &target, 1).await.unwrap(), EnsureOutcome::Downloaded);
    assert_eq!(fs_err::read(&target).unwrap(), world.content.to_vec().unwrap());
}

#[tokio::test]
async fn fallback_follows_wrong_bytes_and_denied_access() {
    let world = World::new(2000);
    let cache = world.cache();
    world.hub.add_model("org/gated", [(FILE, Content::seeded(3, 500))]);
    world.hub.trouble(Matches::path("org/gated"), HubFault::Status(403));
    let denied = cache.get(format!("org/gated/{FILE}")).await.unwrap_err();
    assert_eq!(denied.kind(), ErrorKind::Unauthorized, "{denied:?}");
    let fallback = |entry: &mut EntryVersion| entry.fallbacks.push(format!("{MODEL}/{FILE}").into());
    register(&cache, "wrong", |entry| {
        pin(WRONG)(entry);
        fallback(entry);
    });
    register(&cache, "gated", |entry| {
        entry.reference = format!("org/gated/{FILE}").into();
        fallback(entry);
    });
    for (name, kind) in [("wrong", ErrorKind::Integrity), ("gated", ErrorKind::Unauthorized)] {
        let snapshot = cache.get(name).await.unwrap();
        let report = snapshot.fallback_report().unwrap();
        assert_eq!((report.kind, report.skipped[0].kind), (FallbackKind::Model, kind), "{report}");
        let warning = &snapshot.warnings()[0];
        assert!(warning.contains(&report.skipped[0].reason) && warning.contains(MODEL), "{warning}");
        assert_eq!(snapshot.files()[0].blob.name, world.content.sha256());
    }
}

#[tokio::test]
async fn contradictory_request_has_no_fallback() {
    let world = World::new(2000);
    let cache = world.cache();
    register(&cache, "m", pin(world.content.sha256()));
    let other = || format!("{MODEL}/{FILE}").parse::<Candidate>().unwrap();
    let wrong_digest = cache.get("m").sha256(WRONG).fallback_source(other()).await;
    assert_eq!(wrong_digest.unwrap_err().kind(), ErrorKind::Integrity);
    let no_version = cache.get("m@9").sha256(WRONG).fallback_source(other()).await;
    assert!(no_version.is_err(), "{no_version:?}");
    let not_locked = cache.get("m").locked(&Lockfile::default()).fallback_source(other()).await;
    assert_eq!(not_locked.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(world.hub.requests().len(), 0);
}

#[tokio::test]
async fn deadline_holds_for_the_fallback() {
    let world = World::new(2_000_000);
    let cache = world.cache();
    register(&cache, "m", |entry| {
        entry.reference = format!("org/gone/{FILE}").into();
        entry.fallbacks.push(format!("{MODEL}/{FILE}").into());
    });
    world.hub.trouble(Matches::path(FILE).at(Origin::Cdn), HubFault::Stall(1_000_000));
    let error = cache.get("m").deadline(Duration::from_secs(1)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut, "{error:?}");
}

#[tokio::test]
async fn digest_against_the_registry_is_an_error() {
    let world = World::new(2000);
    let cache = world.cache();
    // Of a small text the listing has a git id alone.
    let config = Content::bytes("{}");
    world.hub.add_model("org/small", [("config.json", config.clone())]);
    register(&cache, "m", |entry| {
        entry.reference = "org/small/config.json".into();
        entry.files.insert(RepoPath::parse("config.json").unwrap(), config.sha256());
    });
    let error = cache.get("m").sha256(WRONG).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity);
    assert!(error.message().contains("the registry (m@1.0.0)"), "{error:?}");
    assert_eq!(world.hub.total_bytes_sent(), 0);
}

#[cfg(feature = "s3")]
#[tokio::test]
async fn push_resolves_registered_names() {
    let world = World::new(2000);
    let cache = world.cache();
    register(&cache, "bad", pin(WRONG));
    register(&cache, "other", for_other_machines);
    let push = async |name: &'static str| cache.push(name, "s3://bucket/prefix").await.unwrap_err().kind();
    assert_eq!(push("bad").await, ErrorKind::Integrity);
    assert_eq!(push("other").await, ErrorKind::Unsupported);
}

#[tokio::test]
async fn locked_name_for_other_machines_is_refused() {
    let world = World::new(2000);
    let cache = world.cache();
    register(&cache, "m", for_other_machines);
    let lock = cache.lock(["m"]).await.unwrap();
    let lock = Lockfile::parse(&lock.to_text().unwrap(), "it").unwrap();
    // By the lock alone, and by the registry alone.
    let elsewhere = world.builder().root(world.folder.path().join("elsewhere")).build().unwrap();
    let error = elsewhere.get("m").locked(&lock).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error:?}");
    register(&elsewhere, "m", |_| {});
    let unmarked = elsewhere.lock(["m"]).await.unwrap();
    assert_eq!(cache.get("m").locked(&unmarked).await.unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(world.hub.total_bytes_sent(), 0);
    drop(elsewhere.get("m").locked(&unmarked).await.unwrap());
}

#[tokio::test]
async fn failed_initialization_is_tried_again() {
    let world = World::new(2000);
    let token = world.folder.path().join("token");
    let mut options = CacheOptions::default();
    options.hub.token = Some(TokenRef::File(token.clone()));
    let cache = world.configured(options.into()).build().unwrap();
    let error = cache.get(MODEL).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Usage && error.message().contains("token"), "{error:?}");
    // Whoever brings a token of their own needs no configured one.
    cache.with_hub_token(None).unwrap().get(MODEL).resolve().await.unwrap();
    fs_err::write(&token, "hf_late").unwrap();
    world.hub.add_user("hf_late", "me");
    drop(cache.get(MODEL).await.unwrap());
    assert!(world.hub.requests().iter().any(|seen| seen.header("authorization").is_some()));
}

#[tokio::test]
async fn five_files_in_turn_use_one_connection() {
    for (ensure, told) in [(true, true), (true, false), (false, true), (false, false)] {
        let server = FaultServer::spawn("").unwrap();
        let world = World::new(1);
        let cache = world.cache();
        for nth in 0..5_u64 {
            let (path, content) = (format!("/f{nth}.bin"), Content::seeded(nth, 2000));
            server.beside(&path, content.clone());
            let url = server.url_of(&path);
            // Without a digest lists beside the file are asked for one.
            let sha256 = told.then(|| content.sha256());
            if ensure {
                let target = world.folder.path().join(format!("f{nth}.bin"));
                let ensured = cache.ensure(&url, sha256, None, target, 7).await.unwrap();
                assert_eq!(ensured, EnsureOutcome::Downloaded);
            } else {
                let get = cache.get(&url);
                let get = match sha256 {
                    Some(sha256) => get.sha256(sha256),
                    None => get,
                };
                drop(get.await.unwrap());
            }
        }
        let requests = server.requests().len();
        assert_eq!(server.connections(), 1, "ensure: {ensure}, digest: {told}, {requests} requests");
    }
}

#[tokio::test]
async fn derived_caches_share_connections() {
    let world = World::new(2000);
    let cache = world.cache();
    for _ in 0..5 {
        cache.with_hub_token(None).unwrap().get(MODEL).resolve().await.unwrap();
    }
    // One of hf-hub's client, one of ours.
    assert!(world.hub.connections(Origin::Hub).opened <= 2, "{:?}", world.hub.connections(Origin::Hub));
    assert_eq!(cache.breakers().len(), 1, "the breakers of the cache it comes from");
}

#[test]
fn runtime_that_lacks_something_is_a_typed_error() {
    let world = World::new(2000);
    let cache = world.cache();
    let manifest = {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Arc::new(runtime.block_on(cache.get(MODEL).resolve()).unwrap().manifest().clone())
    };
    let work = async || {
        let got = cache.get(MODEL).await.map(drop);
        let ensured = cache.ensure(format!("{MODEL}/{FILE}"), None, None, world.target(), 7).await.map(drop);
        let opened = cache.open(&manifest, &RepoPath::parse(FILE).unwrap(), ReadOptions::default()).await.map(drop);
        [got, ensured, opened].map(Result::unwrap_err)
    };
    let bare = || tokio::runtime::Builder::new_current_thread();
    let errors = [
        bare().enable_io().build().unwrap().block_on(work()),
        bare().build().unwrap().block_on(work()),
        futures::executor::block_on(work()),
    ];
    for error in errors.into_iter().flatten() {
        assert_eq!(error.kind(), ErrorKind::Usage, "{error:?}");
        assert!(format!("{error} {:?}", error.hint()).contains("enable_all"), "{error:?}");
    }
    let error = bare().enable_time().build().unwrap().block_on(cache.get(MODEL).into_future()).unwrap_err();
    assert!(error.kind() == ErrorKind::Usage && error.message().contains("I/O"), "{error:?}");
}

/// Panics when so many bytes have come.
struct Panics {
    bytes: AtomicU64,
    at: u64,
}

impl Progress for Panics {
    fn event(&self, event: &Event<'_>) {
        if let Event::Advanced { bytes, .. } = event {
            let bytes = self.bytes.fetch_add(bytes.unsigned_abs(), Ordering::Relaxed) + bytes.unsigned_abs();
            assert!(bytes < self.at, "no room on the screen");
        }
    }
}

#[tokio::test]
async fn progress_that_panics_is_named() {
    for size in [2000, 3 << 20] {
        let world = World::new(size);
        let cache = world.cache();
        let panics = || Arc::new(Panics { bytes: AtomicU64::new(0), at: size / 2 }) as Arc<dyn Progress>;
        let error = cache.get(MODEL).progress(panics()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage, "{error:?}");
        assert!(error.message().contains("the progress callback panicked: no room on the screen"), "{error:?}");
        let got = cache.get(MODEL).await.unwrap();
        assert_eq!(fs_err::read(got.path().join(FILE)).unwrap(), world.content.to_vec().unwrap());
        let error = cache.verify(None, VerifyOptions::default().progress(panics())).await.unwrap_err();
        assert!(error.message().contains("the progress callback panicked"), "{error:?}");
    }
}

/// Removes the model as soon as its files are listed.
struct Removes(Cache);

impl Progress for Removes {
    fn event(&self, event: &Event<'_>) {
        if let Event::Resolved { .. } = event {
            self.0.remove(MODEL).unwrap();
        }
    }
}

#[tokio::test]
async fn verify_skips_what_is_removed_meanwhile() {
    for repair in [false, true] {
        let world = World::new(2000);
        let cache = world.cache();
        drop(cache.get(MODEL).await.unwrap());
        let options = VerifyOptions::default().repair(repair).progress(Arc::new(Removes(cache.clone())));
        let report = cache.verify(None, options).await.unwrap();
        assert!(report.is_ok() && report.checked == 0, "{report:?}");
        assert_eq!(cache.versions(MODEL).unwrap_err().kind(), ErrorKind::NotCached);
        assert!(cache.store().blobs().unwrap().is_empty(), "it was downloaded again");
    }
}

#[tokio::test]
async fn repair_names_the_mirror_that_lies() {
    let world = World::new(3 << 20);
    let mirror = Hub::spawn(HubConfig::default()).unwrap();
    mirror.add_model(MODEL, [(FILE, world.content.clone())]);
    mirror.trouble(Matches::path(FILE), HubFault::FlipEvery(64 << 10));
    let cache = world.builder().mirror(Mirror::new(mirror.url()).unwrap().preference(1)).build().unwrap();
    let path = {
        let got = world.cache().get(MODEL).await.unwrap();
        got.files()[0].blob.path.clone()
    };
    damage(&path);
    let report = cache.verify(None, VerifyOptions::default().repair(true)).await.unwrap();
    assert!(report.is_ok(), "{report:?}");
    let host = mirror.url().strip_prefix("http://").unwrap();
    let warnings = &report.corrupted[0].warnings;
    assert!(warnings.len() == 1 && warnings[0].contains(host) && warnings[0].contains("wrong bytes"), "{warnings:?}");
    assert_eq!(fs_err::read(path).unwrap(), world.content.to_vec().unwrap());
}

#[tokio::test]
async fn repair_stops_at_the_sources_no() {
    let world = World::new(2000);
    let mirror = Hub::spawn(HubConfig::default()).unwrap();
    mirror.add_model(MODEL, [(FILE, world.content.clone())]);
    let cache = world.builder().mirror(Mirror::new(mirror.url()).unwrap()).build().unwrap();
    let path = {
        let got = cache.get(MODEL).await.unwrap();
        got.files()[0].blob.path.clone()
    };
    damage(&path);
    mirror.clear_requests();
    world.hub.trouble(Matches::path(FILE), HubFault::Status(404));
    let report = cache.verify(None, VerifyOptions::default().repair(true)).await.unwrap();
    let error = report.corrupted[0].repaired.clone().unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error:?}");
    assert!(mirror.requests().is_empty(), "the mirror was asked after the source said no");
}

/// Writes other bytes over a stored file.
fn damage(path: &std::path::Path) {
    use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
    fs_err::set_permissions(path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let file = fs_err::OpenOptions::new().write(true).open(path).unwrap();
    file.file().write_all_at(b"other bytes", 1000).unwrap();
}

/// Tells when a file of another process is waited for.
#[derive(Default)]
struct Waits(tokio::sync::Notify);

impl Progress for Waits {
    fn event(&self, event: &Event<'_>) {
        if matches!(event, Event::Waiting { .. }) {
            self.0.notify_one();
        }
    }
}

#[tokio::test]
async fn url_without_digest_leaves_no_status() {
    let world = World::new(1);
    let server = FaultServer::spawn(Content::seeded(5, 3_000_000)).unwrap();
    let asked = [Personality::NoEtag, Personality::Status(404), Personality::Status(404)];
    server.script(asked.clone().into_iter().chain([Personality::Stall(1_000_000)]).chain(asked));
    let (cache, other, waits) = (world.cache(), world.cache(), Arc::new(Waits::default()));
    let first = async { cache.get(server.url()).await.unwrap() };
    let second = async {
        while server.requests().len() < 4 {
            tokio::task::yield_now().await;
        }
        other.get(server.url()).progress(Arc::clone(&waits) as _).await.unwrap()
    };
    let release = async {
        waits.0.notified().await;
        server.release();
    };
    let (first, second, ()) = tokio::join!(first, second, release);
    assert_eq!((first.files()[0].outcome, second.files()[0].outcome), (Outcome::Fetched, Outcome::Shared));
    assert_eq!(server.requests().len(), 7);
    let locks = fs_err::read_dir(world.folder.path().join("store/locks")).unwrap();
    let left = locks.map(|entry| entry.unwrap().file_name()).filter(|name| name.to_string_lossy().contains('.'));
    assert_eq!(left.collect::<Vec<_>>(), Vec::<std::ffi::OsString>::new());
}
