//! `lock`: commits and digests of models, written down.

use cache_lib::{Cache, Error, ErrorKind, LockedModel, Lockfile, RefText, Result};
use futures::future::join_all;
use serde_json::{Value, json};

use super::text::{count, short};
use crate::args::LockArgs;
use crate::output::Output;
use crate::progress::ProgressUi;
use crate::{failure, signals};

pub(super) fn run(cache: &Cache, args: &LockArgs, output: &Output) -> Result<u8> {
    let before = match Lockfile::read(&args.file) {
        Ok(lock) => lock,
        Err(error) if error.kind() == ErrorKind::NotFound => Lockfile::default(),
        Err(error) => return Err(error),
    };
    let refs = wanted(args, &before)?;
    let mut lock = if args.from.is_some() { Lockfile::default() } else { before.clone() };
    let ui = ProgressUi::start(output.is_quiet());
    let locked = signals::run(async {
        let one = |reference: &RefText| cache.get(reference).progress(ui.progress(&reference.public())).lock();
        Ok(join_all(refs.iter().map(one)).await)
    });
    drop(ui);
    let mut errors: Vec<Error> = Vec::new();
    let mut rows = Vec::new();
    for (reference, result) in refs.iter().zip(locked?) {
        match result {
            Ok(model) => {
                rows.push((moved(&before, &model), model.clone()));
                lock.insert(model);
            }
            Err(error) => errors.push(if refs.len() > 1 { error.context(reference) } else { error }),
        }
    }
    errors.iter().for_each(|error| output.error(error));
    // Half a lock would be taken for a whole one.
    if errors.is_empty() {
        lock.write(&args.file)?;
        for reference in refs.iter().filter(|reference| reference.has_secrets()) {
            output.status(format_args!(
                "warning: {reference}: secret parameters are not written to the lock file; give the whole URL to \
                 `get --locked`"
            ));
        }
    }
    answer(args, output, &rows, &errors);
    Ok(failure::worst(errors.iter().map(Error::kind)))
}

fn answer(args: &LockArgs, output: &Output, rows: &[(String, LockedModel)], errors: &[Error]) {
    if output.is_json() {
        let models: Vec<Value> = rows.iter().map(|(state, model)| json!({ "state": state, "locked": model })).collect();
        let errors: Vec<Value> = errors.iter().map(failure::json).collect();
        output.json(&json!({ "file": args.file, "models": models, "errors": errors }));
        return;
    }
    if !errors.is_empty() {
        output.status(format_args!("{} was not written", args.file.display()));
        return;
    }
    for (state, model) in rows {
        let files = count(model.files.len(), "file");
        output.line(format_args!("{} {} {files}, {state}", model.reference, short(&model.commit)));
    }
}

fn moved(before: &Lockfile, model: &LockedModel) -> String {
    match before.models().find(|known| known.reference == model.reference) {
        None => "new".to_owned(),
        Some(known) if known == model => "unchanged".to_owned(),
        Some(known) if known.commit == model.commit => "other files".to_owned(),
        Some(known) => format!("was {}", short(&known.commit)),
    }
}

/// The references to lock: those given, those in the list, or those in the file.
fn wanted(args: &LockArgs, before: &Lockfile) -> Result<Vec<RefText>> {
    let mut refs: Vec<RefText> = match &args.from {
        Some(list) => {
            let text = super::registry::read(list)?;
            let lines = text.lines().map(|line| line.split_once(" #").map_or(line, |(line, _)| line).trim());
            lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(RefText::from).collect()
        }
        None if args.refs.is_empty() => before.models().map(|model| model.reference.as_str().into()).collect(),
        None => args.refs.clone(),
    };
    refs.sort();
    refs.dedup();
    if refs.is_empty() {
        return Err(Error::new(ErrorKind::Usage, "no models to lock")
            .with_hint(format!("name models: `model-cache lock {} REF…`", args.file.display())));
    }
    Ok(refs)
}
