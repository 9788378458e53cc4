//! `outdated` and `update`: newer commits at the source, and downloading them.

use cache_lib::units::Size;
use cache_lib::{Cache, Error, Outcome, Result, Snapshot, UpdateCheck, UpdatePlan};
use serde_json::{Value, json};

use super::text::{count, short};
use crate::args::{OutdatedArgs, UpdateArgs};
use crate::output::{Output, table};
use crate::progress::ProgressUi;
use crate::{failure, signals};

/// What the state of such a line means.
const NO_VALIDATOR: &str = "no validator: the server gives no checksum, ETag or date, so a change of the same size \
                            is not noticed; give --sha256, or `model-cache rm` it and download it again";

pub(super) fn outdated(cache: &Cache, args: &OutdatedArgs, output: &Output) -> Result<u8> {
    let found = signals::run(cache.outdated(&args.refs))?;
    let moved = found.iter().filter(|check| check.is_outdated()).count();
    if output.is_json() {
        output.json(&json!({ "moved": moved, "models": found.iter().map(entry).collect::<Vec<_>>() }));
    } else if found.is_empty() {
        output.status("no models with branches or tags in the store");
    } else {
        let mut rows = vec![["MODEL", "REVISION", "LOCAL", "REMOTE", "CHANGED", "STATE"].map(str::to_owned).to_vec()];
        rows.extend(found.iter().map(row));
        output.write(&table(&rows));
        output.status(format_args!("{moved} of {} outdated", found.len()));
        if found.iter().any(|check| check.no_validator) {
            output.status(NO_VALIDATOR);
        }
    }
    let failed = tell(output, &found);
    Ok(if failed == 0 { u8::from(args.exit_code && moved > 0) } else { failed })
}

/// What could not be asked; the exit code of it.
fn tell(output: &Output, found: &[UpdateCheck]) -> u8 {
    let errors: Vec<&Error> = found.iter().filter_map(|check| check.latest.as_ref().err()).collect();
    errors.iter().for_each(|error| output.error(error));
    failure::worst(errors.iter().map(|error| error.kind()))
}

fn state(check: &UpdateCheck) -> &'static str {
    match (&check.latest, &check.current) {
        (Err(_), _) => "failed",
        (Ok(_), None) => "not local",
        (Ok(_), Some(_)) if !check.is_outdated() && check.no_validator => "no validator",
        (Ok(_), Some(_)) if !check.is_outdated() => "current",
        (Ok(_), Some(_)) if check.pinned => "outdated, pinned by the registry",
        (Ok(_), Some(_)) => "outdated",
    }
}

fn row(check: &UpdateCheck) -> Vec<String> {
    let name = check.name.as_ref().map_or_else(String::new, |name| format!(" ({name})"));
    let changed = check.published.as_deref().unwrap_or("-");
    vec![
        format!("{}{name}", check.model),
        check.revision.to_string(),
        check.current.as_ref().map_or("-", short).to_owned(),
        check.latest.as_ref().map_or("?", short).to_owned(),
        changed.split('T').next().unwrap_or(changed).to_owned(),
        state(check).to_owned(),
    ]
}

fn entry(check: &UpdateCheck) -> Value {
    json!({
        "name": check.name,
        "model": check.model,
        "revision": check.revision,
        "here": check.current,
        "there": check.latest.as_ref().ok(),
        "changed": check.published,
        "held": check.pinned,
        "no_validator": check.no_validator,
        "moved": check.is_outdated(),
        "error": check.latest.as_ref().err().map(failure::json),
    })
}

pub(super) fn update(cache: &Cache, args: &UpdateArgs, output: &Output) -> Result<u8> {
    let found = signals::run(cache.outdated(&args.refs))?;
    let mut plans = Vec::new();
    for check in &found {
        if let Some(plan) = cache.update(check)? {
            plans.push((check, plan));
        } else if check.is_outdated() {
            output.status(format_args!(
                "{} is pinned at {} by the registry; run `model-cache registry add … --pin --replace` to update it",
                check.name.as_deref().unwrap_or_default(),
                check.current.as_ref().map_or("", short)
            ));
        }
    }
    let not_asked = tell(output, &found);
    let mut kinds = Vec::new();
    let mut done = Vec::new();
    for (check, plan) in plans {
        match one(check, plan, args.dry_run, output) {
            Ok(value) => done.push(value),
            Err(error) => {
                output.error(&error);
                kinds.push(error.kind());
                done.push(json!({ "model": check.model, "revision": check.revision, "error": failure::json(&error) }));
            }
        }
    }
    if output.is_json() {
        output.json(&json!({ "dry_run": args.dry_run, "updated": done }));
    } else if done.is_empty() {
        output.status("nothing to update");
    }
    let failed = failure::worst(kinds.into_iter());
    Ok(if failed == 0 { not_asked } else { failed })
}

fn one(check: &UpdateCheck, plan: UpdatePlan, dry_run: bool, output: &Output) -> Result<Value> {
    let whole = plan.only.is_none();
    let part = match &plan.only {
        Some(only) => format!("{} as before", count(only.len(), "file")),
        None => "all files".to_owned(),
    };
    let (paths, bytes): (Vec<String>, u64) = if dry_run {
        let look = signals::run(plan.get.resolve())?;
        let missing: Vec<_> = look.missing().collect();
        let bytes = missing.iter().filter_map(|file| file.size).sum();
        (missing.iter().map(|file| file.path.to_string()).collect(), bytes)
    } else {
        let snapshot = fetch(check, plan, output)?;
        let new: Vec<_> = snapshot.files().iter().filter(|file| file.outcome == Outcome::Fetched).collect();
        let bytes = new.iter().map(|file| file.size).sum();
        (new.iter().map(|file| file.path.to_string()).collect(), bytes)
    };
    let (here, there) = (check.current.as_ref().map_or("-", short), check.latest.as_ref().map_or("?", short));
    if !output.is_json() {
        let verb = if dry_run { "would update" } else { "updated" };
        output.line(format_args!("{} {here} -> {there}", check.reference()));
        output.status(format_args!("  {verb} {part}: {} to download ({})", count(paths.len(), "file"), Size(bytes)));
    }
    Ok(json!({
        "model": check.model, "revision": check.revision, "from": check.current, "to": check.latest.as_ref().ok(),
        "whole": whole, "fetched": paths, "fetched_bytes": bytes,
    }))
}

fn fetch(check: &UpdateCheck, plan: UpdatePlan, output: &Output) -> Result<Snapshot> {
    let label = check.reference().to_string();
    let ui = ProgressUi::start(output.is_quiet());
    let get = plan.get.progress(ui.progress(&label));
    let result = signals::run(async { get.await });
    drop(ui);
    result
}
