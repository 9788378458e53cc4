//! Which bytes a `Range` header asks for (RFC 9110, 14).

use std::ops::Range;

use http::HeaderValue;

/// Most ranges of one request. Who asks for more gets the whole file, as for a range that is not understood.
const MOST: usize = 8;

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Asked {
    /// All of it: no range, or one that is to be ignored.
    Whole,
    /// These ranges, none empty, all within the file, in the order asked for.
    Parts(Vec<Range<u64>>),
    /// Nothing that the file has.
    Nothing,
}

impl Asked {
    /// Reads a `Range` header for a file of this size.
    ///
    /// Other units and nonsense count as no range. So do more than 8 ranges, and several that come to more than the file:
    /// nobody needs them, and they would make a small request cost much.
    pub(crate) fn read(header: Option<&HeaderValue>, size: u64) -> Self {
        let Some(list) = header.and_then(|header| header.to_str().ok()).and_then(after_unit) else {
            return Self::Whole;
        };
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
        let parts = |parts: &[Range<u64>]| Asked::Parts(parts.to_vec());
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
            ("bytes=10-", Asked::Nothing),
            ("bytes=-0", Asked::Nothing),
            ("bytes=20-30,40-50", Asked::Nothing),
            ("bytes=5-2", Asked::Whole),
            ("bytes=0-1,5-2", Asked::Whole),
            ("bytes=", Asked::Whole),
            ("lines=0-1", Asked::Whole),
            ("bytes=x-y", Asked::Whole),
            ("bytes=+1-2", Asked::Whole),
            ("bytes=-", Asked::Whole),
            ("0-1", Asked::Whole),
            ("bytes=0-,0-", Asked::Whole),
            ("bytes=0-0,1-1,2-2,3-3,4-4,5-5,6-6,7-7,8-8", Asked::Whole),
        ] {
            assert_eq!(Asked::read(Some(&HeaderValue::from_static(header)), 10), expected, "{header}");
        }
        let eight = "bytes=0-0,1-1,2-2,3-3,4-4,5-5,6-6,7-7";
        assert!(
            matches!(Asked::read(Some(&HeaderValue::from_static(eight)), 10), Asked::Parts(parts) if parts.len() == 8)
        );
        for header in ["bytes=0-0", "bytes=0-", "bytes=-1"] {
            assert_eq!(Asked::read(Some(&HeaderValue::from_static(header)), 0), Asked::Nothing, "{header}");
        }
    }

    proptest! {
        #[test]
        fn no_header_panics_or_asks_for_what_is_not_there(text in "(bytes=)?[-0-9, =x]{0,40}", size in 0_u64..100) {
            if let Ok(header) = HeaderValue::from_str(&text)
                && let Asked::Parts(parts) = Asked::read(Some(&header), size)
            {
                prop_assert!(!parts.is_empty() && parts.len() <= MOST);
                prop_assert!(parts.iter().all(|part| part.start < part.end && part.end <= size));
            }
        }
    }
}
