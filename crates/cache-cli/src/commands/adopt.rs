//! `adopt`: another program's folder becomes part of the store.

use cache_lib::units::Size;
use cache_lib::{AdoptPlan, AdoptReport, AdoptState, AdoptedFile, AdoptedModel, Cache, ErrorKind, Result};
use serde_json::{Value, json};

use super::text::{count, short};
use crate::args::adopt::AdoptArgs;
use crate::output::{Output, table};
use crate::progress::ProgressUi;
use crate::{failure, signals};

pub(super) fn run(cache: &Cache, args: &AdoptArgs, output: &Output) -> Result<u8> {
    let ui = ProgressUi::start(output.is_quiet());
    let mut adopt = cache.adopt(&args.folder).copy(args.copy).dry_run(args.dry_run);
    if let Some(kind) = args.kind {
        adopt = adopt.kind(kind);
    }
    let adopt = adopt.progress(ui.progress(&args.folder.display().to_string()));
    let report = signals::run(async { adopt.await });
    drop(ui);
    let report = report?;
    print_refused(&report, output);
    if output.is_json() {
        output.json(&json!({
            "kind": report.kind.as_str(),
            "dry_run": report.dry_run,
            "sound": report.is_ok(),
            "models": report.models.iter().map(entry).collect::<Vec<_>>(),
            "refused": report
                .refused
                .iter()
                .map(|(path, error)| json!({ "path": path, "error": failure::json(error) }))
                .collect::<Vec<_>>(),
        }));
    } else if report.models.is_empty() {
        output.status("no models found");
    } else {
        let new: &[&str] = if report.dry_run { &["LINK", "COPY"] } else { &["ADOPTED"] };
        let rest = ["LOCAL", "REFUSED", "SIZE", "MODEL", "COMMIT", "NAMES"];
        let mut rows: Vec<Vec<String>> = vec![new.iter().chain(&rest).map(ToString::to_string).collect()];
        rows.extend(report.models.iter().map(|model| row(model, report.dry_run)));
        output.write(&table(&rows));
        output.status(summary(&report));
    }
    // Damage is a failure of integrity, whatever it looks like.
    Ok(if report.is_ok() { 0 } else { ErrorKind::Integrity.exit_code() })
}

fn print_refused(report: &AdoptReport, output: &Output) {
    for (path, error) in &report.refused {
        output.error(&error.clone().context(format_args!("refused {}", path.display())));
    }
    for model in &report.models {
        let name = &model.version.model;
        for (path, error) in model.refused() {
            output.error(&error.clone().context(format_args!("refused {path} of {name}")));
        }
        model.warnings.iter().for_each(|warning| output.status(format_args!("warning: {name}: {warning}")));
    }
}

fn is_new(file: &AdoptedFile) -> bool {
    matches!(file.state, AdoptState::Linked | AdoptState::Copied | AdoptState::Planned(_))
}

fn is_link(file: &AdoptedFile) -> bool {
    matches!(file.state, AdoptState::Linked | AdoptState::Planned(AdoptPlan::Link))
}

fn is_copy(file: &AdoptedFile) -> bool {
    matches!(file.state, AdoptState::Copied | AdoptState::Planned(AdoptPlan::Copy(_)))
}

fn is_here(file: &AdoptedFile) -> bool {
    matches!(file.state, AdoptState::AlreadyStored)
}

fn row(model: &AdoptedModel, dry_run: bool) -> Vec<String> {
    let number = |which: fn(&AdoptedFile) -> bool| model.files.iter().filter(|file| which(file)).count().to_string();
    let revisions = model.revisions.iter().map(ToString::to_string);
    let names: Vec<String> = model.name.iter().cloned().chain(revisions).collect();
    let mut row = if dry_run { vec![number(is_link), number(is_copy)] } else { vec![number(is_new)] };
    row.extend([
        number(is_here),
        model.refused().count().to_string(),
        Size(model.files.iter().filter_map(|file| file.size).sum()).to_string(),
        model.version.model.to_string(),
        short(&model.version.commit).to_owned(),
        names.join(", "),
    ]);
    row
}

fn summary(report: &AdoptReport) -> String {
    let files = || report.models.iter().flat_map(|model| &model.files);
    let new = files().filter(|file| is_new(file));
    let bytes = new.clone().filter_map(|file| file.size).sum();
    let copied = files().filter(|file| is_copy(file)).count();
    let how = match copied {
        0 if report.dry_run => " would be adopted without copying".to_owned(),
        copied if report.dry_run => format!(" would be adopted, {copied} of them copied"),
        0 => " adopted without copying".to_owned(),
        copied => format!(" adopted, {copied} of them copied"),
    };
    let unchecked = files().filter(|file| !file.verified).count();
    let unchecked = match unchecked {
        0 => String::new(),
        some => format!("; {} without a checksum", count(some, "file")),
    };
    format!("{} ({}){how}{unchecked}", count(new.count(), "file"), Size(bytes))
}

fn entry(model: &AdoptedModel) -> Value {
    json!({
        "model": model.version.model,
        "commit": model.version.commit,
        "revisions": model.revisions,
        "name": model.name,
        "warnings": model.warnings,
        "files": model.files.iter().map(file).collect::<Vec<_>>(),
    })
}

fn file(file: &AdoptedFile) -> Value {
    let (state, error) = match &file.state {
        AdoptState::Linked => ("linked", None),
        AdoptState::Copied => ("copied", None),
        AdoptState::AlreadyStored => ("here", None),
        AdoptState::Planned(_) => ("planned", None),
        AdoptState::Refused(error) => ("refused", Some(failure::json(error))),
        _ => ("", None),
    };
    let plan = match &file.state {
        AdoptState::Planned(AdoptPlan::Link) => Some("link"),
        AdoptState::Planned(AdoptPlan::Copy(_)) => Some("copy"),
        _ => None,
    };
    let apart = file.copy_reason.map(|reason| reason.to_string());
    json!({
        "path": file.path,
        "bytes": file.size,
        "verified": file.verified,
        "state": state,
        "plan": plan,
        "apart": apart,
        "error": error,
    })
}
