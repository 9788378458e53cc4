//! Measures what users wait for: `measure FOLDER` makes a store there and prints how long things take.

use std::os::unix::fs::FileExt as _;
use std::time::Instant;

use cache_core::{Commit, FileEntry, Hasher, Manifest, ModelId, RepoPath, Result, Revision, Version};
use cache_store::{Store, StoreOptions, VerifyMode};

#[expect(clippy::print_stdout, reason = "the figures are the answer")]
fn main() -> Result<()> {
    let root = std::env::args().nth(1).unwrap_or_else(|| "store".to_owned());
    let store = Store::open(&root, StoreOptions::default())?;
    let version = Version { model: ModelId::hub("org/many")?, commit: Commit::parse(&"a".repeat(40))? };
    let begin = Instant::now();
    let mut files = Vec::new();
    for n in 0..1000_u32 {
        let bytes = format!("{n}").repeat(1000);
        files.push(publish(&store, &version, &format!("f{n}"), bytes.as_bytes())?);
    }
    println!("publish 1000 small files, one after the other: {:?}", begin.elapsed());
    let many = Manifest::new(version, files)?;
    time("materialize 1000, cold", || store.materialize(&many, Some(&Revision::main())).map(|_| ()))?;
    time("materialize 1000, warm", || store.materialize(&many, Some(&Revision::main())).map(|_| ()))?;
    time("find 1000 blobs", || many.files.iter().try_for_each(|file| store.find(file).map(drop)))?;
    time("hit 1000 blobs: the same, compared with their records", || {
        many.files.iter().try_for_each(|file| store.hit(file).map(drop))
    })?;

    let version = Version { model: ModelId::hub("org/small")?, commit: Commit::parse(&"b".repeat(40))? };
    let large = publish(&store, &version, "large", &vec![7; 512 << 20])?;
    let mut files = vec![large.clone()];
    for n in 0..8 {
        files.push(publish(&store, &version, &format!("f{n}"), format!("{n}").as_bytes())?);
    }
    let manifest = Manifest::new(version.clone(), files)?;
    store.put_manifest(&manifest)?;
    store.put_ref(&version.model, &Revision::main(), &version.commit)?;
    store.materialize(&manifest, Some(&Revision::main()))?;
    drop(store);
    for _ in 0..3 {
        time("warm hit: open, lease, ref, manifest, blobs, view", || {
            let store = Store::open(&root, StoreOptions::default())?;
            let commit = store.resolve_ref(&version.model, &Revision::main())?;
            let manifest = store.manifest(&Version {
                model: version.model.clone(),
                commit: commit.unwrap_or(version.commit.clone()),
            })?;
            if let Some(manifest) = manifest {
                let names: Vec<_> = manifest.files.iter().filter_map(FileEntry::blob_name).collect();
                let _lease = store.lease(&names)?;
                for file in &manifest.files {
                    store.hit(file)?;
                }
                store.materialize(&manifest, Some(&Revision::main()))?;
                store.touch(&version)?;
            }
            Ok(())
        })?;
    }
    let store = Store::open(&root, StoreOptions::default())?;
    if let Some(name) = large.blob_name() {
        time("verify 512 MiB, full", || store.verify(&name, VerifyMode::Full).map(|_| ()))?;
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the figures are the answer")]
fn time(what: &str, mut work: impl FnMut() -> Result<()>) -> Result<()> {
    let begin = Instant::now();
    work()?;
    println!("{what}: {:?}", begin.elapsed());
    Ok(())
}

fn publish(store: &Store, version: &Version, path: &str, bytes: &[u8]) -> Result<FileEntry> {
    let mut hasher = Hasher::new().with_blocks();
    hasher.update(bytes);
    let hashes = hasher.finish();
    let mut file = FileEntry::new(RepoPath::parse(path)?);
    file.size = Some(hashes.length);
    file.digests.sha256 = Some(hashes.sha256);
    let partial = store.partial(&Store::partial_key(version, &file), file.size)?;
    partial.file().write_all_at(bytes, 0).map_err(|error| cache_core::Error::storage("write", error))?;
    store.publish(partial, &hashes, Some(hashes.sha256))?;
    Ok(file)
}
