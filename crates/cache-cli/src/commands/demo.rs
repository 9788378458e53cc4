//! `demo`: the whole job against a hub inside this program.

use std::path::Path;
use std::time::{Duration, Instant};

use cache_config::Settings;
use cache_lib::units::Size;
use cache_lib::{Cache, Error, ErrorKind, Outcome, Result, Snapshot, VerifyOptions};
use cache_testkit::{Content, Hub, HubConfig, fixtures};
use serde_json::{Value, json};

use super::text::count;
use crate::output::Output;
use crate::progress::ProgressUi;
use crate::signals;

const MODEL: &str = "demo/tiny-model";
/// The file that gets broken: several blocks long, so that mending it fetches less than all of it.
const WEIGHTS: &str = "model.safetensors";
const SHAPE: &[usize] = &[3072, 1024];

/// One act: what was done, and what came of it.
struct Act {
    title: &'static str,
    outcome: String,
    took: Duration,
}

pub(super) fn run(output: &Output) -> Result<u8> {
    let folder = tempfile::Builder::new()
        .prefix("model-cache-demo-")
        .tempdir()
        .map_err(|error| Error::storage("making a folder for the demo", error))?;
    let hub = Hub::spawn(HubConfig::default()).map_err(|error| Error::storage("starting a hub on loopback", error))?;
    let mut files = fixtures::model();
    files.retain(|(path, _)| *path != WEIGHTS);
    files.push((WEIGHTS, Content::bytes(fixtures::safetensors(7, &[("embedding.weight", SHAPE)]))));
    hub.add_model(MODEL, files);
    let cache = Settings::default()
        .cache_builder()?
        .root(folder.path().join("store"))
        .endpoint(hub.url())
        .offline(false)
        .build()?;
    let stage = Stage { hub: &hub, cache: &cache, output };
    let ui = ProgressUi::start(output.is_quiet());
    let acts = signals::run(stage.play(&ui));
    drop(ui);
    let acts = acts?;
    if output.is_json() {
        let list: Vec<Value> = acts
            .iter()
            .map(|act| json!({ "did": act.title, "outcome": act.outcome, "seconds": act.took.as_secs_f64() }))
            .collect();
        output.json(&json!({ "acts": list }));
        return Ok(0);
    }
    output.line(format_args!("hub on {}, store in {}\n", hub.url(), cache.store().root().display()));
    for (number, act) in acts.iter().enumerate() {
        output.line(format_args!("{}. {:<52}{:>7.1} ms", number + 1, act.title, act.took.as_secs_f64() * 1000.0));
        output.line(format_args!("   {}\n", act.outcome));
    }
    output.line("done, and everything deleted again. Now with a real model:\n\n   model-cache get org/name");
    Ok(0)
}

struct Stage<'a> {
    hub: &'a Hub,
    cache: &'a Cache,
    output: &'a Output,
}

impl Stage<'_> {
    async fn play(&self, ui: &ProgressUi) -> Result<Vec<Act>> {
        let mut acts = Vec::new();
        let (snapshot, took) = timed(async { self.cache.get(MODEL).progress(ui.progress(MODEL)).await }).await?;
        let verified = snapshot.files().iter().filter(|file| file.verified).count();
        let outcome = format!(
            "{}, {}; {verified} verified by checksum",
            count(snapshot.files().len(), "file"),
            Size(snapshot.size())
        );
        acts.push(Act { title: "get: downloaded into the store", outcome, took });

        let pinned = format!("{MODEL}@{}", snapshot.version().commit);
        let before = self.hub.requests().len();
        let (again, took) = timed(async { self.cache.peek(&pinned) }).await?;
        let requests = self.hub.requests().len() - before;
        expect(again.files().iter().all(|file| file.outcome == Outcome::Hit), "the second get was not a hit")?;
        let outcome = format!("all files in the store; {requests} requests sent");
        acts.push(Act { title: "get again, at its commit: a hit", outcome, took });

        let (place, took) = timed(async { break_a_byte(&snapshot) }).await?;
        acts.push(Act { title: "changed one byte on the disk, as a bad disk would", outcome: place, took });

        let (report, took) = timed(self.cache.verify(None, VerifyOptions::default())).await?;
        expect(report.corrupted.len() == 1, "verify did not find the changed byte")?;
        let outcome = format!("{} read, {} corrupted: {WEIGHTS}", Size(report.bytes), report.corrupted.len());
        acts.push(Act { title: "verify: found the corrupted file", outcome, took });

        let before = self.hub.total_bytes_sent();
        let (report, took) = timed(self.cache.verify(None, VerifyOptions::default().repair(true))).await?;
        if let Some(Err(error)) = report.corrupted.iter().find_map(|bad| bad.repaired.as_ref()) {
            self.output.status(format_args!("the repair failed: {error}"));
        }
        expect(report.is_ok(), "the repair failed")?;
        let sent = self.hub.total_bytes_sent() - before;
        let weights = snapshot.files().iter().find(|file| file.path.as_str() == WEIGHTS).map_or(0, |file| file.size);
        let outcome =
            format!("downloaded {} of {} again; the corrupted file is in quarantine", Size(sent), Size(weights));
        acts.push(Act { title: "verify --repair: repaired it", outcome, took });

        let (report, took) = timed(self.cache.verify(None, VerifyOptions::default())).await?;
        expect(report.corrupted.is_empty(), "a file is still corrupted")?;
        acts.push(Act { title: "verify: no errors", outcome: format!("{} read", Size(report.bytes)), took });
        Ok(acts)
    }
}

async fn timed<T>(work: impl Future<Output = Result<T>>) -> Result<(T, Duration)> {
    let began = Instant::now();
    let done = work.await?;
    Ok((done, began.elapsed()))
}

fn expect(is_so: bool, otherwise: &str) -> Result<()> {
    if is_so { Ok(()) } else { Err(Error::new(ErrorKind::Integrity, otherwise)) }
}

/// Turns one bit around in the middle of the weights, in the store itself.
fn break_a_byte(snapshot: &Snapshot) -> Result<String> {
    let weights = snapshot.files().iter().find(|file| file.path.as_str() == WEIGHTS);
    let weights = weights.ok_or_else(|| Error::new(ErrorKind::NotFound, format!("no {WEIGHTS}")))?;
    let at = weights.size / 2;
    flip(&weights.blob.path, at).map_err(|error| Error::storage("breaking a byte", error))?;
    Ok(format!("{WEIGHTS}, byte {at}"))
}

fn flip(path: &Path, at: u64) -> std::io::Result<()> {
    use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
    let sealed = fs_err::metadata(path)?.permissions();
    #[cfg(unix)]
    fs_err::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
    let mut file = fs_err::OpenOptions::new().read(true).write(true).open(path)?;
    let mut byte = [0];
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(&mut byte)?;
    file.seek(SeekFrom::Start(at))?;
    file.write_all(&[byte[0] ^ 1])?;
    fs_err::set_permissions(path, sealed)
}
