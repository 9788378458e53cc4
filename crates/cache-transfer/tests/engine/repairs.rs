//! Repairs from several places, and callers that panic.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cache_core::{Error, ErrorKind, Event, FileEntry, Progress};
use cache_store::{Verified, VerifyMode};
use cache_transfer::FetchJob;

use crate::mirrors::network;
use crate::source::{Answer, Scripted, data, entry};
use crate::{Bench, MIB, flip, job, watch};

/// Finds one wrong bit in a stored file.
async fn damaged(bench: &Bench, bytes: &[u8], file: &FileEntry) {
    let source = Scripted::new(bytes.to_vec(), |_, _| Answer::Right);
    let fetched = bench.fetch(&source, file).await.unwrap();
    flip(&fetched.blob.path, 9);
    let verified = bench.store.verify(&fetched.blob.name, VerifyMode::Full).unwrap();
    assert!(matches!(verified, Verified::Corrupted(_)));
}

#[tokio::test]
async fn repair_stops_at_the_authoritys_no() {
    let bytes = data(2 * MIB);
    let file = entry(&bytes);
    for kind in [ErrorKind::NotFound, ErrorKind::Unauthorized] {
        let bench = Bench::new();
        damaged(&bench, &bytes, &file).await;
        let no = Error::new(kind, "no");
        let authority = Scripted::named("hub", bytes.clone(), move |_, _| Answer::Fail(no.clone()));
        let mirror = Scripted::named("mirror", bytes.clone(), |_, _| Answer::Right);
        let error = bench.engine.fetch(job(&[&authority, &mirror], &file)).await.unwrap_err();
        assert_eq!(error.kind(), kind);
    }
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

#[tokio::test]
async fn repair_names_a_mirror_that_lies() {
    let bytes = data(2 * MIB);
    let file = entry(&bytes);
    let bench = Bench::new();
    damaged(&bench, &bytes, &file).await;
    let down = Scripted::named("hub", bytes.clone(), |_, _| Answer::Fail(network()));
    let liar = Scripted::named("liar", bytes.clone(), |_, _| Answer::Flip(77));
    let honest = Scripted::named("honest", bytes.clone(), |_, _| Answer::Right);
    let heard = Arc::new(Warnings::default());
    let all = FetchJob { progress: Arc::clone(&heard) as _, ..job(&[&down, &liar, &honest], &file) };
    let repaired = bench.engine.fetch(all).await.unwrap();
    assert!(bench.read(&repaired) == bytes);
    let words = heard.0.lock().unwrap().clone();
    assert!(words.len() == 1 && words[0].contains("liar") && words[0].contains("wrong bytes"), "{words:?}");
    assert_eq!(repaired.warnings, words);
    // Of the next file it is not asked.
    let asked = liar.opens();
    let other = entry(&bytes[1..]);
    let sources = [&down, &liar, &Scripted::named("honest", bytes[1..].to_vec(), |_, _| Answer::Right)];
    bench.engine.fetch(job(&sources, &other)).await.unwrap();
    assert_eq!(liar.opens(), asked);
}

/// Panics when so many bytes have come.
struct Panics(AtomicU64);

impl Progress for Panics {
    fn event(&self, event: &Event<'_>) {
        if let Event::Advanced { bytes, .. } = event {
            let bytes = self.0.fetch_add(bytes.unsigned_abs(), Ordering::Relaxed) + bytes.unsigned_abs();
            assert!(bytes < 8 * MIB as u64, "no room on the screen");
        }
    }
}

#[tokio::test]
async fn panicking_progress_is_reported() {
    let bytes = data(24 * MIB);
    let file = entry(&bytes);
    let bench = Bench::with(|config| config.stall_window = Duration::from_secs(60));
    // It never ends by itself.
    let stalling = Scripted::new(bytes.clone(), |_, range| Answer::Stall(range.map_or(0, |range| range.len() / 2)));
    let panics = FetchJob { progress: Arc::new(Panics(AtomicU64::new(0))), ..job(&[&stalling], &file) };
    let error = bench.engine.fetch(panics).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.message().contains("the progress callback panicked: no room on the screen"), "{error}");
    let again = watch(u64::MAX);
    let source = Scripted::new(bytes.clone(), |_, _| Answer::Right);
    let fetched = bench.engine.fetch(FetchJob { progress: Arc::clone(&again) as _, ..job(&[&source], &file) }).await;
    assert!(bench.read(&fetched.unwrap()) == bytes);
    let resumed = again.resumed.lock().unwrap().last().copied();
    assert!(resumed >= Some(7 * MIB as u64), "{resumed:?}");
}
