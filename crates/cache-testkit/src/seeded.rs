//! [`Seeded`]: a file that is computed where it is read.

/// Bytes after which the base pattern starts again (each page is stamped, so the file does not repeat).
const PATTERN: usize = 1 << 20;
/// Bytes of a page; its first eight are a stamp that depends on its position.
const PAGE: u64 = 4096;

/// A file that is computed where it is read: a seeded pattern with every page stamped, so that a shifted, swapped or
/// repeated range never looks right. Made by copying, so that a debug build keeps up with a network.
#[derive(Debug, Clone)]
pub struct Seeded {
    seed: u64,
    size: u64,
    pattern: std::sync::Arc<[u8]>,
}

impl Seeded {
    /// `size` bytes from a seed.
    #[must_use]
    pub fn new(seed: u64, size: u64) -> Self {
        let length = to_usize(size.next_multiple_of(PAGE)).min(PATTERN);
        let mut state = seed;
        let pattern: Vec<u8> = (0..length / 8).flat_map(|_| split_mix(&mut state).to_le_bytes()).collect();
        Self { seed, size, pattern: pattern.into() }
    }

    /// Length in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Fills a buffer with the bytes from `start` on. Bytes past the end go on as if the file were longer.
    pub fn fill(&self, start: u64, buffer: &mut [u8]) {
        let mut at = start;
        let mut rest = &mut *buffer;
        while !rest.is_empty() && !self.pattern.is_empty() {
            let offset = to_usize(at % self.pattern.len() as u64);
            let take = rest.len().min(self.pattern.len() - offset);
            let (now, later) = rest.split_at_mut(take);
            now.copy_from_slice(&self.pattern[offset..offset + take]);
            self.stamp(at, now);
            at += take as u64;
            rest = later;
        }
    }

    fn stamp(&self, start: u64, bytes: &mut [u8]) {
        let end = start + bytes.len() as u64;
        let mut page = start / PAGE * PAGE;
        while page < end {
            let mut state = self.seed ^ page;
            for (at, byte) in (page..).zip(split_mix(&mut state).to_le_bytes()) {
                if (start..end).contains(&at) {
                    bytes[to_usize(at - start)] = byte;
                }
            }
            page += PAGE;
        }
    }
}

/// SplitMix64 (Steele, Lea and Flood, 2014): one multiplication chain, good enough that no range resembles another.
pub(crate) fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

pub(crate) fn to_usize(size: u64) -> usize {
    usize::try_from(size).unwrap_or(usize::MAX)
}
