//! Looks at a store with code that shares nothing with the store's own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use fs_err as fs;
use sha2::{Digest as _, Sha256};

use crate::failure::Result;

/// The files of the model, by path and by digest.
#[derive(Debug)]
pub(crate) struct Expected {
    files: BTreeMap<String, Vec<u8>>,
}

impl Expected {
    pub(crate) fn new(files: BTreeMap<String, Vec<u8>>) -> Self {
        Self { files }
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// All files and links below a folder; none when there is no folder.
pub(crate) fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() && !path.is_symlink() {
            found.extend(walk(&path));
        } else {
            found.push(path);
        }
    }
    found
}

pub(crate) fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Whether a file of the view, by its path and by its path within its snapshot, has the right bytes.
pub(crate) type Right<'a> = &'a dyn Fn(&Path, &str, &[u8]) -> Result<()>;

/// Everything visible is right: blobs are what their names say, manifests and links name what is there.
pub(crate) fn inspect(store: &Path, expected: &Expected) -> Vec<String> {
    let mut problems = inspect_with(store, &|_, file, bytes| {
        let wanted = expected.files.get(file).ok_or("a file that the model has not")?;
        if bytes == wanted.as_slice() { Ok(()) } else { Err("has other bytes than the model".into()) }
    });
    for path in walk(&store.join("manifests")) {
        problems.extend(manifest(store, &path).err().map(|error| format!("manifest {}: {error}", path.display())));
    }
    problems
}

/// The same with another notion of right bytes, and where versions need not be complete.
pub(crate) fn inspect_with(store: &Path, right: Right<'_>) -> Vec<String> {
    let mut problems = Vec::new();
    for path in walk(&store.join("blobs")) {
        match fs::read(&path) {
            Ok(bytes) if sha256(&bytes) == name(&path) => {}
            Ok(bytes) => {
                problems.push(format!("blob {} holds {} bytes of {}", name(&path), bytes.len(), sha256(&bytes)));
            }
            Err(error) => problems.push(format!("blob: {error}")),
        }
    }
    for path in walk(&store.join("hub")) {
        problems.extend(visible(&path, right).err().map(|error| format!("view {}: {error}", path.display())));
    }
    problems
}

/// A manifest is written after its blobs: those it says it has are there.
fn manifest(store: &Path, path: &Path) -> Result<()> {
    let manifest: serde_json::Value = serde_json::from_slice(&fs::read(path)?)?;
    for file in manifest.get("files").and_then(|files| files.as_array()).into_iter().flatten() {
        let Some(blob) = file.get("blob").and_then(|blob| blob.as_str()) else { continue };
        let path = store.join("blobs").join(blob.get(..2).unwrap_or_default()).join(blob);
        if !path.is_file() {
            return Err(format!("names the blob {blob}, which is not there").into());
        }
    }
    Ok(())
}

/// What a Hugging Face program would open: the right bytes, under a name that leads somewhere.
fn visible(path: &Path, right: Right<'_>) -> Result<()> {
    let text = path.to_string_lossy();
    if let Some((_, below)) = text.split_once("/snapshots/") {
        let (_, file) = below.split_once('/').ok_or("a file among the snapshots")?;
        right(path, file, &fs::read(path)?)?;
    } else if let Some((folder, _)) = text.split_once("/refs/") {
        let commit = fs::read_to_string(path)?;
        let whole = commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !whole || !Path::new(folder).join("snapshots").join(&commit).is_dir() {
            return Err(format!("names {commit:?}, which is no snapshot").into());
        }
    } else if text.contains("/blobs/") {
        fs::metadata(path)?;
    }
    Ok(())
}

/// The folder that a successful run printed holds the whole model.
pub(crate) fn snapshot(folder: &Path, expected: &Expected) -> Vec<String> {
    let mut problems = Vec::new();
    for (file, wanted) in &expected.files {
        match fs::read(folder.join(file)) {
            Ok(bytes) if bytes == *wanted => {}
            Ok(_) => problems.push(format!("{file} was acknowledged and has other bytes")),
            Err(error) => problems.push(format!("{file} was acknowledged: {error}")),
        }
    }
    problems
}

/// Makes everything that is in progress look eight days old, so that a collector may take it.
pub(crate) fn age(store: &Path) -> Result<()> {
    let then = SystemTime::now() - Duration::from_secs(8 * 86_400);
    for folder in ["partial", "trash", "locks", "leases", "quarantine"] {
        for path in walk(&store.join(folder)).into_iter().filter(|path| path.is_file()) {
            fs::File::open(path)?.into_file().set_modified(then)?;
        }
    }
    Ok(())
}

/// What is left over and should not be, after everything has ended and was collected.
pub(crate) fn debris(store: &Path) -> Vec<String> {
    let mut problems = Vec::new();
    for folder in ["partial", "trash", "leases"] {
        for path in walk(&store.join(folder)) {
            problems.push(format!("left over: {folder}/{}", name(&path)));
        }
    }
    for path in walk(&store.join("locks")) {
        if path.extension().is_some_and(|extension| extension == "lock" || extension == "status") {
            problems.push(format!("left over: locks/{}", name(&path)));
        }
    }
    for path in walk(&store.join("quarantine")) {
        let other = if path.extension().is_some_and(|extension| extension == "json") { "data" } else { "json" };
        if !path.with_extension(other).exists() {
            problems.push(format!("half of a quarantined file: {}", name(&path)));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> (tempfile::TempDir, Expected, String) {
        let store = tempfile::tempdir().unwrap();
        let digest = sha256(b"abc");
        let put = |path: &str, bytes: &[u8]| {
            let path = store.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        };
        put(&format!("blobs/{}/{digest}", &digest[..2]), b"abc");
        put("manifests/hf/m/c.json", format!("{{\"files\": [{{\"blob\": \"{digest}\"}}, {{}}]}}").as_bytes());
        let commit = "c".repeat(40);
        put(&format!("hub/m/snapshots/{commit}/sub/x"), b"abc");
        put("hub/m/refs/main", commit.as_bytes());
        (store, Expected::new(BTreeMap::from([("sub/x".to_owned(), b"abc".to_vec())])), digest)
    }

    #[test]
    fn a_good_store_is_good() {
        let (store, expected, _) = store();
        assert!(inspect(store.path(), &expected).is_empty());
        assert!(snapshot(&store.path().join("hub/m/snapshots").join("c".repeat(40)), &expected).is_empty());
        assert!(debris(store.path()).is_empty());
        assert!(inspect(Path::new("/does/not/exist"), &expected).is_empty());
    }

    #[test]
    fn everything_wrong_is_seen() {
        type Harm = fn(&Path, &str);
        let harms: [Harm; 5] = [
            |store, digest| fs::write(store.join("blobs").join(&digest[..2]).join(digest), "abd").unwrap(),
            |store, digest| fs::remove_file(store.join("blobs").join(&digest[..2]).join(digest)).unwrap(),
            |store, _| fs::write(store.join("manifests/hf/m/c.json"), "{").unwrap(),
            |store, _| fs::write(store.join("hub/m/refs/main"), "c\n").unwrap(),
            |store, _| fs::write(store.join("hub/m/snapshots").join("c".repeat(40)).join("sub/x"), "ab").unwrap(),
        ];
        for harm in harms {
            let (store, expected, digest) = store();
            harm(store.path(), &digest);
            assert_eq!(inspect(store.path(), &expected).len(), 1);
        }
    }

    #[test]
    fn debris_is_seen() {
        for left in ["partial/x", "trash/x", "leases/x", "locks/x.lock", "locks/x.status", "quarantine/x.json"] {
            let store = tempfile::tempdir().unwrap();
            let path = store.path().join(left);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "").unwrap();
            age(store.path()).unwrap();
            assert_eq!(debris(store.path()).len(), 1, "{left}");
        }
    }
}
