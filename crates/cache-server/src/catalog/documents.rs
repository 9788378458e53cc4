//! What is remembered on the disk: upstream's own words, by commit for ever, and the last ones about moving things.

use cache_lib::{Cache, Error, Manifest, ModelId, RepoPath, Result};
use serde_json::{Value, json};

use crate::repo::Repo;

/// Upstream's words about a version.
pub(super) fn info_name(commit: &str) -> String {
    format!("info/{commit}.json")
}

/// A document as JSON. One that makes no sense is none.
pub(super) fn load(cache: &Cache, model: &ModelId, name: &str) -> Result<Option<Value>> {
    let bytes = cache.store().document(model, &path(name)?)?;
    Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
}

/// Keeps a document. A failure costs a question at most.
pub(super) fn save(cache: &Cache, model: &ModelId, name: &str, value: &Value) {
    let kept = path(name).and_then(|name| cache.store().put_document(model, &name, value.to_string().as_bytes()));
    if let Err(error) = kept {
        tracing::debug!(%error, "upstream's words could not be kept");
    }
}

fn path(name: &str) -> Result<RepoPath> {
    RepoPath::parse(name).map_err(Error::from)
}

/// Upstream's words without what the manifest says better, and without Xet.
pub(super) fn strip(mut info: Value) -> Value {
    if let Some(members) = info.as_object_mut() {
        members.retain(|name, _| name != "siblings" && !name.to_ascii_lowercase().starts_with("xet"));
    }
    info
}

/// What can be said of a version when upstream has said nothing.
pub(super) fn made_up(repo: &Repo, commit: &str, manifest: &Manifest) -> Value {
    let name = repo.name.as_str();
    let formats = [("safetensors", ".safetensors"), ("gguf", ".gguf"), ("onnx", ".onnx")];
    let has = |end: &str| manifest.files.iter().any(|file| file.path.as_str().ends_with(end));
    let tags: Vec<&str> = formats.iter().filter(|(_, end)| has(end)).map(|(tag, _)| *tag).collect();
    let mut info = json!({
        "_id": commit.get(..24),
        "id": name,
        "author": name.split_once('/').map(|(author, _)| author),
        "sha": commit,
        "lastModified": "1970-01-01T00:00:00.000Z",
        "createdAt": "1970-01-01T00:00:00.000Z",
        "private": false,
        "gated": false,
        "disabled": false,
        "downloads": 0,
        "likes": 0,
        "tags": tags,
    });
    if repo.kind == cache_lib::RepoKind::Model {
        info["modelId"] = name.into();
    }
    info
}
