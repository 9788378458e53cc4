//! Range requests for a file of which unverified bytes were streamed.
//!
//! Unverified bytes are streamed, and when they prove wrong the connection breaks. The client has the first part of them and
//! resumes. So after such a failure nothing is given out of the middle of that file: what is joined to wrong bytes is wrong.
//! Clients that fetch a file in parts lack its end until then, because only verified bytes complete a file.

use std::ops::Range;

use http::HeaderMap;
use http::header;

/// Answer to requested ranges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// These ranges, as they arrive.
    Parts(Vec<Range<u64>>),
    /// All of the file: the client drops what it has.
    Whole,
    /// Refused: the client would keep bytes that may be wrong.
    Refused,
}

/// Decides on ranges of a file of this size. `poisoned`: clients may have bytes of it that were never verified.
pub(crate) fn delivery(parts: Vec<Range<u64>>, size: u64, poisoned: bool, headers: &HeaderMap) -> Delivery {
    let client = ResumeBehavior::of(headers);
    if client == ResumeBehavior::Checks {
        return Delivery::Parts(parts);
    }
    let goes_on = parts.iter().any(|part| part.start > 0);
    let open = matches!(parts.as_slice(), [part] if part.end == size) && is_open(headers);
    match () {
        () if poisoned && goes_on && open && client == ResumeBehavior::Restarts => Delivery::Whole,
        () if poisoned && goes_on => Delivery::Refused,
        () => Delivery::Parts(parts),
    }
}

/// Whether a client checks the digest of the whole file before it calls it complete.
pub(crate) fn checks_digest(headers: &HeaderMap) -> bool {
    ResumeBehavior::of(headers) == ResumeBehavior::Checks
}

/// Whether the only range is open-ended: the client resumes.
fn is_open(headers: &HeaderMap) -> bool {
    let range = headers.get(header::RANGE).and_then(|range| range.to_str().ok()).unwrap_or_default().trim();
    range.ends_with('-') && !range.contains(',')
}

/// What a client does with the bytes that it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ResumeBehavior {
    /// Checks the digest of the whole before it calls it complete: another cache.
    Checks,
    /// Begins anew when it asked for the rest and gets 200: `huggingface_hub`.
    Restarts,
    /// Keeps them in any case: wget and lftp skip as many bytes of a 200 and append the rest.
    Unknown,
}

impl ResumeBehavior {
    /// By `User-Agent`: a false one harms its sender alone.
    fn of(headers: &HeaderMap) -> Self {
        let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
        let mut products = agent.split([' ', ';']).map(|product| product.split('/').next().unwrap_or_default());
        match () {
            () if products.clone().any(|product| product == "model-cache") => Self::Checks,
            () if products.any(|product| product == "hf_hub") => Self::Restarts,
            () => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const SIZE: u64 = 100 << 20;
    const HF: &str = "unknown/None; hf_hub/2.4.0; python/3.11.2";

    fn decide(agent: &'static str, range: &'static str, poisoned: bool) -> Delivery {
        let mut headers = HeaderMap::new();
        headers.insert(header::USER_AGENT, HeaderValue::from_static(agent));
        headers.insert(header::RANGE, HeaderValue::from_static(range));
        let crate::body::RequestedRanges::Parts(parts) =
            crate::body::RequestedRanges::read(headers.get(header::RANGE), SIZE)
        else {
            panic!("{range} is no range of parts");
        };
        delivery(parts, SIZE, poisoned, &headers)
    }

    #[test]
    fn poisoned_file_is_not_resumed() {
        for agent in ["curl/7.88.1", "Wget/1.21.3", "aria2/1.36.0", "x-model-cache/1", ""] {
            for range in ["bytes=1-", "bytes=5000-6000", "bytes=-10", "bytes=0-10,20-30"] {
                assert_eq!(decide(agent, range, true), Delivery::Refused, "{agent} {range}");
            }
            for range in ["bytes=0-", "bytes=0-0", "bytes=0-100000"] {
                assert!(matches!(decide(agent, range, true), Delivery::Parts(_)), "{agent} {range}");
            }
        }
        assert_eq!(decide(HF, "bytes=1-", true), Delivery::Whole);
        assert_eq!(decide(HF, "bytes=1-10", true), Delivery::Refused);
        assert!(matches!(decide("model-cache/0.1.0", "bytes=1-10", true), Delivery::Parts(_)));
    }

    #[test]
    fn parts_are_given_out_while_nothing_has_failed() {
        for range in ["bytes=5000-6000", "bytes=-70000", "bytes=7-", "bytes=0-0", "bytes=0-9,20-29"] {
            assert!(matches!(decide("curl/8", range, false), Delivery::Parts(_)), "{range}");
        }
    }
}
