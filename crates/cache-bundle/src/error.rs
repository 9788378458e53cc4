//! Errors of a bundle that cannot be trusted.

use cache_core::{Error, ErrorKind};

/// An integrity error: nothing of the bundle was made visible.
pub(crate) fn broken(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::Integrity, what).with_hint("get or export the bundle again; nothing of it was shown")
}
