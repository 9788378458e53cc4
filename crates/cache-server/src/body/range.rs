//! Which bytes a `Range` header asks for (RFC 9110, 14).

use std::ops::Range;

use http::HeaderValue;

/// Most ranges of one request. More count as no range: the whole file is sent.
const MOST: usize = 8;

/// Ranges of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RequestedRanges {
    /// All of it: no range, or one that is to be ignored.
    Whole,
    /// These ranges, none empty, all within the file, in the order asked for.
    Parts(Vec<Range<u64>>),
    /// No byte of the file.
    Nothing,
}

impl RequestedRanges {
    /// Reads a `Range` header for a file of this size.
    ///
    /// An empty file has no byte to range over; a range that begins at its start asks for all of it, as on the Hub.
    ///
    /// Other units and invalid text count as no range. So do more than 8 ranges, and several longer than the file:
    /// a small request must not cost much.
    pub(crate) fn read(header: Option<&HeaderValue>, size: u64) -> Self {
        let Some(list) = header.and_then(|header| header.to_str().ok()).and_then(after_unit) else {
            return Self::Whole;
        };
        if size == 0 && list.split(',').any(|spec| spec.trim().starts_with("0-")) {
            return Self::Whole;
        }
        let mut parts = Vec::new();
        let specs: Vec<&str> = list.split(',').map(str::trim).filter(|spec| !spec.is_empty()).take(MOST + 1).collect();
        if specs.is_empty() || specs.len() > MOST {
            return Self::Whole;
        }
        for spec in specs {
            match part(spec, size) {
                Some(part) if part.is_empty() => {}
                Some(part) => parts.push(part),
                None => return Self::Whole,
            }
        }
        let total = parts.iter().fold(0_u64, |sum, part| sum.saturating_add(part.end - part.start));
        match parts.len() {
            0 => Self::Nothing,
            1 => Self::Parts(parts),
            _ if total > size => Self::Whole,
            _ => Self::Parts(parts),
        }
    }
}

fn after_unit(text: &str) -> Option<&str> {
    let (unit, list) = text.split_once('=')?;
    unit.trim().eq_ignore_ascii_case("bytes").then_some(list)
}

/// One range; empty when the file has none of its bytes. `None`: not a range.
fn part(spec: &str, size: u64) -> Option<Range<u64>> {
    let (first, last) = spec.split_once('-')?;
    let number = |text: &str| match text {
        "" => None,
        digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => Some(digits.parse().unwrap_or(u64::MAX)),
        _ => None,
    };
    if first.is_empty() {
        return Some(size.saturating_sub(number(last)?)..size);
    }
    let first = number(first)?;
    let last = if last.is_empty() { u64::MAX } else { number(last)? };
    match first {
        _ if first > last => None,
        _ if first >= size => Some(0..0),
        _ => Some(first..last.saturating_add(1).min(size)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    #[expect(clippy::single_range_in_vec_init, reason = "one range is what is meant")]
    fn ranges_are_read_as_the_standard_says() {
        let parts = |parts: &[Range<u64>]| RequestedRanges::Parts(parts.to_vec());
        for (header, expected) in [
            ("bytes=0-0", parts(&[0..1])),
            ("bytes=5-", parts(&[5..10])),
            ("bytes=-3", parts(&[7..10])),
            ("bytes=-99", parts(&[0..10])),
            ("bytes=2-99", parts(&[2..10])),
            ("bytes=2-99999999999999999999999999", parts(&[2..10])),
            ("Bytes= 0-1 , 4-5", parts(&[0..2, 4..6])),
            ("bytes=8-9,0-1", parts(&[8..10, 0..2])),
            ("bytes=0-1,,20-30", parts(&[0..2])),
            ("bytes=10-", RequestedRanges::Nothing),
            ("bytes=-0", RequestedRanges::Nothing),
            ("bytes=20-30,40-50", RequestedRanges::Nothing),
            ("bytes=5-2", RequestedRanges::Whole),
            ("bytes=0-1,5-2", RequestedRanges::Whole),
            ("bytes=", RequestedRanges::Whole),
            ("lines=0-1", RequestedRanges::Whole),
            ("bytes=x-y", RequestedRanges::Whole),
            ("bytes=+1-2", RequestedRanges::Whole),
            ("bytes=-", RequestedRanges::Whole),
            ("0-1", RequestedRanges::Whole),
            ("bytes=0-,0-", RequestedRanges::Whole),
            ("bytes=0-0,1-1,2-2,3-3,4-4,5-5,6-6,7-7,8-8", RequestedRanges::Whole),
        ] {
            assert_eq!(RequestedRanges::read(Some(&HeaderValue::from_static(header)), 10), expected, "{header}");
        }
        let eight = "bytes=0-0,1-1,2-2,3-3,4-4,5-5,6-6,7-7";
        assert!(
            matches!(RequestedRanges::read(Some(&HeaderValue::from_static(eight)), 10), RequestedRanges::Parts(parts) if parts.len() == 8)
        );
    }

    #[test]
    fn range_from_zero_of_empty_file_is_the_whole() {
        for (header, expected) in [
            ("bytes=0-0", RequestedRanges::Whole),
            ("bytes=0-", RequestedRanges::Whole),
            ("bytes=1-", RequestedRanges::Nothing),
            ("bytes=-1", RequestedRanges::Nothing),
        ] {
            assert_eq!(RequestedRanges::read(Some(&HeaderValue::from_static(header)), 0), expected, "{header}");
        }
    }

    proptest! {
        #[test]
        fn no_header_panics_or_asks_for_what_is_not_there(text in "(bytes=)?[-0-9, =x]{0,40}", size in 0_u64..100) {
            if let Ok(header) = HeaderValue::from_str(&text)
                && let RequestedRanges::Parts(parts) = RequestedRanges::read(Some(&header), size)
            {
                prop_assert!(!parts.is_empty() && parts.len() <= MOST);
                prop_assert!(parts.iter().all(|part| part.start < part.end && part.end <= size));
            }
        }
    }
}
