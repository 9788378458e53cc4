//! The environment of the process: variables, and the default folder of the store.

use std::path::PathBuf;

use crate::{Error, ErrorKind, Result, units};

/// A variable's value, if it is set and not empty.
pub(crate) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The first of these variables of this program that is set to more than blanks.
fn own(names: [&str; 2]) -> Option<String> {
    let value = |name: &str| environment(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    names.into_iter().find_map(value)
}

/// Yes and no as `huggingface_hub` reads them; anything else is no.
#[must_use]
pub fn truthy(text: &str) -> bool {
    ["1", "on", "yes", "true"].iter().any(|yes| text.eq_ignore_ascii_case(yes))
}

/// The store folder in `MODEL_CACHE_DIR`; `~/` is the home folder.
pub(crate) fn store_dir() -> Option<PathBuf> {
    let text = own(["MODEL_CACHE_DIR", "MODEL_CACHE_STORE_DIR"])?;
    match (text.strip_prefix("~/").or_else(|| (text == "~").then_some("")), directories::BaseDirs::new()) {
        (Some(rest), Some(base)) => Some(base.home_dir().join(rest)),
        _ => Some(std::env::current_dir().unwrap_or_default().join(&text)),
    }
}

/// Whether `MODEL_CACHE_OFFLINE`, or below it `HF_HUB_OFFLINE`, turns the network off.
///
/// # Errors
/// [`ErrorKind::Usage`] when `MODEL_CACHE_OFFLINE` is neither true nor false.
pub(crate) fn offline() -> Result<Option<bool>> {
    let Some(text) = own(["MODEL_CACHE_OFFLINE", "MODEL_CACHE_NETWORK_OFFLINE"]) else {
        return Ok(environment("HF_HUB_OFFLINE").map(|text| truthy(&text)));
    };
    let is_no = ["0", "off", "no", "false"].iter().any(|no| text.eq_ignore_ascii_case(no));
    if is_no || truthy(&text) {
        return Ok(Some(!is_no));
    }
    Err(Error::new(ErrorKind::Usage, format!("MODEL_CACHE_OFFLINE: {text:?} is neither true nor false"))
        .with_hint("write true or false"))
}

/// The quota in `MODEL_CACHE_QUOTA`, in bytes.
///
/// # Errors
/// [`ErrorKind::Usage`] when it is not a size.
pub(crate) fn quota() -> Result<Option<u64>> {
    match own(["MODEL_CACHE_QUOTA", "MODEL_CACHE_STORE_QUOTA"]) {
        Some(text) if ["off", "none"].iter().any(|word| text.eq_ignore_ascii_case(word)) => Ok(None),
        Some(text) => units::parse_size(&text).map(Some).map_err(|error| error.context("MODEL_CACHE_QUOTA")),
        None => Ok(None),
    }
}

/// The default folder of the store.
///
/// # Errors
/// [`ErrorKind::Usage`] when the account has no home folder.
pub(crate) fn platform_root() -> Result<PathBuf> {
    let home = directories::BaseDirs::new().ok_or_else(|| {
        Error::new(ErrorKind::Usage, "this account has no home folder for the store")
            .with_hint("choose a store folder with MODEL_CACHE_DIR")
            .with_reason(crate::Reason::StoreUnusable)
    })?;
    Ok(home.cache_dir().join("model-cache"))
}
