//! [`Selection`]: the requested files of a version.

use std::collections::BTreeSet;
use std::sync::Arc;

use cache_core::name_list;
use cache_formats::variants::{self, QuantByPath};
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::{Error, ErrorKind, FileEntry, Manifest, ModelId, Reason, RepoPath, Result};

/// The companion that has a name of its own.
const MMPROJ: &str = "mmproj";

/// The requested part of a version, as the user wrote it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Selection {
    pub(crate) path: Option<RepoPath>,
    pub(crate) variant: Option<String>,
    /// Quantizations from headers, of files whose names do not say.
    pub(crate) header_quants: QuantByPath,
    /// Only the listing is requested, and no file.
    pub(crate) listing: bool,
    /// The patterns as they were written, for errors: `include '*.gguf'`.
    patterns: Vec<String>,
    include: Option<GlobSet>,
    exclude: Option<GlobSet>,
    mmproj: bool,
    with: Option<GlobSet>,
    only: Option<Arc<BTreeSet<RepoPath>>>,
}

impl Selection {
    pub(crate) fn new(
        path: Option<RepoPath>,
        variant: Option<String>,
        include: &[String],
        exclude: &[String],
    ) -> Result<Self> {
        let quoted = |kind: &'static str, texts: &[String]| -> Vec<String> {
            texts.iter().map(|text| format!("{kind} '{text}'")).collect()
        };
        let patterns = [quoted("include", include), quoted("exclude", exclude)].concat();
        let (include, exclude) = (globs(include)?, globs(exclude)?);
        Ok(Self { path, variant, patterns, include, exclude, ..Self::default() })
    }

    /// Also files that belong to the wanted ones: `mmproj`, or what matches a pattern.
    pub(crate) fn with(mut self, companions: &[String]) -> Result<Self> {
        let patterns: Vec<String> = companions.iter().filter(|text| *text != MMPROJ).cloned().collect();
        self.mmproj = patterns.len() < companions.len();
        self.with = globs(&patterns)?;
        Ok(self)
    }

    /// Lets in no other files than these.
    pub(crate) fn only(mut self, paths: Option<Arc<BTreeSet<RepoPath>>>) -> Self {
        self.only = paths;
        self
    }

    /// The requested files, by their position in the manifest.
    pub(crate) fn choose(&self, manifest: &Manifest) -> Result<Vec<usize>> {
        if self.listing {
            return Ok(Vec::new());
        }
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
            let tagged = variants::find(manifest, &self.header_quants, variant)?;
            chosen.retain(|at| tagged.contains(at));
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
            return Err(Error::new(ErrorKind::NotFound, self.no_match(&manifest.version.model))
                .with_hint(format!("it has {}", name_list(names.collect())))
                .with_reason(Reason::NoMatch));
        }
        self.accompany(manifest, &mut chosen)?;
        Ok(chosen)
    }

    fn no_match(&self, model: &ModelId) -> String {
        if self.patterns.is_empty() {
            return format!("no file in {model} matches the selection");
        }
        format!("no file in {model} matches {}", self.patterns.join(" "))
    }

    fn accompany(&self, manifest: &Manifest, chosen: &mut Vec<usize>) -> Result<()> {
        if self.mmproj && !chosen.iter().any(|&at| variants::is_mmproj(&manifest.files[at].path)) {
            chosen.push(variants::mmproj(manifest, chosen)?);
        }
        if let Some(with) = &self.with {
            let more = positions(manifest, |file| with.is_match(file.path.as_str()));
            if more.is_empty() {
                let names = manifest.files.iter().map(|file| file.path.to_string()).collect();
                let model = &manifest.version.model;
                return Err(Error::new(
                    ErrorKind::NotFound,
                    format!("no file in {model} matches the companion pattern"),
                )
                .with_hint(format!("it has {}", name_list(names))));
            }
            chosen.extend(more);
        }
        chosen.sort_unstable();
        chosen.dedup();
        Ok(())
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
    fn pattern_star_crosses_folders_and_slash_ends() {
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
    fn path_selects_one_file_or_one_folder() {
        let manifest = manifest(&["onnx/model.onnx", "x.json", "x.json2"]);
        let at = |path: &str| Selection { path: Some(RepoPath::parse(path).unwrap()), ..Selection::default() };
        assert_eq!(chosen(&at("x.json"), &manifest), ["x.json"]);
        assert_eq!(chosen(&at("onnx"), &manifest), ["onnx/model.onnx"]);
        assert_eq!(at("y").choose(&manifest).unwrap_err().kind(), ErrorKind::NotFound);
    }

    #[test]
    fn quantization_is_a_whole_word_with_all_parts() {
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
