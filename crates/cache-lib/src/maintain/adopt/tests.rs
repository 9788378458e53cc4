use std::sync::Arc;

use super::{gguf, naming};
use crate::{Cache, Event, EvictPolicy, Outcome, Progress, Store, StoreOptions};

#[test]
fn a_header_must_be_whole() {
    let dir = tempfile::tempdir().unwrap();
    let mut header = b"GGUF\x03\0\0\0".to_vec();
    header.extend([0; 8]);
    header.extend(1u64.to_le_bytes());
    header.extend(17u64.to_le_bytes());
    header.extend(b"general.file_type");
    header.extend([4, 0, 0, 0, 15, 0, 0, 0]);
    for (name, bytes, fine) in [
        ("whole", &header[..], true),
        ("cut", &header[..header.len() - 1], false),
        ("empty", b"", false),
        ("zeroes", &[0; 100], false),
        ("a page", b"<!doctype html><html>not found</html>", false),
    ] {
        let path = dir.path().join(name);
        fs_err::write(&path, bytes).unwrap();
        let checked = gguf::check(&path);
        assert_eq!(checked.is_ok(), fine, "{name}: {checked:?}");
        assert!(checked.err().is_none_or(|error| error.hint().is_some()), "{name}");
    }
}

#[test]
fn a_tag_is_never_taken_for_a_version() {
    for (tag, registered) in
        [("1b", "1b"), ("7b-Instruct-q4_K_M", "7b-instruct-q4_k_m"), ("8", "tag-8"), ("1.5", "tag-1.5")]
    {
        assert_eq!(naming::tag_of(tag), registered);
    }
}

/// Another process that evicts all it may as soon as a file is there.
#[derive(Debug)]
struct Evicting(Store);

impl Progress for Evicting {
    fn event(&self, event: &Event<'_>) {
        if matches!(event, Event::Finished { outcome: Outcome::Hit, .. }) {
            let plan = Store::plan(&self.0.inventory().unwrap(), &EvictPolicy::default().with_max_size(Some(0)));
            self.0.apply(&plan).unwrap();
        }
    }
}

#[tokio::test]
async fn what_was_found_is_not_evicted_before_it_has_a_version() {
    let folder = tempfile::tempdir().unwrap();
    let hub = |commit: &str, files: &[&str]| {
        let top = folder.path().join(commit);
        let snapshot = top.join(format!("models--org--name/snapshots/{}", commit.repeat(40)));
        fs_err::create_dir_all(&snapshot).unwrap();
        fs_err::create_dir_all(top.join("models--org--name/blobs")).unwrap();
        for file in files {
            // The git id of "same", and of nothing.
            let (name, bytes) = match *file {
                "same" => ("5a66c000ab56fb7018b5ec24cdb24c94c00e2142", "same"),
                _ => ("e69de29bb2d1d6434b8b29ae775ad8c2e48c5391", ""),
            };
            fs_err::write(top.join("models--org--name/blobs").join(name), bytes).unwrap();
            std::os::unix::fs::symlink(format!("../../blobs/{name}"), snapshot.join(file)).unwrap();
        }
        top
    };
    let cache = Cache::builder().root(folder.path().join("store")).offline(true).build().unwrap();
    let first = cache.adopt(hub("a", &["same"])).copy(true).await.unwrap();
    assert!(first.is_ok(), "{first:?}");
    let other = Store::open(folder.path().join("store"), StoreOptions::default()).unwrap();
    let second =
        cache.adopt(hub("b", &["same", "empty"])).copy(true).progress(Arc::new(Evicting(other))).await.unwrap();
    assert!(second.is_ok(), "{second:?}");
}
