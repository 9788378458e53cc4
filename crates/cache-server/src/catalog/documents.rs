//! Upstream's JSON documents on disk: by commit, and the latest ones of moving names.

use cache_lib::{Cache, Error, Manifest, ModelId, RepoPath, Result, Visibility};
use serde_json::{Value, json};

use crate::repo::Repo;

/// Name of the info document of a version.
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

/// The info document without siblings and Xet: the manifest has the files.
pub(super) fn strip(mut info: Value) -> Value {
    if let Some(members) = info.as_object_mut() {
        members.retain(|name, _| name != "siblings" && !name.to_ascii_lowercase().starts_with("xet"));
    }
    info
}

/// Whether a field of the info document is set: `true`, or a text such as `"manual"`.
pub(super) fn has(info: &Value, name: &str) -> bool {
    says(info, name).unwrap_or(false)
}

fn says(info: &Value, name: &str) -> Option<bool> {
    info.get(name).map(|value| *value != Value::Bool(false) && !value.is_null())
}

/// Visibility by the fields `private` and `gated`. Repositories without a gate lack the second.
pub(super) fn visibility(info: &Value) -> Visibility {
    Visibility::of_fields(says(info, "private"), Some(has(info, "gated")))
}

/// The info document with `private` and `gated` of the recorded visibility.
pub(super) fn with_visibility(mut info: Value, visibility: Visibility) -> Value {
    let gated = Some(&info["gated"]).filter(|gated| gated.is_string() || **gated == Value::Bool(true)).cloned();
    let Some(members) = info.as_object_mut() else { return info };
    let (private, gated) = match visibility {
        Visibility::Public => (false, Value::Bool(false)),
        Visibility::Gated => (false, gated.unwrap_or_else(|| "manual".into())),
        // What is not known to be public is not public.
        Visibility::Private | Visibility::Unknown => (true, gated.unwrap_or(Value::Bool(false))),
    };
    members.insert("private".to_owned(), Value::Bool(private));
    members.insert("gated".to_owned(), gated);
    info
}

/// Info document of a version that upstream has not described.
pub(super) fn synthesized_info(repo: &Repo, commit: &str, manifest: &Manifest) -> Value {
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
