//! Model folders of other programs, version by version.
//!
//! Nothing is written and no model file is read: a caller that adopts a file verifies it against the digest of its entry.

mod contents;
mod hub;
mod lm_studio;
mod ollama;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use cache_core::{Error, ErrorKind, Result};

pub use contents::{CacheContents, CacheKind, CachedName, CachedVersion};
pub(crate) use ollama::OllamaImage;

use crate::error;

/// Looks into a folder, or into the folder in it that its program keeps the models in. Blocks.
///
/// # Errors
/// [`ErrorKind::NotFound`] without the folder; [`ErrorKind::Usage`] when it is not of the kind, or of none that is known.
pub fn look(folder: &Path, kind: Option<CacheKind>) -> Result<CacheContents> {
    let folder = std::path::absolute(folder).map_err(error::read)?;
    if folder.to_str().is_none() {
        return Err(Error::new(ErrorKind::Usage, format!("{} is not UTF-8", folder.display()))
            .with_hint("rename the folder, or give a link to it"));
    }
    if !folder.is_dir() {
        return Err(error::no_folder(&folder));
    }
    let found = match kind {
        Some(kind) => find(&folder, kind)?.map(|top| (kind, top)),
        None => {
            let mut found = None;
            for kind in [CacheKind::HuggingFace, CacheKind::Ollama, CacheKind::LmStudio] {
                found = match found {
                    None => find(&folder, kind)?.map(|top| (kind, top)),
                    found => found,
                };
            }
            found
        }
    };
    let Some((kind, top)) = found else {
        let what = match kind {
            Some(kind) => format!("not a folder of {kind}"),
            None => "unrecognized layout: not a Hugging Face, Ollama or LM Studio cache".to_owned(),
        };
        return Err(Error::new(ErrorKind::Usage, format!("{}: {what}", folder.display()))
            .with_hint(
                "known folders are ~/.cache/huggingface/hub, ~/.ollama/models and ~/.lmstudio/models; name the layout \
                 of others",
            )
            .with_reason(cache_core::Reason::UnknownLayout));
    };
    match kind {
        CacheKind::HuggingFace => hub::contents(&top),
        CacheKind::Ollama => ollama::contents(&top),
        CacheKind::LmStudio => lm_studio::contents(&top),
    }
}

/// The folder itself or one in it, whichever is of the kind.
fn find(folder: &Path, kind: CacheKind) -> Result<Option<PathBuf>> {
    let (inside, is): (&str, fn(&Path) -> Result<bool>) = match kind {
        CacheKind::HuggingFace => ("hub", hub::is_cache),
        CacheKind::Ollama => ("models", |folder| Ok(ollama::is_store(folder))),
        CacheKind::LmStudio => ("models", lm_studio::is_store),
    };
    for top in [folder.to_path_buf(), folder.join(inside)] {
        if is(&top)? {
            return Ok(Some(top));
        }
    }
    Ok(None)
}
