//! `get`: fetch, verify, print the path.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use cache_lib::units::{Size, Span};
use cache_lib::{Cache, Error, ErrorKind, ExportOptions, Exported, Get, Outcome, Result, Snapshot};
use futures::future::join_all;
use serde_json::{Value, json};

use super::{count, short};
use crate::args::{GetArgs, Shared};
use crate::failure;
use crate::output::Output;
use crate::progress::Board;
use crate::signals;

struct Got {
    snapshot: Snapshot,
    exported: Option<Exported>,
    /// Shown to nobody yet.
    unsaid: bool,
    took: Duration,
}

pub(super) fn run(shared: &Shared, args: &GetArgs, output: &Output) -> Result<u8> {
    let mut builder = super::builder(shared).require_digest(args.require_digest);
    if let Some(rate) = args.limit_rate {
        builder = builder.limit_rate(rate.0);
    }
    if let Some(jobs) = args.jobs {
        builder = builder.jobs(jobs.into());
    }
    let cache = builder.build()?;
    // What is there and needs no request costs neither a runtime nor an HTTP client.
    let here = args.refs.iter().map(|reference| warm(&cache, args, reference).transpose()).collect();
    let results = fetch(&cache, args, output, here);
    report(args, output, &results)
}

fn wish(cache: &Cache, args: &GetArgs, reference: &str) -> Get {
    let mut get = cache.get(reference);
    if let Some(revision) = &args.revision {
        get = get.revision(revision);
    }
    for pattern in &args.include {
        get = get.include(pattern);
    }
    for pattern in &args.exclude {
        get = get.exclude(pattern);
    }
    if let Some(sha256) = args.sha256 {
        get = get.sha256(sha256);
    }
    args.compressed.apply(get)
}

fn warm(cache: &Cache, args: &GetArgs, reference: &str) -> Result<Option<Got>> {
    match wish(cache, args, reference).without_request()? {
        None => Ok(None),
        Some(snapshot) => {
            let exported = export(args, &snapshot)?;
            Ok(Some(Got { snapshot, exported, unsaid: true, took: Duration::ZERO }))
        }
    }
}

fn export(args: &GetArgs, snapshot: &Snapshot) -> Result<Option<Exported>> {
    let options = ExportOptions::default().hard_link(args.hard_link);
    args.to.as_ref().map(|to| snapshot.export_to(to, options)).transpose()
}

/// Fetches side by side what is not here yet. One that fails stops no other.
fn fetch(cache: &Cache, args: &GetArgs, output: &Output, here: Vec<Option<Result<Got>>>) -> Vec<Result<Got>> {
    if here.iter().all(Option::is_some) {
        return here.into_iter().flatten().collect();
    }
    let board = Board::start(output.is_quiet());
    let slots = Mutex::new(here);
    let missing: Vec<usize> = {
        let slots = slots.lock().unwrap_or_else(PoisonError::into_inner);
        (0..slots.len()).filter(|&at| slots[at].is_none()).collect()
    };
    let work = missing.into_iter().map(|at| {
        let reference = &args.refs[at];
        let get = wish(cache, args, reference).progress(board.progress(reference));
        let slots = &slots;
        async move {
            let began = Instant::now();
            let got = match get.await {
                Ok(snapshot) => place(args, snapshot).await,
                Err(error) => Err(error),
            };
            let got = got.map(|(snapshot, exported)| Got { snapshot, exported, unsaid: false, took: began.elapsed() });
            slots.lock().unwrap_or_else(PoisonError::into_inner)[at] = Some(got);
        }
    });
    let done = signals::run(async {
        join_all(work).await;
        Ok(())
    });
    drop(board);
    let stopped = done.err().unwrap_or_else(Error::interrupted);
    let slots = slots.into_inner().unwrap_or_else(PoisonError::into_inner);
    slots.into_iter().map(|slot| slot.unwrap_or_else(|| Err(stopped.clone()))).collect()
}

async fn place(args: &GetArgs, snapshot: Snapshot) -> Result<(Snapshot, Option<Exported>)> {
    let Some(to) = args.to.clone() else { return Ok((snapshot, None)) };
    let options = ExportOptions::default().hard_link(args.hard_link);
    let placed = tokio::task::spawn_blocking(move || {
        let exported = snapshot.export_to(to, options)?;
        Ok((snapshot, Some(exported)))
    });
    placed.await.unwrap_or_else(|error| Err(Error::new(ErrorKind::Storage, format!("a worker failed: {error}"))))
}

fn report(args: &GetArgs, output: &Output, results: &[Result<Got>]) -> Result<u8> {
    let several = args.refs.len() > 1;
    let interrupted = results.iter().any(|result| result.as_ref().is_err_and(|e| e.kind() == ErrorKind::Interrupted));
    for (reference, result) in args.refs.iter().zip(results) {
        match result {
            Ok(got) => {
                remarks(output, got);
                if !output.is_json() {
                    output.line(answer(args, got).display());
                }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if several => output.tell(&error.clone().context(reference)),
            Err(error) => output.tell(error),
        }
    }
    if interrupted {
        output.tell(&Error::interrupted());
    }
    if output.is_json() {
        let list: Vec<Value> =
            args.refs.iter().zip(results).map(|(reference, result)| entry(args, reference, result)).collect();
        output.json(&json!({ "results": list }));
    }
    Ok(failure::worst(results.iter().filter_map(|result| result.as_ref().err().map(Error::kind))))
}

fn remarks(output: &Output, got: &Got) {
    if got.unsaid {
        got.snapshot.warnings().iter().for_each(|warning| output.remark(format_args!("warning: {warning}")));
    }
    let files = got.snapshot.files();
    let unverified = files.iter().filter(|file| !file.verified).count();
    if unverified > 0 {
        output.remark(format_args!(
            "warning: {} not verified: the source gives no digest (--sha256 D gives one, --require-digest refuses)",
            count(unverified, "file")
        ));
    }
    let new = fetched(&got.snapshot);
    if files.iter().all(|file| file.outcome == Outcome::Hit) {
        return;
    }
    let seconds = got.took.as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "two digits are shown")]
    let per_second = new as f64 / seconds.max(0.001);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, and is only shown")]
    let rate = if seconds >= 1.0 { format!(" ({}/s)", Size(per_second as u64)) } else { String::new() };
    let verified = if unverified == 0 { ", verified" } else { "" };
    output.remark(format_args!(
        "{}@{}: {}, {}{verified}; {} fetched in {}{rate}",
        got.snapshot.version().model,
        short(&got.snapshot.version().commit),
        count(files.len(), "file"),
        Size(got.snapshot.size()),
        Size(new),
        if seconds < 1.0 { format!("{seconds:.1} s") } else { Span(got.took).to_string() },
    ));
}

fn fetched(snapshot: &Snapshot) -> u64 {
    snapshot.files().iter().filter(|file| file.outcome == Outcome::Fetched).map(|file| file.size).sum()
}

/// The path to print: the user's own copy if one was asked for.
fn answer(args: &GetArgs, got: &Got) -> PathBuf {
    match (&args.to, &got.exported) {
        (Some(to), Some(exported)) => match &exported.paths[..] {
            [one] if got.snapshot.path() != got.snapshot.folder() => one.clone(),
            _ => to.clone(),
        },
        _ => got.snapshot.path().to_path_buf(),
    }
}

fn entry(args: &GetArgs, reference: &str, result: &Result<Got>) -> Value {
    let got = match result {
        Ok(got) => got,
        Err(error) => return json!({ "ref": reference, "error": failure::json(error) }),
    };
    let snapshot = &got.snapshot;
    let mut value = json!({
        "ref": reference,
        "model": snapshot.version().model,
        "revision": snapshot.revision(),
        "commit": snapshot.version().commit,
        "path": answer(args, got),
        "snapshot": snapshot.folder(),
        "bytes": snapshot.size(),
        "fetched_bytes": fetched(snapshot),
        "seconds": got.took.as_secs_f64(),
        "warnings": snapshot.warnings(),
        "files": super::path::files(snapshot),
    });
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
