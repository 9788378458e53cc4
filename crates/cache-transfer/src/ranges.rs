//! A set of byte positions as sorted, disjoint, non-touching ranges.

use cache_core::ByteRange;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RangeSet(Vec<ByteRange>);

impl RangeSet {
    /// Ranges from outside (a journal): empty ones are dropped, overlaps merged, everything is cut at `size`.
    pub(crate) fn from_untrusted(ranges: &[ByteRange], size: Option<u64>) -> Self {
        let mut set = Self::default();
        for range in ranges {
            set.insert(ByteRange { start: range.start, end: range.end.min(size.unwrap_or(u64::MAX)) });
        }
        set
    }

    pub(crate) fn insert(&mut self, range: ByteRange) {
        if range.is_empty() {
            return;
        }
        // All that touch the new range lie next to each other.
        let first = self.0.partition_point(|other| other.end < range.start);
        let last = self.0.partition_point(|other| other.start <= range.end);
        let mut merged = range;
        if let Some(touched) = self.0.get(first..last).filter(|touched| !touched.is_empty()) {
            merged.start = merged.start.min(touched[0].start);
            merged.end = merged.end.max(touched[touched.len() - 1].end);
        }
        self.0.splice(first..last, [merged]);
    }

    /// Takes a range out.
    pub(crate) fn remove(&mut self, range: ByteRange) {
        let cut = |own: &ByteRange| {
            let before = ByteRange { start: own.start, end: own.end.min(range.start) };
            let after = ByteRange { start: own.start.max(range.end), end: own.end };
            [before, after].into_iter().filter(|part| !part.is_empty())
        };
        if !range.is_empty() {
            self.0 = self.0.iter().flat_map(cut).collect();
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One past the last byte of the run that starts at 0.
    pub(crate) fn prefix(&self) -> u64 {
        self.0.first().filter(|range| range.start == 0).map_or(0, |range| range.end)
    }

    /// One past the last byte.
    pub(crate) fn end(&self) -> u64 {
        self.0.last().map_or(0, |range| range.end)
    }

    pub(crate) fn total(&self) -> u64 {
        self.0.iter().map(|range| range.len()).sum()
    }

    /// End of the run that contains `at`, exclusive; `None` if it is missing.
    pub(crate) fn run(&self, at: u64) -> Option<u64> {
        let own = self.0.get(self.0.partition_point(|own| own.end <= at))?;
        (own.start <= at).then_some(own.end)
    }

    pub(crate) fn contains(&self, range: ByteRange) -> bool {
        range.is_empty() || self.0.iter().any(|own| own.start <= range.start && range.end <= own.end)
    }

    /// The first run of positions at or after `from` and before `end` that are not in the set.
    pub(crate) fn first_gap(&self, from: u64, end: u64) -> Option<ByteRange> {
        let mut start = from;
        for own in &self.0 {
            if own.start > start {
                let gap = ByteRange { start, end: own.start.min(end) };
                return (!gap.is_empty()).then_some(gap);
            }
            start = start.max(own.end);
        }
        let gap = ByteRange { start, end };
        (!gap.is_empty()).then_some(gap)
    }

    pub(crate) fn as_slice(&self) -> &[ByteRange] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn behaves_like_a_set_of_positions(pairs in prop::collection::vec((0_u64..60, 0_u64..60), 0..12), from in 0_u64..70) {
            let mut set = RangeSet::default();
            let mut model = BTreeSet::new();
            for (start, end) in pairs {
                set.insert(ByteRange { start, end });
                model.extend(start..end);
            }
            prop_assert_eq!(set.total(), model.len() as u64);
            prop_assert_eq!(set.prefix(), (0..).take_while(|p| model.contains(p)).count() as u64);
            let gap = set.first_gap(from, 64);
            let start = (from..64).find(|p| !model.contains(p));
            prop_assert_eq!(gap.map(|g| g.start), start);
            if let Some(gap) = gap {
                prop_assert!((gap.start..gap.end).all(|p| !model.contains(&p)));
                prop_assert!(gap.end == 64 || model.contains(&gap.end));
            }
            prop_assert!(set.as_slice().windows(2).all(|w| w[0].end < w[1].start));
            set.remove(ByteRange { start: from, end: 64.min(from + 9) });
            model.retain(|&p| p < from || p >= 64.min(from + 9));
            prop_assert_eq!(set.total(), model.len() as u64);
            let has = |p| set.contains(ByteRange { start: p, end: p + 1 });
            prop_assert!((0..70).all(|p| has(p) == model.contains(&p)));
            let run = |p| (p..).find(|end| !model.contains(end)).filter(|&end| end > p);
            prop_assert!((0..70).all(|p| set.run(p) == run(p)));
        }
    }
}
