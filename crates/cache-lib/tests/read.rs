//! Reading files from the store and while they arrive, against a hub on loopback.

#![expect(clippy::unwrap_used, reason = "a helper that fails, fails its test")]

use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use cache_lib::{
    ByteRange, Cache, CacheBuilder, ErrorKind, Event, EvictPolicy, FileReader, Manifest, Progress, ReadOptions,
    RepoPath, Result, Store, UNVERIFIED_TAIL,
};
use cache_testkit::{Access, Content, Hub, HubConfig, HubFault, Matches, Origin};
use futures::FutureExt as _;
use tokio::sync::Notify;

const MODEL: &str = "org/model";
const FILE: &str = "weights.bin";
const MEDIUM: u64 = (3 << 20) + 5;

struct World {
    hub: Hub,
    folder: tempfile::TempDir,
    content: Content,
    manifest: Arc<Manifest>,
}

impl World {
    async fn new(size: u64) -> Self {
        let hub = Hub::spawn(HubConfig::default()).unwrap();
        let content = Content::seeded(7, size);
        let files = [(FILE, content.clone()), ("config.json", Content::bytes("{}"))];
        hub.add_model(MODEL, files);
        let folder = tempfile::tempdir().unwrap();
        let look = builder(&hub, &folder, "other").build().unwrap().get(MODEL).resolve().await.unwrap();
        let manifest = Arc::new(look.manifest().clone());
        Self { hub, folder, content, manifest }
    }

    fn cache(&self) -> Cache {
        builder(&self.hub, &self.folder, "store").build().unwrap()
    }

    async fn open(&self, cache: &Cache) -> FileReader {
        cache.open(&self.manifest, &path(), ReadOptions::default()).await.unwrap()
    }

    /// All bytes from `at` up to `end`, as the hub has them.
    async fn check(&self, reader: &FileReader, mut at: u64, end: u64) -> Result<()> {
        while at < end {
            let max = usize::try_from(end - at).unwrap().min(512 << 10);
            let bytes = reader.read_at(at, max).await?;
            assert!(!bytes.is_empty() && bytes.len() <= max);
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let right = self.content.read(at, rest.len() as u64).unwrap();
                assert!(rest.starts_with(&right), "other bytes at {at}");
                at += right.len() as u64;
                rest = &rest[right.len()..];
            }
        }
        Ok(())
    }

    async fn check_all(&self, reader: &FileReader) -> Result<()> {
        let size = self.content.size();
        assert_eq!(reader.size().await?, size);
        self.check(reader, 0, size).await?;
        assert!(reader.read_at(size, 10).await?.is_empty());
        assert!(reader.read_at(size + 9, 10).await?.is_empty());
        assert_eq!(reader.sha256(), Some(self.content.sha256()));
        Ok(())
    }

    /// How often its beginning was asked for. Bytes are no measure: a slow connection's rest is asked for twice.
    fn begun(&self) -> usize {
        let requests = self.hub.requests();
        let gets = requests.iter().filter(|seen| seen.origin == Origin::Cdn && seen.method == "GET");
        gets.filter(|seen| seen.header("range").is_none_or(|range| range.starts_with("bytes=0-"))).count()
    }

    fn stall(&self, at: u64) {
        self.hub.trouble(Matches::path(FILE), HubFault::Stall(at));
    }

    /// The file in the making.
    fn partial(&self) -> PathBuf {
        let files = walk(&self.folder.path().join("store"));
        let mut files = files.into_iter().filter(|file| file.metadata().unwrap().len() == self.content.size());
        let found = files.next().unwrap();
        assert_eq!(files.next(), None);
        found
    }
}

fn builder(hub: &Hub, folder: &tempfile::TempDir, name: &str) -> CacheBuilder {
    Cache::builder().root(folder.path().join(name)).endpoint(hub.url()).offline(false).retries(1)
}

fn path() -> RepoPath {
    RepoPath::parse(FILE).unwrap()
}

fn walk(folder: &std::path::Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs_err::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            found.extend(walk(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found
}

/// Rung when a file has arrived.
#[derive(Default)]
struct Bell(Notify);

impl Progress for Bell {
    fn event(&self, event: &Event<'_>) {
        if matches!(event, Event::Finished { .. }) {
            self.0.notify_one();
        }
    }
}

#[tokio::test]
async fn it_is_read_while_the_server_withholds_the_end() {
    let world = World::new(MEDIUM).await;
    world.stall(MEDIUM - 1);
    let cache = world.cache();
    let reader = world.open(&cache).await;
    assert!(!reader.is_hit());
    // The last buffer is written when it is whole, or at the end.
    let there = MEDIUM - (128 << 10);
    world.check(&reader, 0, there).await.unwrap();
    assert!(reader.read_at(MEDIUM - 1, 1).now_or_never().is_none());
    let in_flight = cache.in_flight();
    assert_eq!((in_flight.len(), in_flight[0].readers, in_flight[0].size), (1, 1, Some(MEDIUM)));
    assert_eq!((&in_flight[0].path, &in_flight[0].version), (&path(), &world.manifest.version));
    assert!(in_flight[0].received >= there && in_flight[0].received < MEDIUM);
    world.hub.stalled(1).await;
    world.hub.release();
    world.check_all(&reader).await.unwrap();
    assert!(cache.in_flight().is_empty());

    let before = world.hub.requests().len();
    let again = world.open(&cache).await;
    assert!(again.is_hit());
    world.check_all(&again).await.unwrap();
    assert_eq!(world.hub.requests().len(), before);
    // As after a get.
    let offline = builder(&world.hub, &world.folder, "store").offline(true).build().unwrap();
    let got = offline.peek(format!("{MODEL}@{}/{FILE}", world.manifest.version.commit).as_str()).unwrap();
    assert_eq!(fs_err::read(got.path()).unwrap(), world.content.to_vec().unwrap());
}

#[tokio::test]
async fn range_is_read_ahead_and_the_tail_held_back() {
    let world = World::new(MEDIUM).await;
    let cache = world.cache();
    let (middle, held) = (MEDIUM - (1 << 20), MEDIUM - UNVERIFIED_TAIL);
    {
        let file = world.manifest.file(&path()).unwrap();
        let key = Store::partial_key(&world.manifest.version, file);
        let mut partial = cache.store().partial(&key, Some(MEDIUM)).unwrap();
        let bytes = world.content.to_vec().unwrap();
        partial.file().write_all_at(&bytes[usize::try_from(middle).unwrap()..], middle).unwrap();
        partial.record(&[ByteRange { start: middle, end: MEDIUM }]).unwrap();
    }
    world.stall(0);
    let reader = world.open(&cache).await;
    world.check(&reader, middle, held).await.unwrap();
    // All that is held back has landed.
    assert_eq!(reader.read_at(held - 1, 100).await.unwrap().len(), 1);
    for at in [held, MEDIUM - 1, 0, middle - 1] {
        assert!(reader.read_at(at, 1).now_or_never().is_none(), "{at}");
    }
    world.hub.stalled(1).await;
    world.hub.release();
    world.check_all(&reader).await.unwrap();
}

#[tokio::test]
async fn a_wrong_bit_arrives_whole_nowhere_and_is_not_remembered() {
    let world = World::new(MEDIUM).await;
    world.hub.trouble(Matches::path(FILE), HubFault::Flip(MEDIUM - 200_000));
    let cache = world.cache();
    let mut readers = Vec::new();
    for _ in 0..20 {
        readers.push(world.open(&cache).await);
    }
    for reader in &readers {
        let mut at = 0;
        let error = loop {
            match reader.read_at(at, 1 << 20).await {
                Ok(bytes) => at += bytes.len() as u64,
                Err(error) => break error,
            }
            assert!(at <= MEDIUM - UNVERIFIED_TAIL);
        };
        assert_eq!(error.kind(), ErrorKind::Integrity);
    }
    assert_eq!(readers[0].read_at(MEDIUM - 1, 1).await.unwrap_err().kind(), ErrorKind::Integrity);
    world.hub.clear_trouble();
    world.check_all(&world.open(&cache).await).await.unwrap();
    assert_eq!(readers[0].read_at(0, 1).await.unwrap_err().kind(), ErrorKind::Integrity);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_openers_cause_one_transfer() {
    let world = Arc::new(World::new(MEDIUM).await);
    let cache = world.cache();
    let tasks: Vec<_> = (0..200)
        .map(|n| {
            let (world, mut cache) = (Arc::clone(&world), cache.clone());
            tokio::spawn(async move {
                if n % 2 == 1 {
                    cache = cache.with_hub_token(None).unwrap();
                }
                world.check_all(&world.open(&cache).await).await
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(world.begun(), 1);
    assert!(cache.in_flight().is_empty());
}

#[tokio::test]
async fn the_fetch_goes_on_when_all_readers_are_gone() {
    let world = World::new(MEDIUM).await;
    world.stall(MEDIUM - 1);
    let (cache, bell) = (world.cache(), Arc::new(Bell::default()));
    let mut options = ReadOptions::default();
    options.progress = Some(Arc::clone(&bell) as Arc<dyn Progress>);
    let reader = cache.open(&world.manifest, &path(), options).await.unwrap();
    world.hub.stalled(1).await;
    drop(reader);
    assert_eq!(cache.in_flight()[0].readers, 0);
    world.hub.release();
    bell.0.notified().await;
    world.check_all(&world.open(&cache).await).await.unwrap();
    assert_eq!(world.begun(), 1);
}

#[tokio::test]
async fn what_an_earlier_run_has_left_is_read_at_once() {
    let world = World::new(MEDIUM).await;
    world.hub.trouble(Matches::path(FILE), HubFault::Cut(2 << 20));
    let cache = world.cache();
    let reader = world.open(&cache).await;
    let error = reader.read_at(MEDIUM - 1, 1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Network);
    assert!(cache.in_flight().is_empty());
    drop(reader);
    world.hub.clear_trouble();
    world.stall(2 << 20);
    let reader = world.open(&world.cache()).await;
    world.check(&reader, 0, 1 << 20).await.unwrap();
    assert!(reader.read_at(2 << 20, 1).now_or_never().is_none());
    world.hub.stalled(1).await;
    world.hub.release();
    world.check_all(&reader).await.unwrap();
    assert_eq!(world.begun(), 1);
}

#[tokio::test]
async fn no_reader_mixes_two_attempts() {
    let world = World::new(MEDIUM).await;
    world.hub.trouble(Matches::path(FILE), HubFault::Cut(2 << 20));
    let cache = world.cache();
    world.open(&cache).await.read_at(MEDIUM - 1, 1).await.unwrap_err();
    // The disk has altered what was kept.
    let partial = world.partial();
    let right = world.content.read(1000, 1).unwrap()[0];
    fs_err::OpenOptions::new().write(true).open(&partial).unwrap().file().write_all_at(&[!right], 1000).unwrap();
    world.hub.clear_trouble();
    world.stall(MEDIUM - 1);
    let (early, late) = (world.open(&cache).await, world.open(&cache).await);
    assert_eq!(early.read_at(1000, 1).await.unwrap()[0], !right);
    world.hub.stalled(1).await;
    world.hub.clear_trouble();
    world.hub.release();
    assert_eq!(early.read_at(MEDIUM - 1, 1).await.unwrap_err().kind(), ErrorKind::Integrity);
    world.check_all(&late).await.unwrap();
    assert_eq!(early.clone().read_at(0, 1).await.unwrap_err().kind(), ErrorKind::Integrity);
    world.check_all(&world.open(&cache).await).await.unwrap();
}

#[tokio::test]
async fn another_token_does_not_suffer_from_the_first() {
    let world = World::new(MEDIUM).await;
    world.hub.add_user("hf_friend", "friend");
    world.hub.set_access(MODEL, Access::private(["friend"]));
    let cache = world.cache();
    let friend = cache.with_hub_token(Some("hf_friend")).unwrap();
    assert!(cache.with_hub_token(Some("")).is_err());
    // The second comes before the first has failed: nothing else has run meanwhile.
    let stranger = world.open(&cache).await;
    let reader = world.open(&friend).await;
    world.check_all(&reader).await.unwrap();
    drop((stranger, reader));
    let small = RepoPath::parse("config.json").unwrap();
    let alone = cache.open(&world.manifest, &small, ReadOptions::default()).await.unwrap();
    let error = alone.read_at(0, 10).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Unauthorized), "{error:?}");
    let reader = friend.open(&world.manifest, &small, ReadOptions::default()).await.unwrap();
    assert_eq!(&reader.read_at(0, 10).await.unwrap()[..], b"{}");
}

#[tokio::test]
async fn what_is_read_is_not_evicted() {
    let world = World::new(MEDIUM).await;
    let cache = world.cache();
    let reader = world.open(&cache).await;
    world.check_all(&reader).await.unwrap();
    let blob = |cache: &Cache| cache.store().blob(&world.content.sha256()).unwrap();
    let everything = EvictPolicy::default().with_max_size(Some(0));
    let evict = |cache: &Cache| {
        let plan = Store::plan(&cache.store().inventory().unwrap(), &everything);
        cache.store().apply(&plan).unwrap()
    };
    evict(&cache);
    assert!(blob(&cache).is_some());
    let second = world.open(&cache).await;
    drop(reader);
    evict(&cache);
    assert!(blob(&cache).is_some() && second.is_hit());
    drop(second);
    // It stays open for a moment, for the next who asks.
    while blob(&cache).is_some() {
        tokio::task::yield_now().await;
        evict(&cache);
    }
}

#[tokio::test]
async fn offline_and_unknown_names_are_told_at_once() {
    let world = World::new(MEDIUM).await;
    let before = world.hub.requests().len();
    let offline = builder(&world.hub, &world.folder, "store").offline(true).build().unwrap();
    let open = |cache: Cache, name: &'static str| {
        let manifest = Arc::clone(&world.manifest);
        async move { cache.open(&manifest, &RepoPath::parse(name).unwrap(), ReadOptions::default()).await }
    };
    assert_eq!(open(offline, FILE).await.unwrap_err().kind(), ErrorKind::NotCached);
    assert_eq!(open(world.cache(), "weights").await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(world.hub.requests().len(), before);
}

#[test]
fn a_lost_task_is_an_error_and_no_wait_for_ever() {
    let runtime = || tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (first, second) = (runtime(), runtime());
    let world = first.block_on(World::new(MEDIUM));
    world.stall(1 << 20);
    let cache = world.cache();
    let reader = first.block_on(async {
        let reader = world.open(&cache).await;
        reader.read_at(0, 1).await.unwrap();
        world.hub.stalled(1).await;
        reader
    });
    drop(first);
    let error = second.block_on(reader.read_at(MEDIUM - 1, 1)).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::Integrity), "{error:?}");
    world.hub.clear_trouble();
    second.block_on(async { world.check_all(&world.open(&cache).await).await.unwrap() });
}

/// Waits until nothing is under way: a file opened before then shares the failure.
async fn ended(cache: &Cache) {
    while !cache.in_flight().is_empty() {
        tokio::task::yield_now().await;
    }
}

/// Reads until the transfer fails, and says how far it came. Once more when it has failed before a byte was read.
async fn read_poison(world: &World, cache: &Cache, flip: u64) -> u64 {
    world.hub.trouble(Matches::path(FILE), HubFault::Flip(flip));
    let mut at = 0;
    while at == 0 {
        let reader = world.open(cache).await;
        let error = loop {
            match reader.read_at(at, 64 << 10).await {
                Ok(bytes) => at += bytes.len() as u64,
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), ErrorKind::Integrity);
        assert!(reader.read_at(0, 10).await.is_err(), "a reader that has failed gives out nothing more");
        ended(cache).await;
    }
    world.hub.clear_trouble();
    at
}

#[tokio::test]
async fn reader_after_a_failed_digest_begins_anew() {
    let world = World::new(MEDIUM).await;
    let cache = world.cache();
    let at = read_poison(&world, &cache, 1_000_000).await;
    assert!(at < MEDIUM);
    for cache in [cache, world.cache()] {
        for _ in 0..2 {
            // First while it arrives, then from the store; after a restart as well.
            let reader = world.open(&cache).await;
            assert!(reader.must_begin_anew());
            assert_eq!(reader.read_at(at, 10).await.unwrap_err().kind(), ErrorKind::Integrity);
            world.check_all(&reader).await.unwrap();
            world.check(&reader, at, MEDIUM).await.unwrap();
        }
    }
    let options = {
        let mut options = ReadOptions::default();
        options.checks_digest = true;
        options
    };
    let reader = world.cache().open(&world.manifest, &path(), options).await.unwrap();
    world.check(&reader, at, MEDIUM).await.unwrap();
}

#[tokio::test]
async fn reader_opened_before_the_failure_begins_anew() {
    let world = World::new(MEDIUM).await;
    let cache = world.cache();
    world.hub.trouble(Matches::path(FILE).at(Origin::Cdn), HubFault::Flip(1000));
    let first = world.open(&cache).await;
    let second = world.open(&cache).await;
    let _ = first.verified().await;
    assert!(second.must_begin_anew());
    assert!(second.read_at(MEDIUM - 10, 10).await.is_err());
}

#[tokio::test]
async fn verified_transfer_leaves_no_mark() {
    let world = World::new(MEDIUM).await;
    let cache = world.cache();
    let reader = world.open(&cache).await;
    world.check_all(&reader).await.unwrap();
    let again = world.open(&cache).await;
    assert!(!again.must_begin_anew());
    world.check(&again, MEDIUM / 2, MEDIUM).await.unwrap();
}

/// After a network failure the received bytes are kept, and a reader of a part may continue.
#[tokio::test]
async fn broken_transfer_can_be_resumed() {
    let world = World::new(MEDIUM).await;
    let cache = world.cache();
    world.hub.trouble(Matches::path(FILE), HubFault::Cut(MEDIUM / 2));
    let reader = world.open(&cache).await;
    world.check_all(&reader).await.unwrap_err();
    assert_eq!(reader.verified().await.unwrap_err().kind(), ErrorKind::Network);
    ended(&cache).await;
    world.hub.clear_trouble();
    let next = world.open(&cache).await;
    assert!(!next.must_begin_anew());
    world.check(&next, 1_000_000, MEDIUM).await.unwrap();
}

/// Who had bytes of a process that died may have some that were fetched again since.
#[tokio::test]
async fn dead_process_leaves_its_mark() {
    let world = World::new(MEDIUM).await;
    world.stall(MEDIUM - 1);
    let cache = world.cache();
    let reader = world.open(&cache).await;
    world.check(&reader, 0, 1000).await.unwrap();
    let marks = walk(&world.folder.path().join("store/poisoned"));
    let mark = fs_err::read(&marks[0]).unwrap();
    world.hub.stalled(1).await;
    world.hub.release();
    world.check_all(&reader).await.unwrap();
    assert!(!marks[0].exists());
    fs_err::write(&marks[0], mark).unwrap();
    assert!(world.open(&world.cache()).await.must_begin_anew());
}

#[tokio::test]
async fn stored_file_written_to_is_not_given_out() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::new(MEDIUM).await;
    let cache = world.cache();
    let reader = world.open(&cache).await;
    world.check_all(&reader).await.unwrap();
    let reader = world.open(&cache).await;
    world.check(&reader, 0, 1000).await.unwrap();
    let name = world.content.sha256().to_string();
    let blob = world.folder.path().join("store/blobs").join(&name[..2]).join(&name);
    fs_err::set_permissions(&blob, std::fs::Permissions::from_mode(0o644)).unwrap();
    fs_err::OpenOptions::new().write(true).open(&blob).unwrap().file().write_all_at(&[0; 100], 2_000_000).unwrap();
    // Neither by who has it open, nor by who comes within the second in which it stays open.
    assert_eq!(reader.read_at(2_000_000, 100).await.unwrap_err().kind(), ErrorKind::Integrity);
    let next = cache.open(&world.manifest, &path(), ReadOptions::default()).await;
    if let Ok(next) = next {
        world.check_all(&next).await.unwrap();
    }
}
