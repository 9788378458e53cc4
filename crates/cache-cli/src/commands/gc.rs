//! `gc`: evict what was not used for long, and clear away what is left over.

use cache_lib::units::{Size, Span};
use cache_lib::{Cache, Error, ErrorKind, EvictPlan, EvictStep, Evicted, Inventory, KeptBecause, Result, Store};
use serde_json::{Value, json};

use super::{count, short};
use crate::args::GcArgs;
use crate::output::Output;

pub(super) fn run(cache: &Cache, args: &GcArgs, output: &Output) -> Result<u8> {
    let store = cache.store();
    if let Some(reason) = store.read_only().filter(|_| !args.dry_run) {
        return Err(Error::new(ErrorKind::Storage, format!("the store is read-only: {reason}"))
            .with_hint("the store's owner has to do it, or choose another store with --store"));
    }
    let inventory = store.inventory()?;
    let standing = store.evict_policy();
    let policy = standing
        .clone()
        .with_max_size(args.max_size.or(standing.max_size))
        .with_older_than(args.older_than.or(standing.older_than))
        .with_single_files(args.files);
    let plan = Store::plan(&inventory, &policy);
    if args.dry_run {
        tell(output, &inventory, &plan, args);
        return Ok(0);
    }
    let report = store.apply(&plan)?;
    let cleaned = store.clean()?;
    let rest = cleaned.partial.bytes.saturating_add(cleaned.trash.bytes);
    if output.is_json() {
        output.json(&json!({
            "freed_bytes": report.freed,
            "evicted": plan.steps.iter().filter(|step| report.done.contains(&step.what)).map(step).collect::<Vec<_>>(),
            "spared": report.spared.iter().map(what).collect::<Vec<_>>(),
            "over_bytes": report.over,
            "cleaned_bytes": rest,
            "cleaned": cleaned,
        }));
        return Ok(0);
    }
    for step in plan.steps.iter().filter(|step| report.done.contains(&step.what)) {
        output.line(format_args!("evicted {}, {}: {}", what(&step.what), Size(step.bytes()), step.reason));
    }
    for spared in &report.spared {
        output.line(format_args!("spared {}: pinned or in use meanwhile", what(spared)));
    }
    output.line(format_args!(
        "{} freed; {} of leftovers cleared away; the store holds {}",
        Size(report.freed),
        Size(rest),
        Size(store.disk_space()?.used)
    ));
    if report.over > 0 {
        output.remark(format_args!("{} more than wanted stay: the rest is pinned or in use", Size(report.over)));
    }
    Ok(0)
}

fn tell(output: &Output, inventory: &Inventory, plan: &EvictPlan, args: &GcArgs) {
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
            "partial_bytes": debris.partial.bytes,
        }));
        return;
    }
    for step in &plan.steps {
        output.line(format_args!("would evict {}, {}: {}", what(&step.what), Size(step.bytes()), step.reason));
    }
    for kept in &plan.kept {
        let because = match kept.because {
            KeptBecause::Pinned => "pinned",
            _ => "in use",
        };
        let commit = short(&kept.version.commit);
        output.line(format_args!("would keep {}@{commit}, {}: {because}", kept.version.model, Size(kept.bytes)));
    }
    output.line(format_args!("{} would be freed; the store would hold {}", Size(freed), Size(plan.after)));
    if plan.over > 0 {
        output.line(format_args!("{} more than wanted would stay", Size(plan.over)));
    }
    if args.max_size.is_none() && args.older_than.is_none() && inventory.quota.is_none() {
        output.remark("  hint: --max-size 10GB or --older-than 30d says what has to go");
    }
    if debris.partial.files > 0 {
        output.remark(format_args!(
            "{} of unfinished downloads ({}) stay until nobody went on with them for {}",
            Size(debris.partial.bytes),
            count(usize::try_from(debris.partial.files).unwrap_or(usize::MAX), "file"),
            Span(std::time::Duration::from_secs(7 * 86_400))
        ));
    }
}

fn what(evicted: &Evicted) -> String {
    match evicted {
        Evicted::Version(version) => format!("{}@{}", version.model, short(&version.commit)),
        Evicted::File { version, path } => format!("{}@{}/{path}", version.model, short(&version.commit)),
        _ => "a blob of no model".to_owned(),
    }
}

fn step(step: &EvictStep) -> Value {
    let blobs: Vec<String> = step.blobs.iter().map(|(name, _)| name.to_string()).collect();
    json!({ "what": what(&step.what), "why": step.reason, "bytes": step.bytes(), "blobs": blobs })
}
