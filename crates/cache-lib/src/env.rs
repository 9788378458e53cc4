//! The environment of the process: variables, the default folder of the store, memory.

use std::path::PathBuf;

use crate::{Error, ErrorKind, Result};

/// Bytes of memory of this machine, used or not; `None` where it does not say. Limits of containers are not looked at.
#[must_use]
pub fn machine_memory() -> Option<u64> {
    total(&cache_fs::read_text("/proc/meminfo", 1 << 20).ok()?)
}

/// `MemTotal:       16384256 kB`, as proc_meminfo(5) has it; its kB are 1024 bytes.
fn total(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1024)
}

/// A variable's value, if it is set and not empty.
pub(crate) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Yes and no as `huggingface_hub` reads them.
pub(crate) fn truthy(text: &str) -> bool {
    ["1", "on", "yes", "true"].iter().any(|yes| text.eq_ignore_ascii_case(yes))
}

/// The store's folder when nobody names another.
pub(crate) fn platform_root() -> Result<PathBuf> {
    let home = directories::BaseDirs::new().ok_or_else(|| {
        Error::new(ErrorKind::Usage, "this account has no home folder for the store")
            .with_hint("choose a store folder with MODEL_CACHE_DIR")
            .with_reason(crate::Reason::StoreUnusable)
    })?;
    Ok(home.cache_dir().join("model-cache"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_total_is_read() {
        assert_eq!(super::total("MemTotal:       16384256 kB\nMemFree: 1 kB\n"), Some(16_384_256 * 1024));
        assert_eq!(super::total("nothing"), None);
    }
}
