//! `sync`: a list of models is mirrored into the store.

use std::path::Path;

use cache_lib::units::Size;
use cache_lib::{Cache, Error, ErrorKind, OrphanState, Orphaned, Result, SyncList, SyncReport, SyncResult, SyncState};
use serde_json::{Value, json};

use super::text::short;
use crate::args::sync::SyncArgs;
use crate::output::{Output, table};
use crate::progress::ProgressUi;
use crate::{failure, signals};

pub(super) fn run(cache: &Cache, args: &SyncArgs, output: &Output) -> Result<u8> {
    let Some(schedule) = &args.schedule else {
        return signals::run(once(cache, args, output));
    };
    // A mistake in the list is said now, and not at night.
    list(args)?;
    let ended = signals::run(schedule.run(
        jiff::Timestamp::now,
        |next| output.status(format_args!("next sync at {}", next.strftime("%Y-%m-%d %H:%M %Z"))),
        async || {
            if let Err(error) = once(cache, args, output).await {
                output.error(&error);
            }
        },
    ));
    match ended {
        // That is how it is meant to end.
        Err(error) if error.kind() == ErrorKind::Interrupted => Ok(0),
        ended => ended.map(|()| 0),
    }
}

/// The list as it is now: it may be changed between two syncs.
fn list(args: &SyncArgs) -> Result<SyncList> {
    let Some(file) = args.file.as_deref() else { return Ok(SyncList::of(&args.reference)) };
    let text = super::registry::read(file)?;
    SyncList::parse(known_as(file)?, &text)
}

/// One file is one list, whichever way it is written.
fn known_as(file: &Path) -> Result<String> {
    let path = fs_err::canonicalize(file).map_err(|error| {
        Error::new(ErrorKind::Usage, format!("list not found: {error}"))
            .with_hint("name a text file with a reference on each line")
    })?;
    Ok(path.display().to_string())
}

async fn once(cache: &Cache, args: &SyncArgs, output: &Output) -> Result<u8> {
    let list = list(args)?;
    let ui = ProgressUi::start(output.is_quiet());
    let sync = cache.sync(list).prune(args.prune).dry_run(args.dry_run).progress(ui.progress("sync"));
    let report = sync.await;
    drop(ui);
    let report = report?;
    tell(&report, args.prune, output);
    Ok(failure::worst(errors(&report).map(Error::kind)))
}

fn errors(report: &SyncReport) -> impl Iterator<Item = &Error> {
    let models = report.models.iter().filter_map(|model| match &model.state {
        SyncState::Failed(error) => Some(error),
        _ => None,
    });
    models.chain(report.orphaned.iter().filter_map(|fallen| match &fallen.state {
        OrphanState::Failed(error) => Some(error),
        _ => None,
    }))
}

fn tell(report: &SyncReport, prune: bool, output: &Output) {
    errors(report).for_each(|error| output.error(error));
    report.warnings.iter().for_each(|warning| output.status(format_args!("warning: {warning}")));
    for model in &report.models {
        let reference = &model.reference;
        model.warnings.iter().for_each(|warning| output.status(format_args!("warning: {reference}: {warning}")));
    }
    if output.is_json() {
        output.json(&json!({
            "dry_run": report.dry_run,
            "models": report.models.iter().map(entry).collect::<Vec<_>>(),
            "fallen": report.orphaned.iter().map(fallen).collect::<Vec<_>>(),
            "warnings": report.warnings,
        }));
        return;
    }
    let rows: Vec<Vec<String>> = report.models.iter().map(row).chain(report.orphaned.iter().map(fallen_row)).collect();
    output.write(&table(&rows));
    if !prune && report.orphaned.iter().any(|fallen| matches!(fallen.state, OrphanState::WouldRemove)) {
        output.status("  hint: add --prune to remove what is no longer listed");
    }
}

fn word(state: &SyncState) -> &'static str {
    match state {
        SyncState::New => "new",
        SyncState::Updated { .. } => "moved",
        SyncState::Completed => "completed",
        SyncState::UpToDate => "same",
        SyncState::Stale => "stale",
        _ => "failed",
    }
}

/// A state in the terms of the table.
fn shown(word: &'static str) -> &'static str {
    match word {
        "moved" => "updated",
        "same" => "current",
        "would go" => "would remove",
        other => other,
    }
}

fn row(model: &SyncResult) -> Vec<String> {
    let commit = model.version.as_ref().map_or("-", |version| short(&version.commit)).to_owned();
    let commit = match &model.state {
        SyncState::Updated { from } => format!("{} -> {commit}", short(from)),
        _ => commit,
    };
    vec![shown(word(&model.state)).to_owned(), Size(model.bytes).to_string(), model.reference.public(), commit]
}

fn entry(model: &SyncResult) -> Value {
    let (from, error) = match &model.state {
        SyncState::Updated { from } => (Some(from), None),
        SyncState::Failed(error) => (None, Some(failure::json(error))),
        _ => (None, None),
    };
    json!({
        "ref": model.reference,
        "state": word(&model.state),
        "model": model.version.as_ref().map(|version| &version.model),
        "commit": model.version.as_ref().map(|version| &version.commit),
        "from": from,
        "bytes": model.bytes,
        "warnings": model.warnings,
        "error": error,
    })
}

fn fate(fallen: &Orphaned) -> (&'static str, u64, Option<&str>) {
    match &fallen.state {
        OrphanState::WouldRemove => ("would go", 0, None),
        OrphanState::Removed { freed } => ("removed", *freed, None),
        OrphanState::Kept(why) => ("kept", 0, Some(why)),
        OrphanState::Failed(error) => ("failed", 0, Some(error.message())),
        _ => ("", 0, None),
    }
}

fn fallen_row(fallen: &Orphaned) -> Vec<String> {
    let (word, bytes, why) = fate(fallen);
    let why = why.map_or_else(|| "no longer listed".to_owned(), |why| format!("no longer listed, but {why}"));
    let commit = short(&fallen.version.commit).to_owned();
    vec![shown(word).to_owned(), Size(bytes).to_string(), fallen.version.model.to_string(), commit, why]
}

fn fallen(fallen: &Orphaned) -> Value {
    let (word, bytes, why) = fate(fallen);
    json!({ "model": fallen.version.model, "commit": fallen.version.commit, "state": word, "freed_bytes": bytes, "why": why })
}
