//! [`Evictions`]: versions and files evicted after a get or an import, by the quota and time to live of the store.

use cache_store::Store;

use crate::units::Size;
use crate::{EvictStep, EvictTarget, Result, Sha256};

/// Steps that a warning names.
const NAMED: usize = 3;

/// Eviction steps, and the warnings about them.
#[derive(Debug, Default)]
pub(crate) struct Evictions {
    pub(crate) steps: Vec<EvictStep>,
    pub(crate) warnings: Vec<String>,
}

impl Evictions {
    /// Evicts by the store's own policy. `keep` stays.
    pub(crate) fn make(store: &Store, keep: &[Sha256]) -> Result<Self> {
        let Some(report) = store.enforce_quota(keep)? else { return Ok(Self::default()) };
        let (expired, others): (Vec<_>, Vec<_>) = report.done.iter().partition(|step| step.expired);
        let mut warnings = Vec::new();
        if let Some(list) = list(store, &expired)? {
            warnings.push(format!("evicted {list}, unused for longer than the store keeps files"));
        }
        if let Some(list) = list(store, &others)? {
            let why = match store.quota() {
                Some(quota) => format!("to stay below {}", Size(quota)),
                None => "not part of any model".to_owned(),
            };
            warnings.push(format!("evicted {list}, {why}"));
        }
        if report.over > 0 {
            warnings.push(format!("the store is {} over its quota: the rest is pinned or in use", Size(report.over)));
        }
        Ok(Self { steps: report.done, warnings })
    }
}

/// The first steps by name and size, and the number of the others.
fn list(store: &Store, steps: &[&EvictStep]) -> Result<Option<String>> {
    let mut items = Vec::new();
    for step in steps.iter().take(NAMED) {
        items.push(format!("{}, {}", name(store, &step.what)?, Size(step.bytes())));
    }
    if steps.len() > NAMED {
        items.push(format!("{} more", steps.len() - NAMED));
    }
    Ok(match (items.pop(), items.is_empty()) {
        (None, _) => None,
        (Some(one), true) => Some(one),
        (Some(last), false) => Some(format!("{} and {last}", items.join(", "))),
    })
}

/// The model alone when none of its versions is left.
fn name(store: &Store, what: &EvictTarget) -> Result<String> {
    Ok(match what {
        EvictTarget::Version(version) if store.versions(&version.model)?.is_empty() => version.model.to_string(),
        EvictTarget::Version(version) => format!("{}@{}", version.model, version.commit.short()),
        EvictTarget::File { version, path } => format!("{}/{path}", version.model),
        _ => "an unreferenced blob".to_owned(),
    })
}
