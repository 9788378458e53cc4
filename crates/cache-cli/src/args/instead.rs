//! Fallbacks and companion files of `get`.

use cache_lib::{Candidate, Fallback};
use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct InsteadArgs {
    /// Alternative if it is missing, fails or does not fit: variants (Q4_K_S,Q3_K_M), a policy (smaller, fits-disk,
    /// fits-memory:8GB) or a URL (https://host/file#sha256=DIGEST&size=BYTES); may be repeated.
    #[arg(long = "fallback", value_name = "LIST|POLICY|URL", value_parser = instead)]
    pub(crate) fallbacks: Vec<Instead>,
    /// Also download companion files: mmproj or a glob; may be repeated.
    #[arg(long, value_name = "mmproj|GLOB")]
    pub(crate) with: Vec<String>,
}

/// One value of `--fallback`.
#[derive(Debug, Clone)]
pub(crate) enum Instead {
    Variants(Fallback),
    Place(Box<Candidate>),
}

fn instead(text: &str) -> Result<Instead, String> {
    super::with_hint(if text.contains("://") {
        text.parse().map(Box::new).map(Instead::Place)
    } else {
        text.parse().map(Instead::Variants)
    })
}

impl InsteadArgs {
    /// All variants and policies, in turn; `None` when there are none.
    pub(crate) fn variants(&self) -> Option<Fallback> {
        let policies: Vec<_> = self
            .fallbacks
            .iter()
            .filter_map(|instead| match instead {
                Instead::Variants(fallback) => Some(fallback.policies().to_vec()),
                Instead::Place(_) => None,
            })
            .flatten()
            .collect();
        (!policies.is_empty()).then(|| Fallback::new(policies))
    }

    /// The other places, in turn.
    pub(crate) fn places(&self) -> impl Iterator<Item = &Candidate> {
        self.fallbacks.iter().filter_map(|instead| match instead {
            Instead::Place(candidate) => Some(&**candidate),
            Instead::Variants(_) => None,
        })
    }
}
