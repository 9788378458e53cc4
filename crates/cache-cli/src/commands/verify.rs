//! `verify`: checks stored files, and repairs corrupted ones.

use cache_lib::units::Size;
use cache_lib::{Cache, CorruptFile, Error, ErrorKind, FileProblem, ModelRef, Result, VerifyOptions, VerifyReport};
use serde_json::{Value, json};

use super::text::count;
use crate::args::VerifyArgs;
use crate::output::Output;
use crate::progress::ProgressUi;
use crate::{failure, signals};

pub(super) fn run(cache: &Cache, args: &VerifyArgs, output: &Output) -> Result<u8> {
    let mut references: Vec<Option<ModelRef>> =
        args.refs.iter().map(|text| cache.reference(text).map(Some)).collect::<Result<_>>()?;
    if references.is_empty() {
        references.push(None);
    }
    let ui = ProgressUi::start(output.is_quiet());
    let report = signals::run(async {
        let mut whole = VerifyReport::default();
        for reference in references {
            let label = reference.as_ref().map(ToString::to_string).unwrap_or_default();
            let options = VerifyOptions::default().quick(args.quick).repair(args.repair).progress(ui.progress(&label));
            let report = cache.verify(reference, options).await?;
            whole.checked += report.checked;
            whole.bytes += report.bytes;
            whole.corrupted.extend(report.corrupted);
        }
        Ok(whole)
    });
    drop(ui);
    let report = report?;
    if output.is_json() {
        output.json(&json!({
            "checked": report.checked,
            "bytes": report.bytes,
            "sound": report.is_ok(),
            "bad": report.corrupted.iter().map(entry).collect::<Vec<_>>(),
        }));
    } else {
        report.corrupted.iter().for_each(|bad| output.line(line(bad)));
        output.line(summary(&report));
    }
    if report.corrupted.iter().any(|bad| matches!(bad.problem, FileProblem::Unreadable(_))) {
        output.status("  hint: check the permissions of the store, and the disk");
    }
    if !args.repair && report.corrupted.iter().any(|bad| !matches!(bad.problem, FileProblem::Unreadable(_))) {
        output.status("  hint: run `model-cache verify --repair` to download corrupted files again");
    }
    Ok(code(&report))
}

fn code(report: &VerifyReport) -> u8 {
    if report.is_ok() {
        return 0;
    }
    if report
        .corrupted
        .iter()
        .all(|bad| matches!(bad.problem, FileProblem::Unreadable(_)) || matches!(bad.repaired, Some(Ok(()))))
    {
        return ErrorKind::Storage.exit_code();
    }
    // What could not be mended is an integrity failure, whatever kept it from being mended.
    ErrorKind::Integrity.exit_code()
}

fn names(bad: &CorruptFile) -> String {
    match &bad.files[..] {
        [] => format!("blob {}", bad.blob),
        [(version, file)] => format!("{}/{}", version.model, file.path),
        [(version, file), more @ ..] => format!("{}/{} and {} more", version.model, file.path, more.len()),
    }
}

fn line(bad: &CorruptFile) -> String {
    let trouble = match &bad.problem {
        FileProblem::Missing => "missing".to_owned(),
        FileProblem::Corrupted { actual, quarantine } => {
            let moved = quarantine.as_ref().map(|id| format!("; moved to quarantine as {id}")).unwrap_or_default();
            format!("corrupted: checksum mismatch: expected sha256:{}, got sha256:{actual}{moved}", bad.blob)
        }
        FileProblem::Unreadable(reason) => format!("unreadable: {reason}"),
        _ => "corrupted".to_owned(),
    };
    let repair = match &bad.repaired {
        None => String::new(),
        Some(Ok(())) => "; repaired".to_owned(),
        Some(Err(error)) => {
            let hint = crate::hints::hint(error).map(|hint| format!(" ({hint})")).unwrap_or_default();
            format!("; not repaired: {error}{hint}")
        }
    };
    format!("{}: {trouble}{repair}", names(bad))
}

fn summary(report: &VerifyReport) -> String {
    let repaired = report.corrupted.iter().filter(|bad| matches!(bad.repaired, Some(Ok(())))).count();
    let all = format!("{} verified ({})", count(report.checked, "file"), Size(report.bytes));
    match (report.corrupted.len(), repaired) {
        (0, _) => format!("{all}, no errors"),
        (bad, 0) => format!("{all}, {bad} corrupted"),
        (bad, repaired) if bad == repaired => format!("{all}, {bad} corrupted and repaired"),
        (bad, repaired) => format!("{all}, {bad} corrupted, {repaired} of them repaired"),
    }
}

fn entry(bad: &CorruptFile) -> Value {
    let files: Vec<Value> = bad
        .files
        .iter()
        .map(|(version, file)| json!({ "model": version.model, "commit": version.commit, "path": file.path }))
        .collect();
    let (trouble, actual, quarantine) = match &bad.problem {
        FileProblem::Corrupted { actual, quarantine } => ("damaged", Some(actual), quarantine.as_ref()),
        FileProblem::Unreadable(_) => ("unreadable", None, None),
        _ => ("missing", None, None),
    };
    let repair = bad.repaired.as_ref().and_then(|repaired| repaired.as_ref().err()).map(failure::json);
    let error = match &bad.problem {
        FileProblem::Unreadable(reason) => Some(failure::json(&Error::new(ErrorKind::Storage, reason.as_str()))),
        _ => repair,
    };
    json!({
        "sha256": bad.blob,
        "trouble": trouble,
        "actual": actual,
        "quarantine": quarantine,
        "files": files,
        "warnings": bad.warnings,
        "repaired": bad.repaired.as_ref().map(Result::is_ok),
        "error": error,
    })
}
