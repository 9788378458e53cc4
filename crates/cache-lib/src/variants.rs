//! The variants of a model: its GGUF files by quantisation.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::units::list;
use crate::{Error, ErrorKind, FileEntry, Manifest, RepoPath, Result};

/// Quantizations from headers, of files whose names do not say.
pub(crate) type QuantByPath = BTreeMap<RepoPath, String>;

/// Where the name of a [`Variant`] comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum NamedBy {
    /// The name of its files.
    FileName,
    /// The folder they lie in.
    Folder,
    /// The header of its first file.
    Header,
    /// Nothing tells: it is called as its file.
    Nothing,
}

/// One quantisation of a model, as one file or as a split set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Variant {
    /// What stands after the colon: `Q4_K_M`.
    pub name: String,
    /// Its files, sorted by path. Companions such as `mmproj` are not among them.
    pub files: Vec<RepoPath>,
    /// Bytes of all its files; `None` when the source does not give the size of each.
    pub size: Option<u64>,
    /// Parts of split files that the version does not have; 0 for what is whole.
    pub missing_parts: usize,
    /// Where the name comes from.
    pub named_by: NamedBy,
}

impl Variant {
    /// Whether people would call it so: case does not matter, and `FP16` is `F16`.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        plain(&self.name) == plain(name)
    }

    /// Bytes of memory that loading it takes, as an estimate: its size and a tenth for context and buffers.
    #[must_use]
    pub fn memory(&self) -> Option<u64> {
        self.size.map(|size| size.saturating_add(size / 10))
    }
}

/// The variants of a listing as names tell them, the largest first. Reads neither the network nor the disk.
#[must_use]
pub fn variants_by_name(manifest: &Manifest) -> Vec<Variant> {
    variants(manifest, &QuantByPath::new())
}

/// The variants of a version, the largest first.
pub(crate) fn variants(manifest: &Manifest, quants: &QuantByPath) -> Vec<Variant> {
    let mut found: Vec<Variant> = Vec::new();
    for set in sets(manifest) {
        let (name, named_by) = set.name(manifest, quants);
        let at = found.iter().position(|variant| variant.is(&name)).unwrap_or_else(|| {
            found.push(Variant { name, files: Vec::new(), size: Some(0), missing_parts: 0, named_by });
            found.len() - 1
        });
        let variant = &mut found[at];
        variant.missing_parts += set.missing();
        for file in set.files.iter().map(|&at| &manifest.files[at]) {
            variant.files.push(file.path.clone());
            variant.size = variant.size.zip(file.size).map(|(sum, size)| sum.saturating_add(size));
        }
    }
    found.iter_mut().for_each(|variant| variant.files.sort());
    found.sort_by(|a, b| b.size.cmp(&a.size).then_with(|| a.name.cmp(&b.name)));
    found
}

/// The files of the variant with a name, by their place in the manifest.
///
/// # Errors
/// [`ErrorKind::NotFound`] when there is none, or not all of it.
pub(crate) fn find(manifest: &Manifest, quants: &QuantByPath, tag: &str) -> Result<Vec<usize>> {
    let variants = variants(manifest, quants);
    if let Some(variant) = variants.iter().find(|variant| variant.is(tag)) {
        if variant.missing_parts > 0 {
            return Err(incomplete(manifest, variant));
        }
        return Ok(positions(manifest, |file| variant.files.binary_search(&file.path).is_ok()));
    }
    let tagged = tagged(manifest, tag);
    if tagged.is_empty() {
        return Err(no_variant(manifest, &variants, tag));
    }
    match variants
        .iter()
        .find(|v| v.missing_parts > 0 && tagged.iter().any(|&at| v.files.contains(&manifest.files[at].path)))
    {
        Some(variant) => Err(incomplete(manifest, variant)),
        None => Ok(tagged),
    }
}

/// The first files of variants that only their headers can name.
pub(crate) fn unnamed<'a>(manifest: &'a Manifest, quants: &QuantByPath) -> Vec<&'a FileEntry> {
    let bare = |set: &FileSet| set.name(manifest, quants).1 == NamedBy::Nothing;
    sets(manifest).iter().filter(|set| bare(set)).map(|set| &manifest.files[set.files[0]]).collect()
}

/// The projector that belongs to the chosen files: of several the one beside them, and of those the F16.
///
/// # Errors
/// [`ErrorKind::NotFound`] when there is none; [`ErrorKind::Usage`] when nothing tells which.
pub(crate) fn mmproj(manifest: &Manifest, chosen: &[usize]) -> Result<usize> {
    let all = positions(manifest, |file| is_mmproj(&file.path));
    let folder = |at: usize| manifest.files[at].path.as_str().rsplit_once('/').map(|(folder, _)| folder.to_owned());
    let main = chosen.iter().copied().find(|&at| is_model(&manifest.files[at]));
    let beside: Vec<usize> =
        all.iter().copied().filter(|&at| main.is_some_and(|main| folder(main) == folder(at))).collect();
    let candidates = if beside.is_empty() { all } else { beside };
    let half = |at: &&usize| quantisation(manifest.files[**at].path.as_str()).as_deref() == Some("F16");
    let halves: Vec<usize> = candidates.iter().filter(half).copied().collect();
    match (&candidates[..], &halves[..]) {
        ([one], _) | (_, [one]) => Ok(*one),
        ([], _) => Err(Error::new(ErrorKind::NotFound, format!("{} has no mmproj file", manifest.version.model))
            .with_hint("only models with vision or audio have one")
            .with_reason(crate::Reason::NoMmproj)),
        _ => {
            let names = candidates.iter().map(|&at| manifest.files[at].path.to_string()).collect();
            Err(Error::new(
                ErrorKind::Usage,
                format!("{} has several mmproj files: {}", manifest.version.model, list(names)),
            )
            .with_hint("name one of them")
            .with_reason(crate::Reason::SeveralMmproj))
        }
    }
}

/// A file, or the parts of a split one.
struct FileSet {
    /// Its path without the number of the part and the ending.
    stem: String,
    /// By their place in the manifest, in order of their paths.
    files: Vec<usize>,
    /// The numbers of the parts that are there, from 1.
    parts: BTreeSet<u32>,
    count: u32,
}

impl FileSet {
    fn missing(&self) -> usize {
        (self.count as usize).saturating_sub(self.parts.len())
    }

    fn name(&self, manifest: &Manifest, quants: &QuantByPath) -> (String, NamedBy) {
        let (folder, file) = self.stem.rsplit_once('/').unwrap_or(("", &self.stem));
        if let Some(name) = quantisation(file) {
            return (name, NamedBy::FileName);
        }
        if let Some(name) = quantisation(folder) {
            return (name, NamedBy::Folder);
        }
        match quants.get(&manifest.files[self.files[0]].path) {
            Some(name) => (name.clone(), NamedBy::Header),
            None => (file.to_owned(), NamedBy::Nothing),
        }
    }
}

fn sets(manifest: &Manifest) -> Vec<FileSet> {
    let mut sets: BTreeMap<(String, u32), FileSet> = BTreeMap::new();
    for at in positions(manifest, is_model) {
        let path = manifest.files[at].path.as_str();
        let stem = path.get(..path.len() - ".gguf".len()).unwrap_or(path);
        let (stem, no, count) = part(stem).unwrap_or((stem, 1, 1));
        let empty = || FileSet { stem: stem.to_owned(), files: Vec::new(), parts: BTreeSet::new(), count };
        let set = sets.entry((stem.to_owned(), count)).or_insert_with(empty);
        set.files.push(at);
        set.parts.insert(no);
    }
    sets.into_values().collect()
}

/// `model-00001-of-00003` taken apart, as llama.cpp's `llama_split_path` writes it.
fn part(stem: &str) -> Option<(&str, u32, u32)> {
    let (rest, count) = stem.rsplit_once("-of-")?;
    let (stem, no) = rest.rsplit_once('-')?;
    let number = |text: &str| text.parse::<u32>().ok().filter(|_| text.len() == 5);
    let (no, count) = (number(no)?, number(count)?);
    (1..=count).contains(&no).then_some((stem, no, count))
}

fn positions(manifest: &Manifest, wanted: impl Fn(&FileEntry) -> bool) -> Vec<usize> {
    (0..manifest.files.len()).filter(|&at| wanted(&manifest.files[at])).collect()
}

fn is_model(file: &FileEntry) -> bool {
    file.path.as_str().to_ascii_lowercase().ends_with(".gguf") && !is_mmproj(&file.path)
}

pub(crate) fn is_mmproj(path: &RepoPath) -> bool {
    let name = path.as_str().rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    name.ends_with(".gguf") && name.contains("mmproj")
}

/// The files whose name, or one of whose folders, carries a tag such as `Q4_K_M`; the parts of a split file carry it
/// all alike.
fn tagged(manifest: &Manifest, tag: &str) -> Vec<usize> {
    let tag = tag.to_ascii_uppercase();
    let exact = positions(manifest, |file| is_model(file) && carries(file.path.as_str(), &tag, false));
    if exact.is_empty() {
        return positions(manifest, |file| is_model(file) && carries(file.path.as_str(), &tag, true));
    }
    exact
}

/// Whether `tag` stands alone in `name`: `Q4_K` is no part of `Q4_K_M`. `loose` lets an underscore stand before it.
fn carries(name: &str, tag: &str, loose: bool) -> bool {
    let name = name.to_ascii_uppercase();
    let inside = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.match_indices(tag).any(|(at, _)| {
        let before = name[..at].chars().next_back();
        let after = name[at + tag.len()..].chars().next();
        !before.is_some_and(|c| inside(c) && !(loose && c == '_')) && !after.is_some_and(inside)
    })
}

fn no_variant(manifest: &Manifest, variants: &[Variant], tag: &str) -> Error {
    let error = Error::new(ErrorKind::NotFound, format!("{} has no GGUF file tagged {tag}", manifest.version.model));
    if variants.is_empty() {
        return error.with_hint("it has no GGUF files; leave out the part after the colon");
    }
    let names: BTreeSet<String> = variants.iter().map(|variant| variant.name.clone()).collect();
    error.with_hint(format!("there are {}", list(names.into_iter().collect())))
}

fn incomplete(manifest: &Manifest, variant: &Variant) -> Error {
    let (here, missing) = (variant.files.len(), variant.missing_parts);
    Error::new(
        ErrorKind::NotFound,
        format!(
            "{} of {} is incomplete: {missing} of {} parts are missing",
            variant.name,
            manifest.version.model,
            here + missing
        ),
    )
    .with_hint("its source has not all parts of the split file; take another variant, or a revision that has them")
}

/// The quantisation in a path, as llama.cpp spells them; `UD-` before it is Unsloth's own mixture.
pub(crate) fn quantisation(path: &str) -> Option<String> {
    let path = path.to_ascii_uppercase();
    let words: Vec<&str> = path.split(['-', '.', '/']).collect();
    words.iter().enumerate().rev().find_map(|(at, word)| {
        let name = word_quantisation(word)?;
        let mixture = at > 0 && words[at - 1] == "UD" && name.len() == word.len();
        Some(if mixture { format!("UD-{name}") } else { name })
    })
}

/// A whole word, or what follows an underscore in it.
fn word_quantisation(word: &str) -> Option<String> {
    let starts = std::iter::once(0).chain(word.match_indices('_').map(|(at, _)| at + 1));
    starts.map(|at| &word[at..]).find(|tail| is_quantisation(tail)).map(plain)
}

fn is_quantisation(word: &str) -> bool {
    let digit = |rest: &str| rest.starts_with(|c: char| c.is_ascii_digit());
    ["Q", "IQ", "TQ", "MXFP", "NVFP"].iter().any(|start| word.strip_prefix(start).is_some_and(digit))
        || matches!(word, "F16" | "F32" | "BF16" | "FP16" | "FP32")
}

/// One spelling for what is spelled in two ways.
fn plain(name: &str) -> String {
    let name = name.to_ascii_uppercase();
    match name.as_str() {
        "FP16" => "F16".to_owned(),
        "FP32" => "F32".to_owned(),
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Commit, ModelId, Version};

    fn manifest(files: &[(&str, u64)]) -> Manifest {
        let version =
            Version { model: ModelId::hub("org/name").unwrap(), commit: Commit::parse(&"a".repeat(40)).unwrap() };
        let entry = |(path, size): &(&str, u64)| FileEntry {
            size: Some(*size),
            ..FileEntry::new(RepoPath::parse(path).unwrap())
        };
        Manifest::new(version, files.iter().map(entry).collect()).unwrap()
    }

    fn names(manifest: &Manifest, found: Result<Vec<usize>>) -> Vec<String> {
        found.unwrap().into_iter().map(|at| manifest.files[at].path.to_string()).collect()
    }

    #[test]
    fn names_are_read_as_people_write_them() {
        for (path, name) in [
            ("m-Q4_K_M.gguf", "Q4_K_M"),
            ("m.q8_0", "Q8_0"),
            ("llama_3_q5_1", "Q5_1"),
            ("Qwen3-8B-UD-Q4_K_XL", "UD-Q4_K_XL"),
            ("UD-IQ2_M/x", "UD-IQ2_M"),
            ("qwen2-0_5b-instruct-fp16", "F16"),
            ("gpt-oss-20b-mxfp4", "MXFP4"),
            ("m.i1-IQ3_XXS", "IQ3_XXS"),
            ("model-bf16", "BF16"),
        ] {
            assert_eq!(quantisation(path).as_deref(), Some(name), "{path}");
        }
        for path in ["model", "Qwen3-8B", "llama-7b-instruct", "", "quantum"] {
            assert_eq!(quantisation(path), None, "{path}");
        }
    }

    #[test]
    fn variants_are_whole_sets_largest_first() {
        let manifest = manifest(&[
            ("README.md", 1),
            ("Q8_0/m-00001-of-00002.gguf", 50),
            ("Q8_0/m-00002-of-00002.gguf", 40),
            ("m-F16-00001-of-00003.gguf", 90),
            ("m-F16-00003-of-00003.gguf", 90),
            ("m-q4_k_m.gguf", 30),
            ("mmproj-m-F16.gguf", 10),
            ("plain.gguf", 20),
        ]);
        let quants = QuantByPath::from([(RepoPath::parse("plain.gguf").unwrap(), "Q2_K".to_owned())]);
        let found = variants(&manifest, &quants);
        let short: Vec<_> =
            found.iter().map(|v| (v.name.as_str(), v.size.unwrap(), v.missing_parts, v.named_by)).collect();
        assert_eq!(
            short,
            [
                ("F16", 180, 1, NamedBy::FileName),
                ("Q8_0", 90, 0, NamedBy::Folder),
                ("Q4_K_M", 30, 0, NamedBy::FileName),
                ("Q2_K", 20, 0, NamedBy::Header),
            ]
        );
        assert_eq!(find(&manifest, &quants, "q8_0").unwrap().len(), 2);
        assert_eq!(names(&manifest, find(&manifest, &quants, "Q2_K")), ["plain.gguf"]);
        assert_eq!(names(&manifest, find(&manifest, &QuantByPath::new(), "plain")), ["plain.gguf"]);
        let error = find(&manifest, &quants, "fp16").unwrap_err();
        assert!(error.message().contains("1 of 3 parts"), "{error}");
        assert_eq!(unnamed(&manifest, &QuantByPath::new()).len(), 1);
        assert!(unnamed(&manifest, &quants).is_empty());
    }

    #[test]
    fn a_mixture_answers_to_the_name_it_is_a_mixture_of() {
        let both = manifest(&[("m-Q4_K_M.gguf", 1), ("m-UD-Q4_K_M.gguf", 2), ("m-UD-Q2_K_XL.gguf", 1)]);
        let quants = QuantByPath::new();
        assert_eq!(names(&both, find(&both, &quants, "Q4_K_M")), ["m-Q4_K_M.gguf"]);
        assert_eq!(names(&both, find(&both, &quants, "UD-Q4_K_M")), ["m-UD-Q4_K_M.gguf"]);
        assert_eq!(names(&both, find(&both, &quants, "Q2_K_XL")), ["m-UD-Q2_K_XL.gguf"]);
    }

    #[test]
    fn the_projector_beside_it_in_f16_is_the_one() {
        let of = |files: &[(&str, u64)]| {
            let manifest = manifest(files);
            let chosen = find(&manifest, &QuantByPath::new(), "Q8_0").unwrap();
            mmproj(&manifest, &chosen).map(|at| manifest.files[at].path.to_string()).map_err(|error| error.kind())
        };
        let model = ("a/m-Q8_0.gguf", 1);
        assert_eq!(of(&[model, ("mmproj-Q8_0.gguf", 1)]).unwrap(), "mmproj-Q8_0.gguf");
        let some = [model, ("a/mmproj-BF16.gguf", 1), ("a/mmproj-F16.gguf", 1), ("b/mmproj-F16.gguf", 1)];
        assert_eq!(of(&some).unwrap(), "a/mmproj-F16.gguf");
        assert_eq!(of(&[model, ("a/mmproj-BF16.gguf", 1), ("a/mmproj-F32.gguf", 1)]), Err(ErrorKind::Usage));
        assert_eq!(of(&[model]), Err(ErrorKind::NotFound));
    }
}
