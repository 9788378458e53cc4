//! `import`: models from one file.

use std::path::Path;

use cache_bundle::{BundleInput, Contents, Imported, MovedRef, VerifyingKey};
use cache_lib::units::Size;
use cache_lib::{Cache, Result};
use serde_json::{Value, json};

use super::text::{count, short};
use crate::args::bundle::ImportArgs;
use crate::output::{Output, table};
use crate::progress::ProgressUi;
use crate::signals;

pub(super) fn run(cache: &Cache, args: &ImportArgs, output: &Output) -> Result<u8> {
    let key = key(args)?;
    let ui = ProgressUi::start(output.is_quiet());
    let mut import = cache_bundle::import(cache, input(args)).progress(ui.progress("the bundle"));
    if let Some(key) = key {
        import = import.verify(key);
    }
    let imported = signals::run(async { import.await });
    drop(ui);
    report(args, &imported?, output);
    Ok(0)
}

/// Says what is in a bundle. Needs no store.
pub(super) fn list(args: &ImportArgs, output: &Output) -> Result<u8> {
    let found = cache_bundle::list(input(args), key(args)?.as_ref())?;
    output.status(format_args!("{}: {}", name(args), signature(&found)));
    if let Some(base) = &found.index.base {
        output.status(format_args!("builds on bundle {}", base.index));
    }
    if output.is_json() {
        output.json(&contents(&found));
        return Ok(0);
    }
    output.line(format_args!("bundle {}", found.id));
    let mut rows = Vec::new();
    for version in &found.index.versions {
        let refs: Vec<&str> = version.refs.iter().map(|revision| revision.as_str()).collect();
        let version_of = &version.manifest.version;
        rows.push(vec![
            version_of.model.to_string(),
            short(&version_of.commit).to_owned(),
            refs.join(","),
            format!("{} of {}", version.files().count(), count(version.manifest.files.len(), "file")),
        ]);
    }
    output.write(&table(&rows));
    output.line(format_args!("{}, {}", count(found.index.blobs.len(), "file"), Size(found.index.bytes())));
    Ok(0)
}

fn input(args: &ImportArgs) -> BundleInput {
    if args.bundle == Path::new("-") { BundleInput::reader(std::io::stdin()) } else { BundleInput::file(&args.bundle) }
}

fn key(args: &ImportArgs) -> Result<Option<VerifyingKey>> {
    args.verify_key.as_ref().map(VerifyingKey::read).transpose()
}

fn name(args: &ImportArgs) -> String {
    if args.bundle == Path::new("-") { "stdin".to_owned() } else { args.bundle.display().to_string() }
}

fn signature(contents: &Contents) -> String {
    match &contents.signed_by {
        Some(key) if contents.verified => format!("signed by {key}, signature verified"),
        Some(key) => format!("signed by {key}, not checked (see --verify-key)"),
        None => "not signed".to_owned(),
    }
}

fn report(args: &ImportArgs, imported: &Imported, output: &Output) {
    output.status(format_args!("{}: {}", name(args), signature(&imported.contents)));
    imported.warnings.iter().for_each(|warning| output.status(format_args!("warning: {warning}")));
    for MovedRef { revision, from, to, .. } in &imported.moved {
        let (from, commit) = (short(from), short(&to.commit));
        output.status(format_args!("{revision} of {} moved from {from} to {commit}", to.model));
    }
    output.status(format_args!(
        "imported {}, {} ({}); {} already in the store",
        count(imported.snapshots.len(), "model"),
        count(imported.taken, "file"),
        Size(imported.taken_bytes),
        count(imported.present, "file"),
    ));
    if !output.is_json() {
        imported.snapshots.iter().for_each(|snapshot| output.path(snapshot.folder()));
        return;
    }
    let mut answer = contents(&imported.contents);
    if let Some(versions) = answer["versions"].as_array_mut() {
        for (version, snapshot) in versions.iter_mut().zip(&imported.snapshots) {
            version["path"] = json!(snapshot.folder());
        }
    }
    answer["taken"] = json!(imported.taken);
    answer["taken_bytes"] = json!(imported.taken_bytes);
    answer["present"] = json!(imported.present);
    let moved = imported.moved.iter().map(
        |moved| json!({ "model": moved.to.model, "ref": moved.revision, "from": moved.from, "to": moved.to.commit }),
    );
    answer["moved"] = moved.collect();
    answer["warnings"] = json!(imported.warnings);
    output.json(&answer);
}

/// What a bundle holds, for programs.
pub(super) fn contents(contents: &Contents) -> Value {
    let versions = contents.index.versions.iter().map(|version| {
        json!({
            "model": version.manifest.version.model,
            "commit": version.manifest.version.commit,
            "refs": version.refs,
            "files": version.files().map(|(file, blob)| json!({ "path": file.path, "sha256": blob })).collect::<Vec<_>>(),
        })
    });
    json!({
        "id": contents.id,
        "format": contents.index.format,
        "signed_by": contents.signed_by,
        "signature_verified": contents.verified,
        "compressed": contents.compressed,
        "base": contents.index.base.as_ref().map(|base| base.index),
        "versions": versions.collect::<Vec<_>>(),
        "blobs": contents.index.blobs,
        "bytes": contents.index.bytes(),
    })
}
