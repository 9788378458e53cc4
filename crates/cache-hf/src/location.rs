//! Where the bytes of a file really lie: the CDN addresses that the Hub redirected to.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use url::Url;

/// Most files whose place is remembered. Forgetting one costs one request to the Hub.
const MAX_PLACES: usize = 1024;

/// Where the bytes of one file lie.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) enum Place {
    /// Not asked yet, or no longer true.
    #[default]
    Unknown,
    /// The Hub sends them itself.
    Hub,
    /// At this address, which may be signed: never print or store it.
    Elsewhere(Url),
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("Unknown"),
            Self::Hub => f.write_str("Hub"),
            Self::Elsewhere(url) => write!(f, "Elsewhere({})", cache_net::redact(url)),
        }
    }
}

/// One file's place. Whoever finds it unknown asks the Hub while holding the lock, so that many ranges of one file
/// begun at once cost one request.
pub(crate) type Slot = Arc<tokio::sync::Mutex<Place>>;

/// The places found so far, by the file's address on the Hub.
#[derive(Debug, Default)]
pub(crate) struct Places(Mutex<HashMap<String, Slot>>);

impl Places {
    pub(crate) fn slot(&self, address: &Url) -> Slot {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if places.len() >= MAX_PLACES && !places.contains_key(address.as_str()) {
            // Those in use stay, so that nobody who waits for one is left with a place that others do not see.
            places.retain(|_, slot| Arc::strong_count(slot) > 1);
        }
        Arc::clone(places.entry(address.as_str().to_owned()).or_default())
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
        let places = Places::default();
        let used = places.slot(&address(0));
        for n in 1..3 * MAX_PLACES {
            places.slot(&address(n));
        }
        assert!(places.0.lock().unwrap().len() <= MAX_PLACES);
        assert!(Arc::ptr_eq(&used, &places.slot(&address(0))));
    }

    #[test]
    fn a_signed_address_is_not_printed() {
        let place = Place::Elsewhere(Url::parse("https://cdn.example/x?Signature=secret").unwrap());
        assert!(!format!("{place:?}").contains("secret"));
    }
}
