//! Listings that were changed at random.

use cache_core::{Commit, Manifest, Version};
use cache_testkit::Fuzz;

use super::*;

const WORDS: &[&str] = &[
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    "\"",
    "null",
    "true",
    "\"type\"",
    "\"file\"",
    "\"directory\"",
    "\"path\"",
    "\"oid\"",
    "\"size\"",
    "\"lfs\"",
    "..",
    "/",
    "\\u0000",
    "\\ud800",
    "unhashed-",
    "é",
    "e\u{301}",
    "CON",
];

#[test]
fn mutated_listings_are_read_or_refused() {
    let here = Url::parse("https://hub.example/api/models/o/n/tree/x").unwrap();
    let fuzzed = Fuzz::new("listing", WORDS).run(|input| {
        // Whatever a header may hold.
        if let Ok(link) = std::str::from_utf8(input)
            && let Ok(Some(next)) = next_page(&here, Some(link))
        {
            assert_eq!(next.origin(), here.origin());
        }
        let entries = match serde_json::from_slice::<TreePage>(input) {
            Ok(TreePage(entries)) => entries,
            Err(error) => return format!("{:?}", error.classify()),
        };
        let files: Result<Vec<_>> = entries.into_iter().map(HubTreeEntry::into_file).collect();
        let files = match files {
            Ok(files) => files.into_iter().flatten().collect::<Vec<_>>(),
            Err(error) => return error.message().chars().filter(char::is_ascii_alphabetic).take(40).collect(),
        };
        for file in &files {
            let path = file.path.as_str();
            assert!(path.len() <= 1024 && path.split('/').count() <= 64, "{path}");
            assert!(!path.split('/').any(|part| matches!(part, "" | "." | "..")), "{path}");
            assert!(
                file.is_verifiable() || file.etag.as_deref().is_some_and(|tag| tag.starts_with(UNHASHED)),
                "{path}"
            );
        }
        let version = Version {
            model: "o/n".parse::<cache_core::ModelRef>().unwrap().model,
            commit: Commit::parse(&"a".repeat(40)).unwrap(),
        };
        let listed = files.len();
        match Manifest::new(version, files) {
            Ok(manifest) => {
                assert!(manifest.files.is_sorted_by(|a, b| a.path < b.path));
                format!("{} files", listed.min(3))
            }
            Err(_) => "a collision".to_owned(),
        }
    });
    assert!(fuzzed.outcomes >= 6, "{fuzzed:?}");
}
