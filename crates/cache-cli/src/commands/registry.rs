//! `registry`: names for models.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use cache_lib::registry::{DiscoveredModel, HubSearch, Name};
use cache_lib::units::Size;
use cache_lib::{Cache, Entry, EntryVersion, Error, ErrorKind, RefText, Registry, Result, semver};
use serde_json::{Value, json};

use super::text::count;
use crate::args::{AddArgs, DiscoverArgs, RegistryCommand};
use crate::output::{Output, table};
use crate::{failure, signals};

/// Largest file that is imported, in bytes.
const MAX_IMPORT: u64 = 16 << 20;

pub(super) fn run(cache: &Cache, command: &RegistryCommand, output: &Output) -> Result<u8> {
    warn_of_secrets(cache, output);
    match command {
        RegistryCommand::Add(args) => add(cache, args, output),
        RegistryCommand::Ls => list(cache, output),
        RegistryCommand::Show { name } => show(cache, name, output),
        RegistryCommand::Rm { names } => remove(cache, names, output),
        RegistryCommand::Discover(args) => discover(cache, args, output),
        RegistryCommand::Import { file, replace } => import(cache, file, *replace, output),
        RegistryCommand::Export { file } => export(cache, file.as_deref(), output),
    }
}

/// Warns of secrets that the registry's file holds.
fn warn_of_secrets(cache: &Cache, output: &Output) {
    // What is wrong with the registry is said by the command.
    let Ok(registry) = cache.registry() else { return };
    for (name, entry) in registry.iter() {
        for (version, found) in &entry.versions {
            if std::iter::once(&found.reference).chain(&found.fallbacks).any(RefText::has_secrets) {
                output.status(format_args!(
                    "warning: {name}@{version}: the registry file holds secret parameters; its next change removes them"
                ));
            }
        }
    }
}

fn add(cache: &Cache, args: &AddArgs, output: &Output) -> Result<u8> {
    let name: Name = args.name.parse()?;
    let mut entry = EntryVersion::new(&args.reference);
    entry.platforms.clone_from(&args.platform);
    entry.fallbacks.clone_from(&args.fallback);
    entry.tags.clone_from(&args.tag);
    if args.pin {
        let target = entry.target()?;
        let locked = signals::run(cache.get(&target).lock())?;
        entry.commit = Some(locked.commit);
        entry.files = locked.files.into_iter().filter_map(|file| Some((file.path, file.sha256?))).collect();
    }
    for digest in &args.digest {
        match &digest.path {
            Some(path) => drop(entry.files.insert(path.clone(), digest.sha256)),
            None => entry.sha256 = Some(digest.sha256),
        }
    }
    let reference = entry.reference.clone();
    let shown = entry.clone();
    let added = cache.change_registry(|registry| registry.add(&name, args.version.clone(), entry, args.replace))?;
    if output.is_json() {
        output.json(&json!({ "name": name, "version": added, "entry": shown }));
        return Ok(0);
    }
    output.line(format_args!("{name}@{added} is {reference}"));
    output.status(format_args!("{name} now means this model; the Hub's model of that name is hf://{name}"));
    Ok(0)
}

fn list(cache: &Cache, output: &Output) -> Result<u8> {
    let registry = cache.registry()?;
    if output.is_json() {
        output.json(&json!({ "models": registry.iter().collect::<BTreeMap<_, _>>() }));
        return Ok(0);
    }
    if registry.is_empty() {
        output.status("no names; run `model-cache registry add NAME REF` to add one");
        return Ok(0);
    }
    let mut rows = vec![["NAME", "VERSION", "REFERENCE", "COMMIT", "PLATFORMS", "TAGS"].map(str::to_owned).to_vec()];
    for (name, entry) in registry.iter() {
        rows.extend(entry.versions.iter().rev().map(|(version, found)| row(name, entry, version, found)));
    }
    output.write(&table(&rows));
    Ok(0)
}

fn row(name: &Name, entry: &Entry, version: &semver::Version, found: &EntryVersion) -> Vec<String> {
    let list = |words: &[String]| if words.is_empty() { "-".to_owned() } else { words.join(",") };
    let mut tags = found.tags.clone();
    if entry.latest() == Some(version) && entry.versions.len() > 1 {
        tags.insert(0, "latest".to_owned());
    }
    vec![
        name.to_string(),
        version.to_string(),
        found.reference.public(),
        found.commit.as_ref().map_or("-", super::text::short).to_owned(),
        list(&found.platforms),
        list(&tags),
    ]
}

fn show(cache: &Cache, text: &str, output: &Output) -> Result<u8> {
    let registry = cache.registry()?;
    let (name, version, found) = registry.find(text)?;
    if output.is_json() {
        let entry = registry.get(name.as_str());
        output.json(&json!({ "name": name, "version": version, "meant": found, "versions": entry }));
        return Ok(0);
    }
    output.line(format_args!("{name}@{version}"));
    output.line(format_args!("reference  {}", found.reference));
    if let Some(commit) = &found.commit {
        output.line(format_args!("commit     {commit}"));
    }
    if let Some(sha256) = &found.sha256 {
        output.line(format_args!("digest     sha256:{sha256}"));
    }
    let fallbacks: Vec<String> = found.fallbacks.iter().map(RefText::public).collect();
    for (label, words) in [("platforms", &found.platforms), ("fallbacks", &fallbacks), ("tags", &found.tags)] {
        if !words.is_empty() {
            output.line(format_args!("{label:<9}  {}", words.join(", ")));
        }
    }
    for (path, sha256) in &found.files {
        output.line(format_args!("file       {path} sha256:{sha256}"));
    }
    let others = registry.get(name.as_str()).map_or(0, |entry| entry.versions.len());
    if others > 1 {
        output.status(format_args!(
            "{name} has {}; run `model-cache registry ls` to list them",
            count(others, "version")
        ));
    }
    Ok(0)
}

fn remove(cache: &Cache, names: &[String], output: &Output) -> Result<u8> {
    let mut removed: Vec<Value> = Vec::new();
    let mut errors: Vec<Error> = Vec::new();
    for text in names {
        match cache.change_registry(|registry| registry.remove(text)) {
            Ok(gone) => {
                for (name, version) in gone {
                    if !output.is_json() {
                        output.line(format_args!("removed {name}@{version}"));
                    }
                    removed.push(json!({ "name": name, "version": version }));
                }
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

fn discover(cache: &Cache, args: &DiscoverArgs, output: &Output) -> Result<u8> {
    let found = if let Some(folder) = &args.folder {
        cache.discover_in_folder(folder)?
    } else if args.author.is_some() || args.search.is_some() {
        let search = HubSearch::default().author(args.author.clone()).words(args.search.clone());
        signals::run(cache.discover_hub(&search, args.limit.into()))?
    } else {
        cache.discover_in_store()?
    };
    let added = if args.add { signals::run(cache.register_discovered(found.clone()))? } else { Vec::new() };
    if output.is_json() {
        let models: Vec<Value> = found
            .iter()
            .map(|found| json!({ "name": found.name, "reference": found.reference, "bytes": found.size }))
            .collect();
        let added: Vec<Value> =
            added.iter().map(|(name, reference)| json!({ "name": name, "reference": reference })).collect();
        output.json(&json!({ "found": models, "added": added }));
        return Ok(0);
    }
    if args.add {
        added.iter().for_each(|(name, reference)| output.line(format_args!("{name} is {reference}")));
        output.status(format_args!("{} added, {} found", count(added.len(), "name"), count(found.len(), "model")));
        return Ok(0);
    }
    if found.is_empty() {
        output.status("no models without a name");
        return Ok(0);
    }
    let mut rows = vec![["NAME", "SIZE", "REFERENCE"].map(str::to_owned).to_vec()];
    rows.extend(found.iter().map(found_row));
    output.write(&table(&rows));
    output.status("  hint: add --add to register them under these names");
    Ok(0)
}

fn found_row(found: &DiscoveredModel) -> Vec<String> {
    vec![
        found.name.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string),
        found.size.map_or_else(|| "-".to_owned(), |size| Size(size).to_string()),
        found.reference.clone(),
    ]
}

fn import(cache: &Cache, file: &Path, replace: bool, output: &Output) -> Result<u8> {
    let text = read(file)?;
    let other = Registry::parse(&text, &file.display().to_string())?;
    let changed = cache.change_registry(|registry| registry.merge(other, replace))?;
    if output.is_json() {
        output.json(&json!({ "imported": changed }));
    } else {
        output.line(format_args!("{} imported", count(changed, "version")));
    }
    Ok(0)
}

/// The text of a file, or of stdin for `-`.
pub(super) fn read(file: &Path) -> Result<String> {
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => Error::new(ErrorKind::NotFound, format!("{error}")),
        std::io::ErrorKind::InvalidData | std::io::ErrorKind::IsADirectory => {
            Error::new(ErrorKind::Usage, error.to_string()).with_hint("name a text file, or - for stdin")
        }
        _ => Error::storage(format_args!("read {}", file.display()), error),
    };
    if file != Path::new("-") {
        return cache_fs::read_text(file, MAX_IMPORT).map_err(failed);
    }
    let mut text = String::new();
    let read = std::io::stdin().take(MAX_IMPORT).read_to_string(&mut text).map_err(failed)?;
    if read as u64 == MAX_IMPORT {
        return Err(Error::new(ErrorKind::Usage, format!("{} is too large for a list", file.display())));
    }
    Ok(text)
}

fn export(cache: &Cache, file: Option<&Path>, output: &Output) -> Result<u8> {
    let registry = cache.registry()?;
    let text = registry.to_text()?;
    match file {
        None => output.exact(text.as_bytes()),
        Some(path) => {
            fs_err::write(path, text).map_err(|error| Error::storage("export the registry", error))?;
            let versions = registry.iter().map(|(_, entry)| entry.versions.len()).sum();
            if output.is_json() {
                output.json(&json!({ "exported": versions, "path": path }));
            } else {
                output.line(format_args!("{} exported to {}", count(versions, "version"), path.display()));
            }
        }
    }
    Ok(0)
}
