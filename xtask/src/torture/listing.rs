//! What the Hub's API says of a model: its commit, and its files with their digests.

use serde_json::{Value, json};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

pub(crate) fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The commit of a model's version; the version stands at its beginning.
pub(crate) fn commit(model: &str, version: u64) -> String {
    let rest = hex(Sha1::digest(model.as_bytes()));
    format!("{version:08x}{}", rest.get(..32).unwrap_or_default())
}

/// The answer to `GET /api/models/{model}/revision/{revision}`.
pub(crate) fn info<'a>(model: &str, commit: &str, files: impl Iterator<Item = &'a str>) -> Value {
    let siblings: Vec<Value> = files.map(|file| json!({ "rfilename": file })).collect();
    json!({
        "_id": &commit[..24], "id": model, "modelId": model, "sha": commit, "private": false, "gated": false,
        "disabled": false, "downloads": 0, "likes": 0, "tags": [], "spaces": [], "siblings": siblings,
        "lastModified": "2026-01-01T00:00:00.000Z", "createdAt": "2026-01-01T00:00:00.000Z",
    })
}

/// One file of the answer to `GET /api/models/{model}/tree/{commit}`. Large files carry their sha256.
pub(crate) fn entry(file: &str, bytes: &[u8]) -> Value {
    let size = bytes.len();
    let mut git = Sha1::new();
    git.update(format!("blob {size}\0"));
    git.update(bytes);
    let mut entry = json!({ "type": "file", "path": file, "size": size, "oid": hex(git.finalize()) });
    if file.ends_with(".safetensors") {
        entry["lfs"] = json!({ "oid": hex(Sha256::digest(bytes)), "size": size, "pointerSize": 134 });
    }
    entry
}
