//! Fallbacks and companion files of `get`.

use cache_lib::{Candidate, Fallback};
use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct FallbackArgs {
    /// Alternative if it is missing, fails or does not fit: variants (Q4_K_S,Q3_K_M), a policy (smaller, fits-disk,
    /// fits-memory:8GB) or a URL (https://host/file#sha256=DIGEST&size=BYTES); may be repeated.
    #[arg(long = "fallback", value_name = "LIST|POLICY|URL", value_parser = fallback)]
    pub(crate) fallbacks: Vec<FallbackChoice>,
    /// Also download companion files: mmproj or a glob; may be repeated.
    #[arg(long, value_name = "mmproj|GLOB")]
    pub(crate) with: Vec<String>,
}

/// One value of `--fallback`.
#[derive(Debug, Clone)]
pub(crate) enum FallbackChoice {
    Variants(Fallback),
    Source(Box<Candidate>),
}

fn fallback(text: &str) -> Result<FallbackChoice, String> {
    super::values::with_hint(if text.contains("://") {
        text.parse().map(Box::new).map(FallbackChoice::Source)
    } else {
        text.parse().map(FallbackChoice::Variants)
    })
}

impl FallbackArgs {
    /// All variants and policies, in turn; `None` when there are none.
    pub(crate) fn variants(&self) -> Option<Fallback> {
        let policies: Vec<_> = self
            .fallbacks
            .iter()
            .filter_map(|choice| match choice {
                FallbackChoice::Variants(fallback) => Some(fallback.policies().to_vec()),
                FallbackChoice::Source(_) => None,
            })
            .flatten()
            .collect();
        (!policies.is_empty()).then(|| Fallback::new(policies))
    }

    /// Alternative sources, in turn.
    pub(crate) fn sources(&self) -> impl Iterator<Item = &Candidate> {
        self.fallbacks.iter().filter_map(|choice| match choice {
            FallbackChoice::Source(candidate) => Some(&**candidate),
            FallbackChoice::Variants(_) => None,
        })
    }
}
