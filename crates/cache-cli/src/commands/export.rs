//! `export` and `keygen`: models into one file, and the key that signs it.

use std::io::IsTerminal as _;
use std::os::fd::AsFd as _;
use std::path::Path;

use cache_bundle::{BundleInput, BundleOutput as Target, BundleReport, SigningKey};
use cache_lib::units::Size;
use cache_lib::{Cache, Error, ErrorKind, Result};
use serde_json::json;

use super::import::contents;
use super::text::count;
use crate::args::bundle::{ExportArgs, KeygenArgs};
use crate::output::Output;
use crate::progress::ProgressUi;
use crate::signals;

pub(super) fn run(cache: &Cache, args: &ExportArgs, output: &Output) -> Result<u8> {
    let stdout = args.output == Path::new("-");
    let target = if stdout { to_stdout(output)? } else { Target::file(&args.output) };
    let ui = ProgressUi::start(output.is_quiet());
    let mut export = cache_bundle::export(cache, &args.refs).zstd(args.zstd).progress(ui.progress("the store"));
    if let Some(last) = &args.since {
        export = export.since(BundleInput::file(last));
    }
    if let Some(key) = &args.sign {
        export = export.sign(SigningKey::read(key)?);
    }
    let exported = signals::run(export.write_to(target));
    drop(ui);
    report(args, &exported?, stdout, output);
    Ok(0)
}

fn to_stdout(output: &Output) -> Result<Target> {
    let refused = |why: &str| Err(Error::new(ErrorKind::Usage, why).with_hint("name a file with --output"));
    if output.is_json() {
        return refused("the bundle and --json cannot both go to stdout");
    }
    let stdout = std::io::stdout();
    if stdout.is_terminal() {
        return refused("refusing to write a bundle to a terminal");
    }
    // Not through the handle of std, which looks for the ends of lines.
    let failed = |error| Error::storage("open stdout", error);
    Ok(Target::writer(std::fs::File::from(stdout.as_fd().try_clone_to_owned().map_err(failed)?)))
}

fn report(args: &ExportArgs, exported: &BundleReport, stdout: bool, output: &Output) {
    let index = &exported.contents.index;
    let signed = exported.contents.signed_by.as_ref().map(|key| format!(", signed by {key}")).unwrap_or_default();
    output.status(format_args!(
        "wrote {}: {}, {}, {}{signed}",
        if stdout { "stdout".to_owned() } else { args.output.display().to_string() },
        count(index.versions.len(), "model"),
        count(index.blobs.len(), "file"),
        Size(exported.written),
    ));
    if output.is_json() {
        let mut answer = contents(&exported.contents);
        answer["path"] = json!(args.output);
        answer["written"] = json!(exported.written);
        output.json(&answer);
    } else if !stdout {
        output.path(&args.output);
    }
}

pub(super) fn keygen(args: &KeygenArgs, output: &Output) -> Result<u8> {
    let key = SigningKey::generate()?;
    let public = key.write_new(&args.file)?;
    let id = key.verifying_key().id();
    output.status(format_args!("key {id}: keep {} secret; {} is public", args.file.display(), public.display()));
    if output.is_json() {
        output.json(&json!({ "key": id, "private": args.file, "public": public }));
    } else {
        output.path(&public);
    }
    Ok(0)
}
