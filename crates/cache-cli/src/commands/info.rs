//! `info`: files and variants of a model, and which are local.

use cache_lib::units::Size;
use cache_lib::{Cache, Digest, RepoPath, Resolution, Result, Variant};
use serde_json::{Value, json};

use crate::args::RefArgs;
use crate::output::{Output, table};
use crate::signals;

pub(super) fn run(cache: &Cache, args: &RefArgs, output: &Output) -> Result<u8> {
    let mut get = cache.get(&args.reference);
    if let Some(revision) = &args.revision {
        get = get.revision(revision);
    }
    let (resolution, variants) = signals::run(async {
        let resolution = get.resolve().await?;
        let mut variants = cache.variants(&resolution).await?;
        let selected = |path: &RepoPath| resolution.files().iter().any(|state| state.file.path == *path);
        variants.retain(|variant| variant.files.iter().any(selected));
        Ok((resolution, variants))
    })?;
    let version = resolution.version();
    let refs: Vec<String> = cache
        .store()
        .refs(&version.model)?
        .into_iter()
        .filter(|(_, commit)| *commit == version.commit)
        .map(|(revision, _)| revision.to_string())
        .collect();
    resolution.warnings().iter().for_each(|warning| output.status(format_args!("warning: {warning}")));
    if output.is_json() {
        output.json(&value(cache, &resolution, &variants, &refs));
    } else {
        print(cache, &resolution, &variants, &refs, output);
    }
    Ok(0)
}

/// Bytes of all files, and of those in the store.
fn sizes(resolution: &Resolution) -> (u64, u64) {
    let total = resolution.files().iter().filter_map(|state| state.file.size).fold(0, u64::saturating_add);
    (total, resolution.files().iter().filter_map(|state| state.blob.as_ref()).map(|blob| blob.size).sum())
}

fn value(cache: &Cache, resolution: &Resolution, variants: &[Variant], refs: &[String]) -> Value {
    let (version, (total, local)) = (resolution.version(), sizes(resolution));
    let files: Vec<Value> = resolution
        .files()
        .iter()
        .map(|state| {
            json!({
                "path": state.file.path,
                "size": state.file.size.or_else(|| state.blob.as_ref().map(|blob| blob.size)),
                "digest": state.file.digests.strongest().map(|digest| digest.to_string()),
                "sha256": state.file.blob_name(),
                "cached": state.blob.is_some(),
            })
        })
        .collect();
    json!({
        "model": version.model,
        "commit": version.commit,
        "refs": refs,
        "visibility": cache.visibility(&version.model).as_str(),
        "bytes": total,
        "cached_bytes": local,
        "path": cache.store().snapshot_path(version),
        "files": files,
        "variants": super::variants::values(resolution, variants),
    })
}

fn print(cache: &Cache, resolution: &Resolution, variants: &[Variant], refs: &[String], output: &Output) {
    let (version, (total, local)) = (resolution.version(), sizes(resolution));
    let cached = resolution.files().iter().filter(|state| state.blob.is_some()).count();
    output.line(format_args!("{}", version.model));
    output.line(format_args!("commit   {}", version.commit));
    if !refs.is_empty() {
        output.line(format_args!("refs     {}", refs.join(", ")));
    }
    output.line(format_args!(
        "files    {} ({}), {cached} local ({})",
        resolution.files().len(),
        Size(total),
        Size(local)
    ));
    if cached > 0 {
        output.line(format_args!("path     {}", cache.store().snapshot_path(version).display()));
    }
    let mut rows = vec![["STATE", "SIZE", "CHECKSUM", "FILE"].map(str::to_owned).to_vec()];
    rows.extend(resolution.files().iter().map(|state| {
        let size = state.file.size.or_else(|| state.blob.as_ref().map(|blob| blob.size));
        vec![
            if state.blob.is_some() { "local" } else { "remote" }.to_owned(),
            size.map_or_else(|| "?".to_owned(), |size| Size(size).to_string()),
            digest(state.file.digests.strongest()),
            state.file.path.to_string(),
        ]
    }));
    output.line("");
    output.write(&table(&rows));
    if !variants.is_empty() {
        output.line("");
        output.write(&super::variants::text(resolution, variants));
    }
}

fn digest(digest: Option<Digest>) -> String {
    let Some(digest) = digest else { return "no checksum".to_owned() };
    let text = digest.to_string();
    let (name, hex) = text.split_once(':').unwrap_or(("", &text));
    format!("{name}:{}", hex.get(..12).unwrap_or(hex))
}
