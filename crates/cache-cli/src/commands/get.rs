//! `get`: fetch, verify, print the path.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use cache_config::DigestPolicy;
use cache_lib::units::{Size, Span};
use cache_lib::{
    Cache, Error, ErrorKind, ExportOptions, ExportReport, FallbackKind, FallbackReport, Get, Lockfile, Outcome, Result,
    Snapshot,
};
use futures::stream::{self, StreamExt as _};
use serde_json::{Value, json};

use super::request::{self, DownloadRequest};
use super::text::{count, short};
use crate::args::{GetArgs, Shared};
use crate::failure;
use crate::output::{Output, stderr_table};
use crate::progress::ProgressUi;
use crate::signals;

/// References that are downloaded at a time. Their files take turns anyway, and hundreds of them must not ask at once.
const MAX_PARALLEL: usize = 8;

struct Downloaded {
    snapshot: Snapshot,
    exported: Option<ExportReport>,
    /// Whether its warnings were not shown yet.
    new_warnings: bool,
    elapsed: Duration,
}

pub(super) fn run(shared: &Shared, args: &GetArgs, output: &Output) -> Result<u8> {
    let mut builder = args.time.apply(super::setup::builder(shared)?);
    if args.require_digest {
        builder = builder.require_digest(true);
    }
    if let Some(rate) = args.limit_rate {
        builder = builder.limit_rate(rate.0);
    }
    for mirror in &args.mirror {
        builder = builder.mirror(mirror.clone());
    }
    if let Some(jobs) = args.jobs {
        builder = builder.jobs(jobs.into());
    }
    let cache = super::setup::build(builder, output)?;
    let mut requests = request::read_all(args, &cache)?;
    if requests.len() > 1 && args.fallback.sources().next().is_some() {
        return Err(Error::new(ErrorKind::Usage, "--fallback with a URL is for one file, and several are requested")
            .with_hint("run the command once for each file"));
    }
    let lock = args.locked.as_deref().map(Lockfile::read).transpose()?;
    if let Some(lock) = lock.as_ref().filter(|_| requests.is_empty()) {
        requests = lock.models().map(|model| DownloadRequest::of(model.reference.as_str().into(), args)).collect();
    }
    let batch = Batch::new(requests, args, lock.as_ref());
    // What is there and needs no request costs neither a runtime nor an HTTP client.
    let here = batch.requests.iter().map(|request| batch.try_local(&cache, request).transpose()).collect();
    let results = fetch(&cache, &batch, output, here);
    let silent = shared.config.loaded.settings().verify.digest == DigestPolicy::Off;
    report(&batch, output, &results, silent)
}

/// Requests without duplicates.
struct Batch<'a> {
    requests: Vec<DownloadRequest>,
    /// For each reference as it was given, which of the requests it is.
    given: Vec<usize>,
    args: &'a GetArgs,
    lock: Option<&'a Lockfile>,
}

impl<'a> Batch<'a> {
    fn new(given: Vec<DownloadRequest>, args: &'a GetArgs, lock: Option<&'a Lockfile>) -> Self {
        let mut batch = Self { requests: Vec::new(), given: Vec::with_capacity(given.len()), args, lock };
        let mut known = HashMap::new();
        for request in given {
            let at = *known.entry(request.clone()).or_insert_with(|| {
                batch.requests.push(request);
                batch.requests.len() - 1
            });
            batch.given.push(at);
        }
        batch
    }

    fn get(&self, cache: &Cache, request: &DownloadRequest) -> Get {
        let get = request.get(cache, self.args);
        match self.lock {
            Some(lock) => get.locked(lock),
            None => get,
        }
    }

    fn several(&self) -> bool {
        !self.args.batch.from.is_empty() || self.requests.len() > 1
    }

    fn try_local(&self, cache: &Cache, request: &DownloadRequest) -> Result<Option<Downloaded>> {
        match self.get(cache, request).try_local()? {
            None => Ok(None),
            Some(snapshot) => {
                let exported = self.export(request, &snapshot)?;
                Ok(Some(Downloaded { snapshot, exported, new_warnings: true, elapsed: Duration::ZERO }))
            }
        }
    }

    fn export(&self, request: &DownloadRequest, snapshot: &Snapshot) -> Result<Option<ExportReport>> {
        let options = ExportOptions::default().hard_link(self.args.hard_link);
        request.to.as_ref().map(|to| snapshot.export_to(to, options)).transpose()
    }
}

/// Fetches side by side what is not here yet. One that fails stops no other.
fn fetch(
    cache: &Cache,
    batch: &Batch<'_>,
    output: &Output,
    here: Vec<Option<Result<Downloaded>>>,
) -> Vec<Result<Downloaded>> {
    if here.iter().all(Option::is_some) {
        return here.into_iter().flatten().collect();
    }
    let ui = ProgressUi::start(output.is_quiet());
    let deadline = batch.args.time.deadline.map(|time| Instant::now() + time);
    let mut missing: Vec<usize> = (0..here.len()).filter(|&at| here[at].is_none()).collect();
    missing.sort_by_key(|&at| Reverse(batch.requests[at].priority));
    let slots = Mutex::new(here);
    let (slots, shared_ui) = (&slots, &ui);
    let work = stream::iter(missing).for_each_concurrent(MAX_PARALLEL, |at| async move {
        let request = &batch.requests[at];
        let mut get = batch.get(cache, request).progress(shared_ui.progress(&request.reference.public()));
        let began = Instant::now();
        if let Some(deadline) = deadline {
            get = get.deadline(deadline.saturating_duration_since(began));
        }
        let got = match get.await {
            Ok(snapshot) => export(request, batch.args.hard_link, snapshot).await,
            Err(error) => Err(error),
        };
        let got = got.map(|(snapshot, exported)| Downloaded {
            snapshot,
            exported,
            new_warnings: false,
            elapsed: began.elapsed(),
        });
        slots.lock().unwrap_or_else(PoisonError::into_inner)[at] = Some(got);
    });
    let done = signals::run(async {
        work.await;
        Ok(())
    });
    drop(ui);
    let stopped = done.err().unwrap_or_else(Error::interrupted);
    let slots = std::mem::take(&mut *slots.lock().unwrap_or_else(PoisonError::into_inner));
    slots.into_iter().map(|slot| slot.unwrap_or_else(|| Err(stopped.clone()))).collect()
}

async fn export(
    request: &DownloadRequest,
    hard_link: bool,
    snapshot: Snapshot,
) -> Result<(Snapshot, Option<ExportReport>)> {
    let Some(to) = request.to.clone() else { return Ok((snapshot, None)) };
    let options = ExportOptions::default().hard_link(hard_link);
    let exported = tokio::task::spawn_blocking(move || {
        let exported = snapshot.export_to(to, options)?;
        Ok((snapshot, Some(exported)))
    });
    exported.await.unwrap_or_else(|error| Err(Error::new(ErrorKind::Storage, format!("worker task failed: {error}"))))
}

/// `silent`: nothing is said of files without a digest.
fn report(batch: &Batch<'_>, output: &Output, results: &[Result<Downloaded>], silent: bool) -> Result<u8> {
    let several = batch.several();
    let interrupted = results.iter().any(|result| result.as_ref().is_err_and(|e| e.kind() == ErrorKind::Interrupted));
    for (request, result) in batch.requests.iter().zip(results) {
        match result {
            Ok(got) => summary(output, request, got, several, silent),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if several => output.error(&error.clone().context(&request.reference)),
            Err(error) => output.error(error),
        }
    }
    if several {
        output.status(stderr_table(&rows(batch, results)).trim_end());
    }
    if interrupted {
        output.error(&Error::interrupted());
    }
    let given = batch.given.iter().map(|&at| (&batch.requests[at], &results[at]));
    if output.is_json() {
        let list: Vec<Value> = given.map(|(request, result)| entry(request, result)).collect();
        output.json(&json!({ "results": list }));
    } else {
        for (request, got) in given.filter_map(|(request, result)| Some((request, result.as_ref().ok()?))) {
            output.path(&answer(request, got));
        }
    }
    Ok(failure::worst(results.iter().filter_map(|result| result.as_ref().err().map(Error::kind))))
}

/// How it ended: `here`, `fetched`, `stale` (the source could not be asked) or `failed`.
fn state(result: &Result<Downloaded>) -> &'static str {
    match result {
        Err(_) => "failed",
        Ok(got) if got.snapshot.is_stale() => "stale",
        Ok(got) if got.snapshot.files().iter().all(|file| file.outcome == Outcome::Hit) => "here",
        Ok(_) => "fetched",
    }
}

/// The state in the terms of the table: `local`, `downloaded`, `stale` or `failed`.
fn shown_state(result: &Result<Downloaded>) -> &'static str {
    match state(result) {
        "here" => "local",
        "fetched" => "downloaded",
        other => other,
    }
}

fn rows(batch: &Batch<'_>, results: &[Result<Downloaded>]) -> Vec<Vec<String>> {
    let row = |(request, result): (&DownloadRequest, &Result<Downloaded>)| {
        let (size, elapsed, why) = match result {
            Ok(got) => (Size(got.snapshot.size()).to_string(), seconds(got.elapsed), String::new()),
            Err(error) => {
                let why = format!("{}: {}", error.kind().category().as_str(), failure::line(error));
                ("-".to_owned(), "-".to_owned(), why)
            }
        };
        vec![shown_state(result).to_owned(), size, elapsed, request.reference.public(), why]
    };
    batch.requests.iter().zip(results).map(row).collect()
}

fn seconds(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64();
    if seconds < 1.0 { format!("{seconds:.1} s") } else { Span(elapsed).to_string() }
}

fn summary(output: &Output, request: &DownloadRequest, got: &Downloaded, several: bool, silent: bool) {
    if got.new_warnings {
        let of = if several { format!("{}: ", request.reference.public()) } else { String::new() };
        got.snapshot.warnings().iter().for_each(|warning| output.status(format_args!("warning: {of}{warning}")));
    }
    if let Some(report) = report_of(&got.snapshot).filter(|report| report.is_fallback()) {
        output.status(format_args!("{}: {report}", got.snapshot.version().model));
    }
    let files = got.snapshot.files();
    let unverified = files.iter().filter(|file| !file.verified).count();
    if unverified > 0 && !silent {
        output.status(format_args!(
            "warning: {} not verified: the source gives no checksum (see --sha256, --require-digest)",
            count(unverified, "file")
        ));
    }
    let new = fetched(&got.snapshot);
    if several || files.iter().all(|file| file.outcome == Outcome::Hit) {
        return;
    }
    let seconds = got.elapsed.as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "two digits are shown")]
    let per_second = new as f64 / seconds.max(0.001);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, and is only shown")]
    let rate = if seconds >= 1.0 { format!(" ({}/s)", Size(per_second as u64)) } else { String::new() };
    let verified = if unverified == 0 { ", verified" } else { "" };
    output.status(format_args!(
        "{}@{}: {}, {}{verified}; downloaded {} in {}{rate}",
        got.snapshot.version().model,
        short(&got.snapshot.version().commit),
        count(files.len(), "file"),
        Size(got.snapshot.size()),
        Size(new),
        self::seconds(got.elapsed),
    ));
}

/// The report of another variant or source. That another model is used, a warning says.
fn report_of(snapshot: &Snapshot) -> Option<&FallbackReport> {
    snapshot.fallback_report().filter(|report| report.kind != FallbackKind::Model)
}

fn fetched(snapshot: &Snapshot) -> u64 {
    snapshot.files().iter().filter(|file| file.outcome == Outcome::Fetched).map(|file| file.size).sum()
}

/// The path to print: the user's own copy if one was asked for.
fn answer(request: &DownloadRequest, got: &Downloaded) -> PathBuf {
    match (&request.to, &got.exported) {
        (Some(to), Some(exported)) => match &exported.paths[..] {
            [one] if got.snapshot.path() != got.snapshot.folder() => one.clone(),
            _ => to.clone(),
        },
        _ => got.snapshot.path().to_path_buf(),
    }
}

fn entry(request: &DownloadRequest, result: &Result<Downloaded>) -> Value {
    let (reference, state) = (&request.reference, state(result));
    let got = match result {
        Ok(got) => got,
        Err(error) => return json!({ "ref": reference, "state": state, "error": failure::json(error) }),
    };
    let snapshot = &got.snapshot;
    let mut value = json!({
        "ref": reference,
        "state": state,
        "model": snapshot.version().model,
        "revision": snapshot.revision(),
        "commit": snapshot.version().commit,
        "path": answer(request, got),
        "snapshot": snapshot.folder(),
        "bytes": snapshot.size(),
        "fetched_bytes": fetched(snapshot),
        "seconds": got.elapsed.as_secs_f64(),
        "warnings": snapshot.warnings(),
        "evicted": snapshot.evicted().iter().map(super::gc::step).collect::<Vec<_>>(),
        "files": super::path::files(snapshot),
    });
    if let (Some(report), Some(object)) = (report_of(snapshot), value.as_object_mut()) {
        let key = if report.kind == FallbackKind::Variant { "variant" } else { "source" };
        object.insert(key.to_owned(), json!(report));
    }
    if let (Some(exported), Some(object)) = (&got.exported, value.as_object_mut()) {
        object.insert(
            "exported".to_owned(),
            json!({
                "paths": exported.paths,
                "cloned": exported.cloned,
                "linked": exported.linked,
                "copied": exported.copied,
                "kept": exported.kept,
            }),
        );
    }
    value
}
