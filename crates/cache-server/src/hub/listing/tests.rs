use std::sync::Arc;

use cache_lib::{Commit, ModelId, RepoKind, RepoName, RepoPath, Sha256, Version};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::repo::Repo;

fn view(paths: &[&str]) -> View {
    let files = paths
        .iter()
        .map(|path| {
            let mut file = FileEntry::new(RepoPath::parse(path).unwrap());
            file.size = Some(3);
            if path.ends_with(".bin") {
                file.digests.sha256 = Some(Sha256::from_bytes([1; 32]));
            }
            file
        })
        .collect();
    of_files(files)
}

pub(in crate::hub) fn of_files(files: Vec<FileEntry>) -> View {
    let version = Version { model: ModelId::hub("o/n").unwrap(), commit: Commit::parse(&"a".repeat(40)).unwrap() };
    View {
        repo: Repo { kind: RepoKind::Model, name: RepoName::parse("o/n").unwrap() },
        manifest: Arc::new(Manifest::new(version, files).unwrap()),
        commit: "a".repeat(40),
        info: json!({"lastModified": "2024-01-02T03:04:05.000Z"}),
        visibility: cache_lib::Visibility::Public,
        encoded: Default::default(),
    }
}

fn listed(view: &View, folder: Option<&str>, recursive: bool) -> Option<Vec<String>> {
    let shown = Shown { folder, recursive, expand: false, from: 0, most: PAGE };
    let page = tree(view, shown).unwrap()?;
    let entries: Vec<Value> = serde_json::from_slice(&page.json).unwrap();
    let name = |entry: &Value| {
        let slash = if entry["type"] == "directory" { "/" } else { "" };
        format!("{}{slash}", entry["path"].as_str().unwrap())
    };
    Some(entries.iter().map(name).collect())
}

#[test]
fn folders_come_once_and_before_what_they_hold() {
    let view = view(&["a-b", "a/c/d", "a/c/e", "a/f.bin", "g", "a.b/x/y"]);
    let all = ["a-b", "a.b/", "a.b/x/", "a.b/x/y", "a/", "a/c/", "a/c/d", "a/c/e", "a/f.bin", "g"];
    assert_eq!(listed(&view, None, true).unwrap(), all);
    assert_eq!(listed(&view, None, false).unwrap(), ["a-b", "a.b/", "a/", "g"]);
    assert_eq!(listed(&view, Some("a"), false).unwrap(), ["a/c/", "a/f.bin"]);
    assert_eq!(listed(&view, Some("a"), true).unwrap(), ["a/c/", "a/c/d", "a/c/e", "a/f.bin"]);
    assert_eq!(listed(&view, Some("a/c"), true).unwrap(), ["a/c/d", "a/c/e"]);
    for nothing in ["b", "a/c/d", "a/c/d/e", "additional_chat_templates"] {
        assert_eq!(listed(&view, Some(nothing), true), None, "{nothing}");
    }
    assert_eq!(listed(&super::tests::view(&[]), None, true).unwrap(), [""; 0]);
}

#[test]
fn an_entry_says_what_the_hub_says() {
    let view = view(&["a/f.bin", "g"]);
    let shown = Shown { folder: None, recursive: true, expand: true, from: 0, most: PAGE };
    let page = tree(&view, shown).unwrap().unwrap();
    let entries: Vec<Value> = serde_json::from_slice(&page.json).unwrap();
    let last = json!({"id": "a".repeat(40), "title": "", "date": "2024-01-02T03:04:05.000Z"});
    assert_eq!(entries[1]["lfs"], json!({"oid": "01".repeat(32), "size": 3, "pointerSize": 126}));
    assert!(entries.iter().all(|entry| entry["lastCommit"] == last));
    let oid = |at: usize| entries[at]["oid"].as_str().unwrap();
    assert_eq!((oid(0).len(), oid(1).len()), (40, 40));
    assert!(oid(2).starts_with(cache_lib::UNHASHED), "of a file without digests nobody is to take it for git's");
    assert!(entries[2].get("lfs").is_none() && entries[2].get("xetHash").is_none());
}

#[test]
fn paths_that_are_not_there_are_left_out() {
    let view = view(&["a/c/d", "g"]);
    let json = paths_info(&view, ["g", "nope", "a", "a/c/", "", "../g", "g", "/a/c", "a"].into_iter(), false).unwrap();
    let found: Vec<Value> = serde_json::from_slice(&json).unwrap();
    let found: Vec<_> =
        found.iter().map(|entry| (entry["path"].as_str().unwrap(), entry["type"].as_str().unwrap())).collect();
    assert_eq!(found, [("g", "file"), ("a", "directory"), ("a/c", "directory")]);
}

proptest! {
    #[test]
    fn pages_make_up_the_whole(
        paths in prop::collection::btree_set("[a-c]{1,2}(/[d-f]{1,2}){0,3}", 0..30),
        most in 1_usize..7,
        recursive in any::<bool>(),
    ) {
        let files: Vec<&str> = paths.iter().map(String::as_str).collect();
        prop_assume!(cache_lib::Manifest::new(
            Version { model: ModelId::hub("o/n").unwrap(), commit: Commit::parse(&"a".repeat(40)).unwrap() },
            files.iter().map(|path| FileEntry::new(RepoPath::parse(path).unwrap())).collect(),
        ).is_ok());
        let view = view(&files);
        let whole = listed(&view, None, recursive).unwrap();
        let distinct: std::collections::BTreeSet<_> = whole.iter().collect();
        prop_assert_eq!(distinct.len(), whole.len());
        let (mut from, mut pages) = (0, Vec::new());
        loop {
            let shown = Shown { folder: None, recursive, expand: false, from, most };
            let page = tree(&view, shown).unwrap().unwrap();
            let entries: Vec<Value> = serde_json::from_slice(&page.json).unwrap();
            prop_assert!(entries.len() <= most);
            pages.extend(entries.iter().map(|entry| entry["path"].as_str().unwrap().to_owned()));
            match page.next {
                Some(next) => from = next,
                None => break,
            }
        }
        let names: Vec<_> = whole.iter().map(|path| path.trim_end_matches('/').to_owned()).collect();
        prop_assert_eq!(&pages, &names);
        if recursive {
            prop_assert!(files.iter().all(|file| names.iter().any(|name| name == file)));
        }
    }
}
