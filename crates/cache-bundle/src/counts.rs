//! [`Counts`]: how much an index lists, found out before any of it is kept in memory.

use std::fmt;
use std::marker::PhantomData;

use cache_core::MAX_LISTED_FILES;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};

/// Most blobs that a bundle carries and builds on: one for each file and as many before.
const MAX_BLOBS: usize = 2 * MAX_LISTED_FILES;
/// Most versions and moving names of a bundle.
const MAX_NAMES: usize = 1 << 16;

/// How much an index lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) files: usize,
    pub(crate) blobs: usize,
    pub(crate) names: usize,
}

impl Counts {
    /// What there is too much of.
    pub(crate) fn excess(&self) -> Option<String> {
        let all = [
            ("files", self.files, MAX_LISTED_FILES),
            ("blobs", self.blobs, MAX_BLOBS),
            ("versions and names", self.names, MAX_NAMES),
        ];
        let (what, there, most) = all.into_iter().find(|(_, there, most)| there > most)?;
        Some(format!("{there} {what}, at most {most}"))
    }
}

impl<'de> Deserialize<'de> for Counts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let CountedIndex { versions, blobs, base } = CountedIndex::deserialize(deserializer)?;
        Ok(Self {
            files: versions.files,
            blobs: blobs.items + base.map_or(0, |base| base.blobs.items),
            names: versions.items,
        })
    }
}

#[derive(Deserialize)]
struct CountedIndex {
    versions: List<CountedVersion>,
    blobs: List<IgnoredAny>,
    #[serde(default)]
    base: Option<CountedBase>,
}

#[derive(Deserialize)]
struct CountedBase {
    blobs: List<IgnoredAny>,
}

#[derive(Deserialize)]
struct CountedVersion {
    refs: List<IgnoredAny>,
    manifest: CountedManifest,
}

#[derive(Deserialize)]
struct CountedManifest {
    files: List<IgnoredAny>,
}

/// What one element of a list adds to items and files.
trait Weight {
    fn weight(&self) -> (usize, usize);
}

impl Weight for IgnoredAny {
    fn weight(&self) -> (usize, usize) {
        (1, 0)
    }
}

impl Weight for CountedVersion {
    fn weight(&self) -> (usize, usize) {
        (1 + self.refs.items, self.manifest.files.items)
    }
}

/// A list of which each element is counted and dropped.
struct List<T> {
    items: usize,
    files: usize,
    of: PhantomData<T>,
}

impl<'de, T: Deserialize<'de> + Weight> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Counting(PhantomData))
    }
}

struct Counting<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de> + Weight> Visitor<'de> for Counting<T> {
    type Value = List<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<List<T>, A::Error> {
        let mut counted = List { items: 0, files: 0, of: PhantomData };
        while let Some(element) = list.next_element::<T>()? {
            let (items, files) = element.weight();
            counted.items += items;
            counted.files += files;
        }
        Ok(counted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(text: &str) -> serde_json::Result<Counts> {
        serde_json::from_str(text)
    }

    #[test]
    fn an_index_is_counted_over_all_versions() {
        let text = r#"{"format": 1, "blobs": [{}, 1], "base": {"blobs": [2], "index": ""}, "versions": [
            {"refs": ["a", "b"], "manifest": {"files": [{"path": "x"}, {}], "model": "m"}},
            {"refs": [], "manifest": {"files": [3]}}]}"#;
        assert_eq!(counts(text).unwrap(), Counts { files: 3, blobs: 3, names: 4 });
        assert!(counts(r#"{"blobs": [], "versions": {}}"#).is_err());
    }

    #[test]
    fn too_much_of_anything_is_named() {
        for (what, files, blobs, names) in
            [("files", MAX_LISTED_FILES + 1, 0, 0), ("blobs", 0, MAX_BLOBS + 1, 0), ("names", 0, 0, MAX_NAMES + 1)]
        {
            assert!(Counts { files, blobs, names }.excess().unwrap().contains(what));
        }
        assert_eq!(Counts { files: MAX_LISTED_FILES, blobs: MAX_BLOBS, names: MAX_NAMES }.excess(), None);
    }
}
