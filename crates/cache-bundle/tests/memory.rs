//! What indexes of strangers may take of memory. The whole test binary counts what it allocates.

#![expect(clippy::unwrap_used, reason = "a helper that fails, fails its test")]

use std::io::Cursor;

use cache_bundle::Input;
use cache_lib::{Cache, ErrorKind, Hasher};
use cache_testkit::CountingAllocator;
use tar::{EntryType, Header};

const COMMIT: &str = "1234567890123456789012345678901234567890";
const MIB: usize = 1 << 20;

#[global_allocator]
static MEMORY: CountingAllocator = CountingAllocator::new();

/// So many paths of so many segments, that share only the first ones.
fn deep_paths(paths: usize, segments: usize) -> impl Iterator<Item = String> {
    (0..paths)
        .map(move |path| (0..segments).map(|at| ((path + at) % 10).to_string()).collect::<Vec<_>>().join("/"))
        .enumerate()
        .map(|(number, path)| format!("{number}/{path}"))
}

/// A bundle without blobs, with this index.
fn bundle(index: &str) -> Vec<u8> {
    let mut hasher = Hasher::new();
    hasher.update(index.as_bytes());
    let sum = format!("{}  bundle.json\n", hasher.finish().sha256);
    let mut bytes = Vec::new();
    for (name, content) in [("bundle.json", index), ("bundle.json.sha256", &sum)] {
        let mut header = Header::new_gnu();
        header.set_path(name).unwrap();
        header.set_size(content.len() as u64);
        header.set_entry_type(EntryType::Regular);
        header.set_cksum();
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(content.as_bytes());
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

/// Imports a bundle with this index, and gives the error and the peak beyond the index's own bytes.
async fn import(index: String) -> (cache_lib::Error, usize) {
    let bytes = bundle(&index);
    let length = index.len();
    drop(index);
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::builder().root(folder.path()).offline(true).build().unwrap();
    let peak = MEMORY.measure();
    let error = cache_bundle::import(&cache, Input::reader(Cursor::new(bytes))).await.map(|_| ()).unwrap_err();
    (error, peak.bytes().saturating_sub(length))
}

fn index(refs: &str, files: &str, more: &str) -> String {
    format!(
        r#"{{"format":1,"versions":[{{"refs":[{refs}],"manifest":{{"model":"hf://models/org/name","commit":"{COMMIT}","files":[{files}]{more}}}}}],"blobs":[]}}"#
    )
}

fn repeated(item: &str, times: usize) -> String {
    vec![item; times].join(",")
}

#[tokio::test]
async fn index_of_many_of_anything_is_refused() {
    let files = |paths: &mut dyn Iterator<Item = String>| {
        paths.map(|path| format!(r#"{{"path":"{path}"}}"#)).collect::<Vec<_>>().join(",")
    };
    for (what, index) in [
        ("deep", index("", &files(&mut deep_paths(1_000, 1_000)), "")),
        ("files", index("", &repeated(r#"{"path":"a"}"#, 1_000_000), "")),
        ("names", index(&repeated(r#""a""#, 1_000_000), "", "")),
        ("unknown fields", index("", r#"{"path":"a"}"#, &format!(r#","more":[{}]"#, repeated("[]", 1_000_000)))),
    ] {
        let (error, peak) = import(index).await;
        assert!(peak < 24 * MIB, "{what}: {} MiB: {error}", peak / MIB);
        assert_eq!(error.kind(), ErrorKind::Integrity, "{what}: {error}");
    }
}
