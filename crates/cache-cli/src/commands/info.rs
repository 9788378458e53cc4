//! `info`: what a model consists of, and how much of it is here.

use cache_lib::units::Size;
use cache_lib::{Cache, Digest, RepoPath, Result};
use serde_json::{Value, json};

use crate::args::RefArgs;
use crate::output::{Output, table};
use crate::signals;

pub(super) fn run(cache: &Cache, args: &RefArgs, output: &Output) -> Result<u8> {
    let mut get = cache.get(&args.reference);
    if let Some(revision) = &args.revision {
        get = get.revision(revision);
    }
    let (look, variants) = signals::run(async {
        let look = get.resolve().await?;
        let mut variants = cache.variants(&look).await?;
        let wanted = |path: &RepoPath| look.files().iter().any(|state| state.file.path == *path);
        variants.retain(|variant| variant.files.iter().any(wanted));
        Ok((look, variants))
    })?;
    let version = look.version();
    let total = look.files().iter().filter_map(|state| state.file.size).fold(0, u64::saturating_add);
    let here = look.files().iter().filter_map(|state| state.blob.as_ref()).map(|blob| blob.size).sum::<u64>();
    let store = cache.store();
    let revisions: Vec<String> = store
        .refs(&version.model)?
        .into_iter()
        .filter(|(_, commit)| *commit == version.commit)
        .map(|(revision, _)| revision.to_string())
        .collect();
    look.warnings().iter().for_each(|warning| output.remark(format_args!("warning: {warning}")));
    if output.is_json() {
        let files: Vec<Value> = look
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
        output.json(&json!({
            "model": version.model,
            "commit": version.commit,
            "refs": revisions,
            "visibility": cache.visibility(&version.model).as_str(),
            "bytes": total,
            "cached_bytes": here,
            "path": store.snapshot_path(version),
            "files": files,
            "variants": super::variants::values(&look, &variants),
        }));
        return Ok(0);
    }
    let cached = look.files().iter().filter(|state| state.blob.is_some()).count();
    output.line(format_args!("{}", version.model));
    output.line(format_args!("commit   {}", version.commit));
    if !revisions.is_empty() {
        output.line(format_args!("refs     {}", revisions.join(", ")));
    }
    output.line(format_args!("files    {} ({}), {cached} local ({})", look.files().len(), Size(total), Size(here)));
    if cached > 0 {
        output.line(format_args!("path     {}", store.snapshot_path(version).display()));
    }
    let mut rows = vec![["STATE", "SIZE", "CHECKSUM", "FILE"].map(str::to_owned).to_vec()];
    rows.extend(look.files().iter().map(|state| {
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
        output.write(&super::variants::text(&look, &variants));
    }
    Ok(0)
}

fn digest(digest: Option<Digest>) -> String {
    let Some(digest) = digest else { return "no checksum".to_owned() };
    let text = digest.to_string();
    let (name, hex) = text.split_once(':').unwrap_or(("", &text));
    format!("{name}:{}", hex.get(..12).unwrap_or(hex))
}
