//! `ls`: what the store holds.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use cache_lib::units::{Size, Span};
use cache_lib::{Cache, Inventory, Result, VersionUse};
use serde_json::{Value, json};

use super::text::{count, short};
use crate::args::LsArgs;
use crate::output::{Output, table};

pub(super) fn run(cache: &Cache, args: &LsArgs, output: &Output) -> Result<u8> {
    let inventory = cache.store().inventory()?;
    let wanted = |version: &&VersionUse| {
        let name = version.version.model.to_string().to_lowercase();
        args.filter.as_ref().is_none_or(|filter| name.contains(&filter.to_lowercase()))
    };
    let versions: Vec<&VersionUse> = inventory.versions.iter().filter(wanted).collect();
    if output.is_json() {
        output.json(&json!({
            "store": cache.store().root(),
            "bytes": inventory.size(),
            "quota": inventory.quota,
            "partial_bytes": inventory.debris.partial.bytes,
            "quarantine_bytes": inventory.debris.quarantine.bytes,
            "models": versions.iter().map(|version| entry(cache, &inventory, version)).collect::<Vec<_>>(),
        }));
        return Ok(0);
    }
    let head = ["MODEL", "REVISION", "COMMIT", "FILES", "SIZE", "USED", "PINNED"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(versions.iter().map(|version| row(&inventory, version)));
    if versions.is_empty() {
        output.status(format_args!("no models in {}", cache.store().root().display()));
        return Ok(0);
    }
    output.write(&table(&rows));
    let quota = inventory.quota.map(|quota| format!(" of {}", Size(quota))).unwrap_or_default();
    output.status(format_args!(
        "{}, {}{quota} in {}",
        count(versions.len(), "version"),
        Size(inventory.size()),
        cache.store().root().display()
    ));
    Ok(0)
}

/// The bytes of a version; a blob that is two of its files counts once.
pub(super) fn size(inventory: &Inventory, version: &VersionUse) -> u64 {
    let blobs: BTreeSet<_> = version.files.iter().map(|file| file.blob).collect();
    blobs.iter().filter_map(|name| inventory.blobs.get(name)).map(|blob| blob.size).sum()
}

fn unused(inventory: &Inventory, version: &VersionUse) -> Duration {
    inventory.now.duration_since(version.last_use).unwrap_or_default()
}

fn names(version: &VersionUse) -> Vec<String> {
    version.revisions.iter().map(ToString::to_string).collect()
}

fn row(inventory: &Inventory, version: &VersionUse) -> Vec<String> {
    let files = match (version.files.len(), version.listed) {
        (here, listed) if here == listed => here.to_string(),
        (here, listed) => format!("{here} of {listed}"),
    };
    let revisions = names(version);
    let unused = unused(inventory, version);
    vec![
        version.version.model.to_string(),
        if revisions.is_empty() { "-".to_owned() } else { revisions.join(",") },
        short(&version.version.commit).to_owned(),
        files,
        Size(size(inventory, version)).to_string(),
        if unused.as_secs() < 60 { "just now".to_owned() } else { format!("{} ago", Span(unused)) },
        if version.pinned { "pinned".to_owned() } else { "-".to_owned() },
    ]
}

fn entry(cache: &Cache, inventory: &Inventory, version: &VersionUse) -> Value {
    let since_epoch = version.last_use.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    json!({
        "model": version.version.model,
        "commit": version.version.commit,
        "revisions": names(version),
        "files": version.files.len(),
        "listed_files": version.listed,
        "bytes": size(inventory, version),
        "last_used": since_epoch.as_secs(),
        "pinned": version.pinned,
        "visibility": cache.visibility(&version.version.model).as_str(),
    })
}
