//! The environment of the process: variables, and the default folder of the store.

use std::path::PathBuf;

use crate::{Error, ErrorKind, Result};

/// A variable's value, if it is set and not empty.
pub(crate) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Yes and no as `huggingface_hub` reads them.
pub(crate) fn truthy(text: &str) -> bool {
    ["1", "on", "yes", "true"].iter().any(|yes| text.eq_ignore_ascii_case(yes))
}

/// The default folder of the store.
pub(crate) fn platform_root() -> Result<PathBuf> {
    let home = directories::BaseDirs::new().ok_or_else(|| {
        Error::new(ErrorKind::Usage, "this account has no home folder for the store")
            .with_hint("choose a store folder with MODEL_CACHE_DIR")
            .with_reason(crate::Reason::StoreUnusable)
    })?;
    Ok(home.cache_dir().join("model-cache"))
}
