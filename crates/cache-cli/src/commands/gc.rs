//! `gc`: frees disk space by evicting models and deleting leftovers.

use std::time::Duration;

use cache_lib::units::{Size, Span};
use cache_lib::{
    Amount, Cache, Error, ErrorKind, EvictPlan, EvictStep, EvictTarget, Inventory, Result, RetainReason, Store,
};
use serde_json::{Value, json};

use super::text::short;
use crate::args::GcArgs;
use crate::output::Output;

/// How long partial downloads are kept when nothing else is asked for.
const PARTIALS_AGE: Duration = Duration::from_secs(7 * 86_400);

pub(super) fn run(cache: &Cache, args: &GcArgs, output: &Output) -> Result<u8> {
    let store = cache.store();
    if let Some(reason) = store.read_only().filter(|_| !args.dry_run) {
        return Err(Error::new(ErrorKind::Storage, format!("the store is read-only: {reason}"))
            .with_hint("run this as the owner of the store, or choose another store with --store"));
    }
    let inventory = store.inventory()?;
    let standing = store.evict_policy();
    let policy = standing
        .clone()
        .with_max_size(args.max_size.or(standing.max_size))
        .with_older_than(args.older_than.or(standing.older_than))
        .with_single_files(args.files);
    let plan = Store::plan(&inventory, &policy);
    let partials_age = args.partials.unwrap_or(PARTIALS_AGE);
    if args.dry_run {
        tell(output, &inventory, &plan, store.removable_partials(partials_age)?, args);
        return Ok(0);
    }
    let report = store.apply(&plan)?;
    let cleaned = store.clean_older_than(partials_age)?;
    let rest = cleaned.partial.bytes.saturating_add(cleaned.trash.bytes).saturating_add(report.partial.bytes);
    let quarantine = report.quarantine.bytes.saturating_add(cleaned.quarantine.bytes);
    if output.is_json() {
        output.json(&json!({
            "freed_bytes": report.freed,
            "evicted": report.done.iter().map(step).collect::<Vec<_>>(),
            "spared": report.spared.iter().map(what).collect::<Vec<_>>(),
            "over_bytes": report.over,
            "cleaned_bytes": rest,
            "quarantine_bytes": quarantine,
            "cleaned": cleaned,
        }));
        return Ok(0);
    }
    if quarantine > 0 {
        output.line(format_args!("deleted {} from quarantine", Size(quarantine)));
    }
    for step in &report.done {
        output.line(step_line(step, "removed", "evicted"));
    }
    for spared in &report.spared {
        output.line(format_args!("kept {}: now pinned or in use", what(spared)));
    }
    output.line(format_args!(
        "{} freed, {} of leftovers deleted; store size {}",
        Size(report.freed),
        Size(rest),
        Size(store.disk_space()?.used)
    ));
    if report.over > 0 {
        output.status(format_args!(
            "warning: {} over the requested size: the rest is pinned or in use",
            Size(report.over)
        ));
    }
    Ok(0)
}

fn tell(output: &Output, inventory: &Inventory, plan: &EvictPlan, partials: Amount, args: &GcArgs) {
    let freed = plan.before.saturating_sub(plan.after);
    let debris = inventory.debris;
    if output.is_json() {
        let kept = plan
            .kept
            .iter()
            .map(|kept| json!({ "version": kept.version, "because": kept.because, "bytes": kept.bytes }));
        output.json(&json!({
            "dry_run": true,
            "freed_bytes": freed,
            "evicted": plan.steps.iter().map(step).collect::<Vec<_>>(),
            "kept": kept.collect::<Vec<_>>(),
            "before_bytes": plan.before,
            "after_bytes": plan.after,
            "over_bytes": plan.over,
            "trash_bytes": debris.trash.bytes,
            "quarantine_bytes": plan.quarantine,
            "evicted_partial_bytes": plan.partial,
            "partial_bytes": debris.partial.bytes,
            "removable_partials": partials,
        }));
        return;
    }
    if plan.quarantine > 0 {
        output.line(format_args!("would delete {} from quarantine", Size(plan.quarantine)));
    }
    if plan.partial > 0 {
        output.line(format_args!("would delete {} of partial downloads before any model", Size(plan.partial)));
    }
    for step in &plan.steps {
        output.line(step_line(step, "would remove", "would evict"));
    }
    for kept in &plan.kept {
        let because = match kept.because {
            RetainReason::Pinned => "pinned",
            _ => "in use",
        };
        let commit = short(&kept.version.commit);
        output.line(format_args!("would keep {}@{commit}, {}: {because}", kept.version.model, Size(kept.bytes)));
    }
    output.line(format_args!("would free {}; store size would be {}", Size(freed), Size(plan.after)));
    if plan.over > 0 {
        output
            .line(format_args!("would stay {} over the requested size: the rest is pinned or in use", Size(plan.over)));
    }
    if args.max_size.is_none() && args.older_than.is_none() && args.partials.is_none() && inventory.quota.is_none() {
        output.status("  hint: add --max-size 10GB or --older-than 30d to evict models");
    }
    print_partials(output, debris.partial, partials, args);
}

/// Reports the partial downloads that would be deleted, and those that are kept.
fn print_partials(output: &Output, all: Amount, partials: Amount, args: &GcArgs) {
    if partials.files > 0 {
        output.line(format_args!("would delete {} of partial downloads", Size(partials.bytes)));
    }
    let kept = all.bytes.saturating_sub(partials.bytes);
    if kept > 0 {
        output.status(format_args!(
            "{} of partial downloads are kept for {}, or in use",
            Size(kept),
            days(args.partials.unwrap_or(PARTIALS_AGE))
        ));
        if args.partials.is_none() {
            output.status("  hint: add --partials to delete those that no process resumes");
        }
    }
}

/// One step, with the verbs for an unreferenced blob and for anything else.
fn step_line(step: &EvictStep, remove: &str, evict: &str) -> String {
    match step.what {
        EvictTarget::Orphan => format!("{remove} unreferenced blob, {}", Size(step.bytes())),
        _ => format!("{evict} {}, {}: {}", what(&step.what), Size(step.bytes()), step.reason),
    }
}

/// `7 days`; other spans in their own units.
fn days(age: Duration) -> String {
    match age.as_secs() {
        seconds if seconds >= 2 * 86_400 && seconds % 86_400 == 0 => format!("{} days", seconds / 86_400),
        _ => Span(age).to_string(),
    }
}

fn what(evicted: &EvictTarget) -> String {
    match evicted {
        EvictTarget::Version(version) => format!("{}@{}", version.model, short(&version.commit)),
        EvictTarget::File { version, path } => format!("{}@{}/{path}", version.model, short(&version.commit)),
        _ => "unreferenced blob".to_owned(),
    }
}

pub(super) fn step(step: &EvictStep) -> Value {
    let blobs: Vec<String> = step.blobs.iter().map(|(name, _)| name.to_string()).collect();
    json!({ "what": what(&step.what), "why": step.reason, "bytes": step.bytes(), "blobs": blobs })
}
