//! Several sources of one file: who helps, who lies, who dies.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use cache_core::{Error, ErrorKind, Event, FileEntry, Progress, Retry};
use cache_transfer::{FetchJob, Fetched, SourceEntry};

use crate::source::{Answer, Scripted, data, entry};
use crate::{Bench, MIB, job};

pub(crate) fn network() -> Error {
    Error::new(ErrorKind::Network, "connection refused").with_host("test").with_retry(Retry::Backoff)
}

#[derive(Default)]
struct Warnings(Mutex<Vec<String>>);

impl Progress for Warnings {
    fn event(&self, event: &Event<'_>) {
        if let Event::Warning(words) = event {
            self.0.lock().unwrap().push((*words).to_owned());
        }
    }
}

pub(crate) async fn fetch(bench: &Bench, sources: &[&Arc<Scripted>], file: &FileEntry) -> (Fetched, Vec<String>) {
    let heard = Arc::new(Warnings::default());
    let job = FetchJob { progress: Arc::clone(&heard) as _, ..job(sources, file) };
    let fetched = bench.engine.fetch(job).await.unwrap();
    let words = heard.0.lock().unwrap().clone();
    (fetched, words)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_file_is_shared_among_sources() {
    let bytes = data(96 * MIB);
    let sources = ["hub", "one", "two"].map(|name| Scripted::named(name, bytes.clone(), |_, _| Answer::Right));
    let bench = Bench::new();
    let (fetched, words) = fetch(&bench, &sources.each_ref(), &entry(&bytes)).await;
    assert!(bench.read(&fetched) == bytes && words.is_empty());
    assert!(sources.iter().all(|source| source.sent() > 0));
    let sent: u64 = sources.iter().map(|source| source.sent()).sum();
    assert!(sent < bytes.len() as u64 * 11 / 10, "{sent}");
    assert_eq!(fetched.shares.len(), 3);
    assert_eq!(fetched.shares.iter().map(|(_, bytes)| bytes).sum::<u64>(), bytes.len() as u64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lying_mirror_is_named_and_does_no_harm() {
    let bytes = data(64 * MIB);
    for lies in [1, 2] {
        let honest = |name| Scripted::named(name, bytes.clone(), |_, _| Answer::Right);
        let liar = |name| Scripted::named(name, bytes.clone(), |_, range| Answer::Flip(range.unwrap().end - 3));
        let (hub, one) = (honest("hub"), liar("first-mirror"));
        let two = if lies == 2 { liar("second-mirror") } else { honest("second-mirror") };
        let bench = Bench::new();
        let file = entry(&bytes);
        let (fetched, words) = fetch(&bench, &[&hub, &one, &two], &file).await;
        assert!(fetched.verified && bench.read(&fetched) == bytes);
        assert_eq!(words.len(), lies, "{words:?}");
        assert!(words[0].contains("first-mirror") && words[0].contains("wrong bytes"), "{words:?}");
        assert_eq!(fetched.warnings, words);
        // Of the next file the liar is not asked.
        let asked = one.opens();
        fs_err::remove_file(&fetched.blob.path).unwrap();
        fetch(&bench, &[&hub, &one, &two], &file).await;
        assert_eq!(one.opens(), asked);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_mirror_is_replaced_by_others() {
    // Small and large: one after the other, and at once with an authority that is down.
    for size in [1000, 20 * MIB] {
        let bytes = data(size);
        let hub = Scripted::named("hub", bytes.clone(), |_, _| Answer::Fail(network()));
        let liar =
            Scripted::named("liar", bytes.clone(), |_, range| Answer::Flip(range.map_or(77, |range| range.start)));
        let honest = Scripted::named("honest", bytes.clone(), |_, _| Answer::Right);
        let bench = Bench::with(|config| config.retries = 0);
        let (fetched, words) = fetch(&bench, &[&hub, &liar, &honest], &entry(&bytes)).await;
        assert!(bench.read(&fetched) == bytes, "{size}");
        assert!(liar.sent() == 0 || words.iter().any(|words| words.contains("liar")), "{size}: {words:?}");
        assert!(!words.iter().any(|words| words.contains("honest")), "{size}: {words:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_bytes_of_all_sources_are_quarantined() {
    for size in [1000, 20 * MIB] {
        let bytes = data(size);
        let [hub, one] = ["hub", "one"].map(|name| Scripted::named(name, bytes.clone(), |_, _| Answer::Flip(77)));
        let bench = Bench::new();
        let error = bench.engine.fetch(job(&[&hub, &one], &entry(&bytes))).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Integrity, "{error}");
        assert!(error.to_string().contains("hub"), "{error}");
        assert!(bench.store.blobs().unwrap().is_empty());
        assert!(!bench.store.quarantined().unwrap().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failed_source_is_replaced_midway() {
    let bytes = data(64 * MIB);
    let dying =
        |name| {
            Scripted::named(name, bytes.clone(), |nth, _| {
                if nth < 2 { Answer::Cut(MIB as u64) } else { Answer::Fail(network()) }
            })
        };
    for (hub, one) in [
        (dying("hub"), Scripted::named("one", bytes.clone(), |_, _| Answer::Right)),
        (Scripted::named("hub", bytes.clone(), |_, _| Answer::Right), dying("one")),
    ] {
        let bench = Bench::with(|config| config.retries = 1);
        let (fetched, words) = fetch(&bench, &[&hub, &one], &entry(&bytes)).await;
        assert!(bench.read(&fetched) == bytes && words.is_empty());
        assert!(hub.sent() + one.sent() < bytes.len() as u64 * 11 / 10);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_mirror_loses_its_share() {
    let bytes = data(64 * MIB);
    let hub = Scripted::named("hub", bytes.clone(), |_, _| Answer::Right);
    // It never brings more than the beginning of a piece.
    let slow = Scripted::named("slow", bytes.clone(), |_, _| Answer::Stall(200_000));
    let bench = Bench::with(|config| config.stall_window = Duration::from_secs(600));
    let (fetched, _) = fetch(&bench, &[&hub, &slow], &entry(&bytes)).await;
    assert!(bench.read(&fetched) == bytes);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_authoritys_no_is_final() {
    for kind in [ErrorKind::NotFound, ErrorKind::Unauthorized] {
        let bytes = data(20 * MIB);
        let no = move |name: &'static str, bytes: &[u8]| {
            Scripted::named(name, bytes.to_vec(), move |_, _| Answer::Fail(Error::new(kind, format!("{name} says no"))))
        };
        let yes = |name| Scripted::named(name, bytes.clone(), |_, _| Answer::Right);
        let (fetched, _) = fetch(&Bench::new(), &[&yes("hub"), &no("one", &bytes)], &entry(&bytes)).await;
        assert!(fetched.verified);
        let (hub, one) = (no("hub", &bytes), yes("one"));
        let error = Bench::new().engine.fetch(job(&[&hub, &one], &entry(&bytes))).await.unwrap_err();
        assert_eq!(error.kind(), kind);
        assert!(error.to_string().contains("hub says no"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_preferred_is_used_alone_while_it_lives() {
    let bytes = data(40 * MIB);
    let hub = Scripted::named("hub", bytes.clone(), |_, _| Answer::Right);
    let near = Scripted::named("near", bytes.clone(), |_, _| Answer::Right);
    let prefer = |near: &Arc<Scripted>, preference| {
        let mut job = job(&[&hub], &entry(&bytes));
        job.sources.push(SourceEntry::from(Arc::clone(near) as Arc<dyn cache_core::Source>).preferred(preference));
        job
    };
    let bench = Bench::new();
    bench.engine.fetch(prefer(&near, 1)).await.unwrap();
    assert_eq!(hub.opens(), 0);
    let spare = Scripted::named("spare", bytes.clone(), |_, _| Answer::Right);
    Bench::new().engine.fetch(prefer(&spare, -1)).await.unwrap();
    assert_eq!(spare.opens(), 0);
    let dead = Scripted::named("dead", bytes.clone(), |_, _| Answer::Fail(network()));
    let bench = Bench::with(|config| config.retries = 0);
    bench.engine.fetch(prefer(&dead, 1)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unverifiable_file_comes_from_authority() {
    let bytes = data(20 * MIB);
    let hub = Scripted::named("hub", bytes.clone(), |_, _| Answer::Fail(network()));
    let mirror = Scripted::named("mirror", bytes.clone(), |_, _| Answer::Right);
    let mut file = entry(&bytes);
    file.digests = cache_core::Digests::default();
    let bench = Bench::with(|config| config.retries = 0);
    let error = bench.engine.fetch(job(&[&hub, &mirror], &file)).await.unwrap_err();
    assert_eq!((error.kind(), mirror.opens()), (ErrorKind::Network, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unusable_mirror_is_left_out() {
    let bytes = data(40 * MIB);
    let hub = Scripted::named("hub", bytes.clone(), |_, _| Answer::Right);
    let whole = Scripted::named("whole", bytes.clone(), |_, _| Answer::Whole);
    let longer = Scripted::named("longer", data(41 * MIB), |_, _| Answer::Right);
    let bench = Bench::new();
    let (fetched, words) = fetch(&bench, &[&hub, &whole, &longer], &entry(&bytes)).await;
    assert!(bench.read(&fetched) == bytes && words.is_empty());
    // Whose place is free before the first refusal was heard of may be opened once more.
    assert!(longer.sent() < 4 * MIB as u64 && whole.opens() <= 8);
    // Of a whole that was not asked for nothing is read but the piece at its front.
    assert!(whole.sent() < 24 * MIB as u64, "{}", whole.sent());
}

#[tokio::test]
async fn mirror_with_a_wrong_small_file_is_left_out() {
    let network_only = |name, bytes: &[u8]| Scripted::named(name, bytes.to_vec(), |_, _| Answer::Fail(network()));
    let (one, two) = (data(1000), data(1001));
    let bench = Bench::with(|config| config.retries = 0);
    let lying = |bytes: &[u8]| Scripted::named("liar", bytes.to_vec(), |_, _| Answer::Flip(77));
    let honest = |bytes: &[u8]| Scripted::named("honest", bytes.to_vec(), |_, _| Answer::Right);
    for (bytes, asked) in [(&one, 1), (&two, 0)] {
        let (hub, liar, honest) = (network_only("hub", bytes), lying(bytes), honest(bytes));
        let (fetched, _) = fetch(&bench, &[&hub, &liar, &honest], &entry(bytes)).await;
        assert!(bench.read(&fetched) == *bytes);
        assert_eq!(liar.opens(), asked);
    }
}
