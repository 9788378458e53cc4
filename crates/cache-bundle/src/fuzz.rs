//! Indexes that were changed at random.

use cache_testkit::Fuzz;

use crate::{BundledVersion, Index};

const WORDS: &[&str] = &[
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    "\"",
    "null",
    "\"format\"",
    "\"versions\"",
    "\"blobs\"",
    "\"base\"",
    "\"refs\"",
    "\"manifest\"",
    "\"files\"",
    "\"path\"",
    "\"blob\"",
    "\"size\"",
    "\"sha256\"",
    "\"digests\"",
    "\"packed\"",
    "..",
    "/",
    "main",
];

#[test]
fn mutated_indexes_are_read_or_refused() {
    let fuzzed = Fuzz::new("bundle-index", WORDS).run(|input| match Index::parse(input) {
        Ok(index) => {
            assert_eq!(Index::parse(&index.to_bytes().unwrap()).unwrap(), index);
            for (file, blob) in index.versions.iter().flat_map(BundledVersion::files) {
                let base = index.base.as_ref().map_or(&[][..], |base| &base.blobs);
                let known = index.blobs.iter().chain(base).find(|known| known.sha256 == blob);
                let known = known.unwrap_or_else(|| panic!("{}", file.path));
                assert!(file.size.is_none_or(|size| size == known.size), "{}", file.path);
            }
            format!("{} versions, {} blobs", index.versions.len().min(3), index.blobs.len().min(3))
        }
        Err(error) => error.message().chars().filter(char::is_ascii_alphabetic).take(60).collect(),
    });
    assert!(fuzzed.outcomes >= 8, "{fuzzed:?}");
}
