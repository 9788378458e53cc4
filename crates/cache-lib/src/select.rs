//! Which files of a version are wanted.

use std::collections::BTreeSet;
use std::sync::Arc;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::{Error, ErrorKind, FileEntry, Manifest, RepoPath, Result};

/// Longest list of names in an error.
const SHOWN: usize = 12;

/// The wanted part of a version, as the user wrote it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Selection {
    pub(crate) path: Option<RepoPath>,
    pub(crate) variant: Option<String>,
    include: Option<GlobSet>,
    exclude: Option<GlobSet>,
    only: Option<Arc<BTreeSet<RepoPath>>>,
}

impl Selection {
    pub(crate) fn new(
        path: Option<RepoPath>,
        variant: Option<String>,
        include: &[String],
        exclude: &[String],
    ) -> Result<Self> {
        Ok(Self { path, variant, include: globs(include)?, exclude: globs(exclude)?, only: None })
    }

    /// Lets in no other files than these.
    pub(crate) fn only(mut self, paths: Option<Arc<BTreeSet<RepoPath>>>) -> Self {
        self.only = paths;
        self
    }

    /// The wanted files, by their place in the manifest.
    pub(crate) fn choose(&self, manifest: &Manifest) -> Result<Vec<usize>> {
        let mut chosen: Vec<usize> = (0..manifest.files.len()).collect();
        if let Some(path) = &self.path {
            chosen.retain(|&at| manifest.files[at].path == *path);
            if chosen.is_empty() {
                let folder = format!("{path}/");
                chosen = positions(manifest, |file| file.path.as_str().starts_with(&folder));
            }
            if chosen.is_empty() {
                return manifest.require(path).map(|_| chosen);
            }
        }
        if let Some(variant) = &self.variant {
            let tagged = tagged(manifest, variant);
            chosen.retain(|at| tagged.contains(at));
            if chosen.is_empty() {
                return Err(no_variant(manifest, variant));
            }
        }
        let matches = |set: &GlobSet, at: &usize| set.is_match(manifest.files[*at].path.as_str());
        if let Some(include) = &self.include {
            chosen.retain(|at| matches(include, at));
        }
        if let Some(exclude) = &self.exclude {
            chosen.retain(|at| !matches(exclude, at));
        }
        if let Some(only) = &self.only {
            chosen.retain(|&at| only.contains(&manifest.files[at].path));
        }
        if chosen.is_empty() && !manifest.files.is_empty() {
            let names = manifest.files.iter().map(|file| file.path.to_string());
            return Err(Error::new(
                ErrorKind::NotFound,
                format!("no file of {} is left by the patterns", manifest.version.model),
            )
            .with_hint(format!("it holds {}", list(names.collect()))));
        }
        Ok(chosen)
    }
}

fn positions(manifest: &Manifest, wanted: impl Fn(&FileEntry) -> bool) -> Vec<usize> {
    (0..manifest.files.len()).filter(|&at| wanted(&manifest.files[at])).collect()
}

/// Patterns as `huggingface_hub` reads them: `*` and `?` cross `/`, `folder/` means all in the folder.
fn globs(patterns: &[String]) -> Result<Option<GlobSet>> {
    if patterns.is_empty() {
        return Ok(None);
    }
    let refused = |pattern: &str, error: &globset::Error| {
        Error::new(ErrorKind::Usage, format!("{pattern:?} is not a pattern: {}", error.kind()))
            .with_hint("write *.safetensors, onnx/, or tokenizer*; quote it from the shell")
    };
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        let mut whole = pattern.clone();
        if whole.ends_with('/') {
            whole.push('*');
        }
        let glob = GlobBuilder::new(&whole)
            .literal_separator(false)
            .backslash_escape(false)
            .build()
            .map_err(|error| refused(pattern, &error))?;
        set.add(glob);
    }
    set.build().map(Some).map_err(|error| refused(&patterns.join(" "), &error))
}

fn is_gguf(file: &FileEntry) -> bool {
    file.path.as_str().to_ascii_lowercase().ends_with(".gguf")
}

/// The GGUF files whose name, or one of whose folders, carries a tag such as `Q4_K_M`; the parts of a split file
/// carry it all alike.
fn tagged(manifest: &Manifest, tag: &str) -> Vec<usize> {
    let tag = tag.to_ascii_uppercase();
    let exact = positions(manifest, |file| is_gguf(file) && carries(file.path.as_str(), &tag, false));
    if exact.is_empty() {
        return positions(manifest, |file| is_gguf(file) && carries(file.path.as_str(), &tag, true));
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

fn no_variant(manifest: &Manifest, variant: &str) -> Error {
    let ggufs: Vec<&str> = manifest.files.iter().filter(|file| is_gguf(file)).map(|file| file.path.as_str()).collect();
    let error =
        Error::new(ErrorKind::NotFound, format!("{} has no GGUF file tagged {variant}", manifest.version.model));
    if ggufs.is_empty() {
        return error.with_hint("it has no GGUF files at all; leave out the part after the colon");
    }
    let tags: BTreeSet<String> = ggufs.iter().filter_map(|name| quantisation(name)).collect();
    if tags.is_empty() {
        return error.with_hint(format!("it holds {}", list(ggufs.iter().map(ToString::to_string).collect())));
    }
    error.with_hint(format!("there are {}", list(tags.into_iter().collect())))
}

/// The quantisation in a file's name, as llama.cpp spells them.
fn quantisation(name: &str) -> Option<String> {
    let name = name.to_ascii_uppercase();
    name.split(['-', '.', '/']).rev().find_map(|word| {
        let starts = ["Q", "IQ", "TQ"]
            .iter()
            .any(|start| word.strip_prefix(start).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit())));
        (starts || matches!(word, "F16" | "F32" | "BF16") || word.starts_with("MXFP")).then(|| word.to_owned())
    })
}

fn list(names: Vec<String>) -> String {
    let more = names.len().saturating_sub(SHOWN);
    let mut text = names.into_iter().take(SHOWN).collect::<Vec<_>>().join(", ");
    if more > 0 {
        text = format!("{text} and {more} more");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Commit, ModelId, Version};

    fn manifest(names: &[&str]) -> Manifest {
        let version =
            Version { model: ModelId::hub("org/name").unwrap(), commit: Commit::parse(&"a".repeat(40)).unwrap() };
        let files = names.iter().map(|name| FileEntry::new(RepoPath::parse(name).unwrap())).collect();
        Manifest::new(version, files).unwrap()
    }

    fn chosen(selection: &Selection, manifest: &Manifest) -> Vec<String> {
        selection.choose(manifest).unwrap().into_iter().map(|at| manifest.files[at].path.to_string()).collect()
    }

    fn patterns(include: &[&str], exclude: &[&str]) -> Selection {
        let own = |list: &[&str]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        Selection::new(None, None, &own(include), &own(exclude)).unwrap()
    }

    #[test]
    fn a_star_crosses_folders_and_a_slash_at_the_end_means_all_in_it() {
        let manifest = manifest(&["a.bin", "onnx/model.onnx", "onnx/q/model.bin", "x.json"]);
        assert_eq!(chosen(&patterns(&["*.bin"], &[]), &manifest), ["a.bin", "onnx/q/model.bin"]);
        assert_eq!(chosen(&patterns(&["onnx/"], &[]), &manifest), ["onnx/model.onnx", "onnx/q/model.bin"]);
        assert_eq!(chosen(&patterns(&["*"], &["onnx/", "*.json"]), &manifest), ["a.bin"]);
        let error = patterns(&["*.pth"], &[]).choose(&manifest).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.hint().unwrap().contains("onnx/model.onnx"));
        assert_eq!(Selection::new(None, None, &["[".to_owned()], &[]).unwrap_err().kind(), ErrorKind::Usage);
    }

    #[test]
    fn a_path_is_one_file_or_one_folder() {
        let manifest = manifest(&["onnx/model.onnx", "x.json", "x.json2"]);
        let at = |path: &str| Selection { path: Some(RepoPath::parse(path).unwrap()), ..Selection::default() };
        assert_eq!(chosen(&at("x.json"), &manifest), ["x.json"]);
        assert_eq!(chosen(&at("onnx"), &manifest), ["onnx/model.onnx"]);
        assert_eq!(at("y").choose(&manifest).unwrap_err().kind(), ErrorKind::NotFound);
    }

    #[test]
    fn a_quantisation_is_a_whole_word_and_takes_all_its_parts() {
        let manifest = manifest(&[
            "README.md",
            "m-Q4_K.gguf",
            "m-Q4_K_M-00001-of-00002.gguf",
            "m-Q4_K_M-00002-of-00002.gguf",
            "m_q5_1.gguf",
            "sub/IQ2_XS/m.gguf",
        ]);
        let of = |tag: &str| Selection { variant: Some(tag.to_owned()), ..Selection::default() };
        assert_eq!(chosen(&of("q4_k_m"), &manifest).len(), 2);
        assert_eq!(chosen(&of("Q4_K"), &manifest), ["m-Q4_K.gguf"]);
        assert_eq!(chosen(&of("Q5_1"), &manifest), ["m_q5_1.gguf"]);
        assert_eq!(chosen(&of("iq2_xs"), &manifest), ["sub/IQ2_XS/m.gguf"]);
        let error = of("Q8_0").choose(&manifest).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.hint().unwrap().contains("Q4_K_M"), "{error:?}");
    }
}
