//! Makes a small store, so that other programs can be pointed at it: `make_store ROOT`.
//!
//! `HF_HUB_CACHE=ROOT/hub HF_HUB_OFFLINE=1 python -c 'from huggingface_hub import …'` then finds `org/tiny`, `solo` and
//! the dataset `org/data`. `make_store ROOT wrong` tries instead to publish bytes under a digest that is not theirs, which
//! only a mutant may let pass.

use std::os::unix::fs::FileExt as _;

use cache_core::{
    Commit, FileEntry, Hasher, Manifest, ModelId, RepoKind, RepoName, RepoPath, Result, Revision, Version,
};
use cache_store::{Store, StoreOptions};

fn main() -> Result<()> {
    let root = std::env::args().nth(1).unwrap_or_else(|| "store".to_owned());
    let store = Store::open(root, StoreOptions::default())?;
    if std::env::args().nth(2).as_deref() == Some("wrong") {
        return publish_wrong(&store);
    }
    let files: &[(&str, &[u8], bool)] = &[
        ("config.json", b"{\"model_type\": \"bert\"}\n", false),
        ("model.safetensors", &[7; 3_000_000], true),
        ("sub/deep/data.bin", &[9; 100_000], true),
        ("README.md", b"# tiny\n", false),
    ];
    let main = Revision::main();
    let pull = Revision::parse("refs/pr/1")?;
    fill(&store, ModelId::hub("org/tiny")?, 'a', files, &[&main])?;
    fill(&store, ModelId::hub("org/tiny")?, 'b', &files[..2], &[&pull])?;
    fill(&store, ModelId::hub("solo")?, 'c', &files[..2], &[&main])?;
    let data = ModelId::Hub { kind: RepoKind::Dataset, name: RepoName::parse("org/data")? };
    fill(&store, data, 'd', files, &[&main])?;
    let tiny = Version { model: ModelId::hub("org/tiny")?, commit: Commit::parse(&"a".repeat(40))? };
    store.put_absent(&tiny, &RepoPath::parse("adapter_config.json")?)
}

fn publish_wrong(store: &Store) -> Result<()> {
    let digests = [b"right", b"wrong"].map(|bytes| {
        let mut hasher = Hasher::new();
        hasher.update(bytes);
        hasher.finish()
    });
    let version = Version { model: ModelId::hub("org/wrong")?, commit: Commit::parse(&"e".repeat(40))? };
    let partial = store.partial(&Store::partial_key(&version, &FileEntry::new(RepoPath::parse("f")?)), Some(5))?;
    partial.file().write_all_at(b"wrong", 0).map_err(|error| cache_core::Error::storage("write", error))?;
    store.publish(partial, &digests[1], Some(digests[0].sha256)).map(|_| ())
}

/// Publishes files, stores their manifest, points revisions at it and makes the view.
fn fill(
    store: &Store,
    model: ModelId,
    digit: char,
    files: &[(&str, &[u8], bool)],
    revisions: &[&Revision],
) -> Result<()> {
    let version = Version { model, commit: Commit::parse(&digit.to_string().repeat(40))? };
    let mut entries = Vec::new();
    for &(path, bytes, large) in files {
        let mut hasher = Hasher::new().with_git_sha1(bytes.len() as u64).with_blocks();
        hasher.update(bytes);
        let hashes = hasher.finish();
        let mut file = FileEntry::new(RepoPath::parse(path)?);
        file.size = Some(hashes.length);
        if large {
            file.digests.sha256 = Some(hashes.sha256);
        } else {
            file.digests.git_sha1 = hashes.git_sha1;
        }
        file.blob = Some(hashes.sha256);
        let partial = store.partial(&Store::partial_key(&version, &file), file.size)?;
        let written = partial.file().write_all_at(bytes, 0);
        written.map_err(|error| cache_core::Error::storage("write", error))?;
        store.publish(partial, &hashes, file.digests.sha256)?;
        entries.push(file);
    }
    let manifest = Manifest::new(version, entries)?;
    store.put_manifest(&manifest)?;
    for revision in revisions {
        store.put_ref(&manifest.version.model, revision, &manifest.version.commit)?;
        store.materialize(&manifest, Some(revision))?;
    }
    Ok(())
}
