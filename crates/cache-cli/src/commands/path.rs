//! `path`: the local path of a model.

use cache_lib::{Cache, Outcome, Result, Snapshot};
use serde_json::{Value, json};

use crate::args::PathArgs;
use crate::output::Output;

pub(super) fn run(cache: &Cache, args: &PathArgs, output: &Output) -> Result<u8> {
    let mut get = cache.get(&args.what.reference);
    if let Some(revision) = &args.what.revision {
        get = get.revision(revision);
    }
    for pattern in &args.include {
        get = get.include(pattern);
    }
    for pattern in &args.exclude {
        get = get.exclude(pattern);
    }
    let snapshot = get.peek()?;
    if output.is_json() {
        output.json(&json!({
            "ref": args.what.reference,
            "model": snapshot.version().model,
            "revision": snapshot.revision(),
            "commit": snapshot.version().commit,
            "path": snapshot.path(),
            "snapshot": snapshot.folder(),
            "bytes": snapshot.size(),
            "files": files(&snapshot),
        }));
    } else {
        output.path(snapshot.path());
    }
    Ok(0)
}

/// A snapshot's files, for programs.
pub(super) fn files(snapshot: &Snapshot) -> Vec<Value> {
    snapshot
        .files()
        .iter()
        .map(|file| {
            json!({
                "path": file.path,
                "size": file.size,
                "sha256": file.blob.name,
                "outcome": match file.outcome {
                    Outcome::Hit => "hit",
                    Outcome::Fetched => "fetched",
                    Outcome::Linked => "linked",
                    Outcome::Shared => "shared",
                    _ => "other",
                },
                "verified": file.verified,
                "link": file.link,
                "source": file.source,
            })
        })
        .collect()
}
