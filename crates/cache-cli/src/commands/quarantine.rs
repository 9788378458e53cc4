//! `quarantine`: bad files, why they are there, and out again.

use std::time::SystemTime;

use cache_lib::units::{Size, Span};
use cache_lib::{Cache, Error, QuarantineEntry, Result};
use serde_json::{Value, json};

use crate::args::QuarantineCommand;
use crate::failure;
use crate::output::{Output, table};

pub(super) fn run(cache: &Cache, command: &QuarantineCommand, output: &Output) -> Result<u8> {
    match command {
        QuarantineCommand::Ls => list(cache, output),
        QuarantineCommand::Show { id } => show(cache, id, output),
        QuarantineCommand::Restore { id } => restore(cache, id, output),
        QuarantineCommand::Rm { ids, all } => remove(cache, ids, *all, output),
    }
}

fn list(cache: &Cache, output: &Output) -> Result<u8> {
    let entries = cache.store().quarantined()?;
    if output.is_json() {
        output.json(&json!({ "quarantine": entries.iter().map(entry).collect::<Vec<_>>() }));
        return Ok(0);
    }
    if entries.is_empty() {
        output.status("no files in quarantine");
        return Ok(0);
    }
    let mut rows = vec![["ID", "SIZE", "AGE", "FILE", "REASON"].map(str::to_owned).to_vec()];
    rows.extend(entries.iter().map(|entry| {
        vec![
            entry.id.clone(),
            Size(entry.size).to_string(),
            ago(entry),
            file(entry).unwrap_or_else(|| "-".to_owned()),
            entry.record.reason.clone(),
        ]
    }));
    output.write(&table(&rows));
    Ok(0)
}

fn show(cache: &Cache, id: &str, output: &Output) -> Result<u8> {
    let found = cache.store().quarantine_show(id)?;
    if output.is_json() {
        output.json(&entry(&found));
        return Ok(0);
    }
    let record = &found.record;
    let actual = record.actual.and_then(|digests| digests.strongest()).map(|digest| digest.to_string());
    let lines = [
        ("reason", Some(record.reason.clone())),
        ("file", file(&found)),
        ("commit", record.version.as_ref().map(|version| version.commit.to_string())),
        ("source", record.source.clone()),
        ("expected", record.expected.clone()),
        ("got", actual),
        ("size", Some(Size(found.size).to_string())),
        ("since", Some(ago(&found))),
        ("data", Some(found.data.display().to_string())),
    ];
    for (name, value) in lines {
        if let Some(value) = value {
            output.line(format_args!("{name:<10}{value}"));
        }
    }
    Ok(0)
}

fn restore(cache: &Cache, id: &str, output: &Output) -> Result<u8> {
    let blob = cache.store().quarantine_restore(id)?;
    if output.is_json() {
        output.json(&json!({ "restored": id, "sha256": blob.name, "path": blob.path, "size": blob.size }));
    } else {
        output.path(&blob.path);
        output.status("restored under its actual checksum, not the expected one");
    }
    Ok(0)
}

fn remove(cache: &Cache, ids: &[String], all: bool, output: &Output) -> Result<u8> {
    let ids: Vec<String> = match all {
        true => cache.store().quarantined()?.into_iter().map(|entry| entry.id).collect(),
        false => ids.to_vec(),
    };
    let mut removed = Vec::new();
    let mut errors: Vec<Error> = Vec::new();
    for id in &ids {
        match cache.store().quarantine_remove(id) {
            Ok(()) => {
                if !output.is_json() {
                    output.line(format_args!("removed {id}"));
                }
                removed.push(id);
            }
            Err(error) => {
                output.error(&error);
                errors.push(error);
            }
        }
    }
    if output.is_json() {
        let errors: Vec<_> = errors.iter().map(failure::json).collect();
        output.json(&json!({ "removed": removed, "errors": errors }));
    }
    Ok(failure::worst(errors.iter().map(Error::kind)))
}

fn ago(entry: &QuarantineEntry) -> String {
    format!("{} ago", Span(SystemTime::now().duration_since(entry.since).unwrap_or_default()))
}

fn file(entry: &QuarantineEntry) -> Option<String> {
    match (&entry.record.version, &entry.record.path) {
        (Some(version), Some(path)) => Some(format!("{}/{path}", version.model)),
        _ => None,
    }
}

fn entry(entry: &QuarantineEntry) -> Value {
    let since = entry.since.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    json!({
        "id": entry.id,
        "size": entry.size,
        "since": since.as_secs(),
        "data": entry.data,
        "record": entry.record,
    })
}
