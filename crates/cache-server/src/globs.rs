//! Globs of repositories in the configuration.

use cache_lib::{Error, ErrorKind, Result};
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

/// Reads globs of repositories; `*` also crosses `/`. `key` is what the error names.
///
/// # Errors
/// [`ErrorKind::Usage`] when one is no glob.
pub(crate) fn globs(key: &str, patterns: &[String]) -> Result<GlobSet> {
    let refused = |error: &globset::Error| {
        Error::new(ErrorKind::Usage, format!("{key}: {error}"))
            .with_hint("write globs of repositories, such as [\"org/*\", \"datasets/org/*\"]")
    };
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        set.add(GlobBuilder::new(pattern).literal_separator(false).build().map_err(|error| refused(&error))?);
    }
    set.build().map_err(|error| refused(&error))
}
