//! Cache of the CDN addresses that the Hub redirects to.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use cache_net::Reach;
use url::Url;

/// Most files in the cache. An evicted one costs one request to the Hub.
const MAX_REDIRECTS: usize = 1024;

/// Download location of one file.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) enum RedirectTarget {
    /// Not asked yet, or no longer true.
    #[default]
    Unknown,
    /// The Hub sends them itself.
    Hub,
    /// At this address, which may be signed: never print or store it. The Hub's redirect could reach so far.
    Elsewhere(Url, Reach),
}

impl fmt::Debug for RedirectTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("Unknown"),
            Self::Hub => f.write_str("Hub"),
            Self::Elsewhere(url, _) => write!(f, "Elsewhere({})", cache_net::redact(url)),
        }
    }
}

/// The cached redirect of one file. Looked up under the lock: many ranges begun at once cost one request.
pub(crate) type RedirectSlot = Arc<tokio::sync::Mutex<RedirectTarget>>;

/// Download locations by the file's address on the Hub.
#[derive(Debug, Default)]
pub(crate) struct RedirectCache(Mutex<HashMap<String, RedirectSlot>>);

impl RedirectCache {
    pub(crate) fn slot(&self, address: &Url) -> RedirectSlot {
        let mut redirects = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if redirects.len() >= MAX_REDIRECTS && !redirects.contains_key(address.as_str()) {
            // Those in use stay, so that nobody who waits for one is left with a place that others do not see.
            redirects.retain(|_, slot| Arc::strong_count(slot) > 1);
        }
        Arc::clone(redirects.entry(address.as_str().to_owned()).or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(n: usize) -> Url {
        Url::parse(&format!("https://hub.example/{n}")).unwrap()
    }

    #[test]
    fn memory_is_bounded_and_what_is_in_use_stays() {
        let redirects = RedirectCache::default();
        let used = redirects.slot(&address(0));
        for n in 1..3 * MAX_REDIRECTS {
            redirects.slot(&address(n));
        }
        assert!(redirects.0.lock().unwrap().len() <= MAX_REDIRECTS);
        assert!(Arc::ptr_eq(&used, &redirects.slot(&address(0))));
    }

    #[test]
    fn a_signed_address_is_not_printed() {
        let target =
            RedirectTarget::Elsewhere(Url::parse("https://cdn.example/x?Signature=secret").unwrap(), Reach::Public);
        assert!(!format!("{target:?}").contains("secret"));
    }
}
