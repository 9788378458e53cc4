//! Why a connection or a transfer stops early.

use cache_core::Error;

/// The reason a connection ends before the file is complete.
#[derive(Debug)]
pub(crate) enum StopReason {
    /// The file at the source is not the one we began with, or has no tag to show that it is.
    Changed { tag: Option<String> },
    /// A body without a validator broke off: nothing of it can be kept.
    StartOver,
    /// The source sends the whole file whatever is asked.
    NoRanges,
    /// It failed; the error says whether trying again can help.
    Failed(Error),
}

impl From<Error> for StopReason {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}
