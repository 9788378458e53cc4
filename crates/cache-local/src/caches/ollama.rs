//! Ollama's folder: `manifests/<registry>/<namespace>/<model>/<tag>` in the format of OCI, `blobs/sha256-<hex>`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cache_core::{
    Commit, Digest, Error, ErrorKind, FileEntry, Hasher, Manifest, RepoPath, Result, Revision, Sha256, Version,
};
use serde::Deserialize;

use super::contents::{CacheContents, CacheKind, CachedName, CachedVersion, as_model, names};
use crate::error;

/// Largest manifest that is read, in bytes; real ones have about a thousand.
const MAX_MANIFEST: u64 = 4 << 20;
/// Most layers of a model: a name is looked for for each, beside those of all others.
const MAX_LAYERS: usize = 4096;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OllamaManifest {
    config: Option<OllamaLayer>,
    #[serde(default)]
    layers: Vec<OllamaLayer>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OllamaLayer {
    media_type: String,
    digest: String,
    size: u64,
    /// Path of the layer, if there are several files.
    #[serde(default)]
    name: Option<String>,
}

/// Another store may have folders of these names too; it has a marker of its version beside them.
pub(super) fn is_store(folder: &Path) -> bool {
    folder.join("manifests").is_dir() && folder.join("blobs").is_dir() && !folder.join("version").exists()
}

pub(super) fn contents(top: &Path) -> Result<CacheContents> {
    let mut contents = CacheContents::new(CacheKind::Ollama);
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
                    let found = image(top, &path, CachedName { name, tag: Some(tag) });
                    contents.take(path, found);
                }
            }
        }
    }
    Ok(contents)
}

fn image(top: &Path, path: &Path, called: CachedName) -> Result<Option<CachedVersion>> {
    if !path.is_file() || called.tag.as_deref().is_some_and(|tag| tag.starts_with('.')) {
        return Ok(None);
    }
    let image = OllamaImage { top: top.to_path_buf(), path: path.to_path_buf() };
    let (commit, entries) = image.read()?;
    let files = entries.iter().map(|entry| (entry.path.clone(), image.open(entry))).collect();
    let manifest = Manifest::new(Version { model: as_model(path)?, commit }, entries)?;
    Ok(Some(CachedVersion { manifest, files, revisions: Vec::new(), called: Some(called) }))
}

/// One model: its manifest, and the folder that its blobs lie in.
#[derive(Debug)]
pub(crate) struct OllamaImage {
    top: PathBuf,
    path: PathBuf,
}

impl OllamaImage {
    /// `None` for what does not lie where Ollama has its manifests.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let top = path.ancestors().nth(5).filter(|top| path.is_file() && is_store(top))?;
        let below = path.strip_prefix(top.join("manifests")).is_ok();
        below.then(|| Self { top: top.to_path_buf(), path: path.to_path_buf() })
    }

    /// Lists the layers, if the manifest is at the revision.
    pub(crate) fn resolve(&self, revision: &Revision) -> Result<(Commit, Vec<FileEntry>)> {
        let (commit, files) = self.read()?;
        if *revision == Revision::main() || revision.as_str() == commit.as_str() {
            return Ok((commit, files));
        }
        let known = [Revision::main().to_string(), commit.to_string()];
        Err(error::no_revision(&self.path, revision.as_str(), &known))
    }

    /// The blob behind an entry.
    pub(crate) fn open(&self, file: &FileEntry) -> Result<PathBuf> {
        match file.digests.sha256 {
            Some(digest) => blob(&self.top, &digest),
            None => Err(error::no_file(&file.path, &self.path)),
        }
    }

    fn read(&self) -> Result<(Commit, Vec<FileEntry>)> {
        let wrong = |why: String| {
            Error::new(ErrorKind::Integrity, format!("{} is not a manifest: {why}", self.path.display()))
                .with_hint("run `ollama pull` to download it again")
        };
        let text = cache_fs::read(&self.path, MAX_MANIFEST).map_err(|error| match error.kind() {
            std::io::ErrorKind::InvalidData => wrong(error.to_string()),
            _ => error::read(error),
        })?;
        let written: OllamaManifest = serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
        if written.layers.len() > MAX_LAYERS {
            return Err(wrong(format!("it has {} layers", written.layers.len())));
        }
        let mut entries: BTreeMap<RepoPath, FileEntry> = BTreeMap::new();
        for layer in written.layers.iter().chain(&written.config) {
            let Ok(digest @ Digest::Sha256(_)) = layer.digest.parse() else {
                return Err(wrong(format!("{:?} is not a sha256", layer.digest)));
            };
            let mut entry = FileEntry::new(free(layer, &entries)?);
            (entry.size, entry.digests) = (Some(layer.size), digest.into());
            entries.insert(entry.path.clone(), entry);
        }
        if entries.is_empty() {
            return Err(wrong("it has no layers".to_owned()));
        }
        // What `ollama list` shows as the model's id begins this digest.
        let mut hasher = Hasher::new();
        hasher.update(&text);
        Ok((Commit::parse(&hasher.finish().sha256.to_string())?, entries.into_values().collect()))
    }
}

fn blob(top: &Path, digest: &Sha256) -> Result<PathBuf> {
    let blobs = top.join("blobs");
    // Old versions wrote a colon.
    let names = [format!("sha256-{digest}"), format!("sha256:{digest}")];
    names.into_iter().map(|name| blobs.join(name)).find(|path| path.is_file()).ok_or_else(|| {
        Error::new(ErrorKind::NotFound, format!("the blob sha256-{digest} is missing"))
            .with_hint("run `ollama pull` to download it")
    })
}

/// A path that says what the layer is, with a number where there are several.
fn free(layer: &OllamaLayer, taken: &BTreeMap<RepoPath, FileEntry>) -> Result<RepoPath> {
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
