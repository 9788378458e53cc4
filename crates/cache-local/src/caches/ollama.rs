//! Ollama's folder: `manifests/<registry>/<namespace>/<model>/<tag>` in the format of OCI, `blobs/sha256-<hex>`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cache_core::{Commit, Digest, Error, ErrorKind, FileEntry, Hasher, Manifest, RepoPath, Result, Sha256, Version};
use serde::Deserialize;

use super::{Called, Contents, Found, Kind, as_model, names};
use crate::trouble;

/// Largest manifest that is read, in bytes; real ones have about a thousand.
const MAX_MANIFEST: u64 = 4 << 20;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Image {
    config: Option<Layer>,
    #[serde(default)]
    layers: Vec<Layer>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Layer {
    media_type: String,
    digest: String,
    size: u64,
    /// Where a layer is one of many files, its path.
    #[serde(default)]
    name: Option<String>,
}

/// Another store may have folders of these names too; it has a marker of its version beside them.
pub(super) fn is_store(folder: &Path) -> bool {
    folder.join("manifests").is_dir() && folder.join("blobs").is_dir() && !folder.join("version").exists()
}

pub(super) fn contents(top: &Path) -> Result<Contents> {
    let mut contents = Contents::new(Kind::Ollama);
    let manifests = top.join("manifests");
    for registry in names(&manifests)? {
        for namespace in names(&manifests.join(&registry))? {
            let owner = manifests.join(&registry).join(&namespace);
            for model in names(&owner)? {
                for tag in names(&owner.join(&model))? {
                    let path = owner.join(&model).join(&tag);
                    // Its own models need no owner in their names.
                    let official = registry == "registry.ollama.ai" && namespace == "library";
                    let name = if official { model.clone() } else { format!("{namespace}/{model}") };
                    let found = image(top, &path, Called { name, tag: Some(tag) });
                    contents.take(path, found);
                }
            }
        }
    }
    Ok(contents)
}

fn image(top: &Path, path: &Path, called: Called) -> Result<Option<Found>> {
    if !path.is_file() || called.tag.as_deref().is_some_and(|tag| tag.starts_with('.')) {
        return Ok(None);
    }
    let wrong = |why: String| {
        Error::new(ErrorKind::Integrity, format!("{} is no manifest: {why}", path.display()))
            .with_hint(format!("`ollama pull {}` brings it anew", called.name))
    };
    if fs_err::metadata(path).map_err(trouble::read)?.len() > MAX_MANIFEST {
        return Err(wrong("it is too large".to_owned()));
    }
    let text = fs_err::read(path).map_err(trouble::read)?;
    let image: Image = serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
    let mut entries: BTreeMap<RepoPath, FileEntry> = BTreeMap::new();
    let mut files = BTreeMap::new();
    for layer in image.layers.iter().chain(&image.config) {
        let digest = match layer.digest.parse() {
            Ok(Digest::Sha256(sha256)) => sha256,
            _ => return Err(wrong(format!("{:?} is no sha256", layer.digest))),
        };
        let place = free(layer, &entries)?;
        let mut entry = FileEntry::new(place.clone());
        (entry.size, entry.digests) = (Some(layer.size), Digest::Sha256(digest).into());
        files.insert(place.clone(), blob(top, &digest));
        entries.insert(place, entry);
    }
    if entries.is_empty() {
        return Err(wrong("it has no layers".to_owned()));
    }
    // What `ollama list` shows as the model's id begins this digest.
    let mut hasher = Hasher::new();
    hasher.update(&text);
    let commit = Commit::parse(&hasher.finish().sha256.to_string())?;
    let manifest = Manifest::new(Version { model: as_model(path)?, commit }, entries.into_values().collect())?;
    Ok(Some(Found { manifest, files, revisions: Vec::new(), called: Some(called) }))
}

fn blob(top: &Path, digest: &Sha256) -> Result<PathBuf> {
    let blobs = top.join("blobs");
    // Old versions wrote a colon.
    let names = [format!("sha256-{digest}"), format!("sha256:{digest}")];
    names.into_iter().map(|name| blobs.join(name)).find(|path| path.is_file()).ok_or_else(|| {
        Error::new(ErrorKind::NotFound, format!("the blob sha256-{digest} is not there"))
            .with_hint("`ollama pull` brings what is missing")
    })
}

/// A path that says what the layer is, with a number where there are several.
fn free(layer: &Layer, taken: &BTreeMap<RepoPath, FileEntry>) -> Result<RepoPath> {
    if let Some(path) = layer.name.as_deref().filter(|name| !name.is_empty()) {
        return Ok(RepoPath::parse(path)?);
    }
    let last = layer.media_type.rsplit(['.', '/']).next().unwrap_or_default();
    let (stem, extension) = match last {
        "model" => ("model", ".gguf"),
        "projector" => ("mmproj", ".gguf"),
        "adapter" => ("adapter", ".gguf"),
        "params" => ("params", ".json"),
        "messages" => ("messages", ".json"),
        "v1+json" => ("config", ".json"),
        "license" => ("LICENSE", ""),
        other => (other, ""),
    };
    let numbered = (2..).map(|number| format!("{stem}-{number}{extension}"));
    for name in std::iter::once(format!("{stem}{extension}")).chain(numbered) {
        let path = RepoPath::parse(&name)?;
        if !taken.contains_key(&path) {
            return Ok(path);
        }
    }
    Err(Error::new(ErrorKind::Integrity, "too many layers"))
}
