//! [`FetchSpec`]: a parsed and checked request.

use std::sync::Arc;

use cache_core::RetryBudget;

use crate::registry::expected::Expected;
use crate::request::selection::Selection;
use crate::request::source_wait::SourceWait;
use crate::sources::compressed::DigestOptions;
use crate::{ModelRef, Revision};

/// A parsed and checked request.
#[derive(Debug, Clone)]
pub(crate) struct FetchSpec {
    pub(crate) reference: ModelRef,
    pub(crate) revision: Revision,
    pub(crate) selection: Selection,
    pub(crate) digests: DigestOptions,
    /// Expected size of the one file, in bytes.
    pub(crate) size: Option<u64>,
    /// Priority among gets whose files wait for their turn: the higher goes first.
    pub(crate) priority: i32,
    pub(crate) expected: Option<Arc<Expected>>,
    /// Retries of requests for metadata; those of downloads are the engine's.
    pub(crate) budget: RetryBudget,
    /// When a cached version is used instead of further retries.
    pub(crate) source_wait: SourceWait,
}

impl FetchSpec {
    /// The same request for the listing alone.
    pub(crate) fn for_listing(&self) -> Self {
        let mut spec = self.clone();
        spec.selection.listing = true;
        spec.selection.variant = None;
        spec.digests.sha256 = None;
        spec
    }
}
