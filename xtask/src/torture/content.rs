//! Files that say what they are: name, size and version stand at the beginning, and every byte depends on them.

use std::fmt::Write as _;

/// What the first line of a file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Label {
    pub(crate) name: String,
    pub(crate) version: u64,
    size: usize,
}

impl Label {
    fn new(name: &str, version: u64, size: usize) -> Self {
        Self { name: name.to_owned(), version, size }
    }

    fn line(&self) -> String {
        format!("crowd {} {} {}\n", self.size, self.version, self.name)
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.iter().take(300).position(|byte| *byte == b'\n')?;
        let line = std::str::from_utf8(bytes.get(..end)?).ok()?;
        let mut words = line.strip_prefix("crowd ")?.splitn(3, ' ');
        let (size, version) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        Some(Self { name: words.next()?.to_owned(), version, size })
    }
}

/// The bytes of one version of a file.
pub(crate) fn content(name: &str, version: u64, size: usize) -> Vec<u8> {
    let mut bytes = Label::new(name, version, size).line().into_bytes();
    let mut noise = Noise::new(seed(name, version));
    while bytes.len() < size {
        bytes.extend(noise.next().to_le_bytes());
    }
    bytes.truncate(size);
    bytes
}

/// What a file is, if it is one whole version; else what is wrong with it.
pub(crate) fn identify(bytes: &[u8]) -> Result<Label, String> {
    let Some(label) = Label::parse(bytes) else {
        return Err(format!("{} bytes without a label", bytes.len()));
    };
    let right = content(&label.name, label.version, label.size);
    if right == bytes {
        return Ok(label);
    }
    let mut words = format!("begins as version {} of {}", label.version, label.name);
    let differs = right.iter().zip(bytes).position(|(right, is)| right != is);
    let at = differs.unwrap_or_else(|| right.len().min(bytes.len()));
    let _ = write!(words, " ({} bytes) and differs from byte {at} of {} on", label.size, bytes.len());
    let other = |version: &u64| {
        let other = content(&label.name, *version, label.size);
        *version != label.version && bytes.get(at..).is_some_and(|rest| other.get(at..) == Some(rest))
    };
    if let Some(other) = (0..label.version + 20).find(other) {
        let _ = write!(words, ", where version {other} follows");
    }
    Err(words)
}

fn seed(name: &str, version: u64) -> u64 {
    let bytes = name.bytes().chain(version.to_le_bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// A generator of numbers: SplitMix64, the same everywhere for one seed.
#[derive(Debug, Clone)]
pub(crate) struct Noise(u64);

impl Noise {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which is not 0.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    /// Whether something happens that happens `percent` times of a hundred.
    pub(crate) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        let at = self.below(of.len() as u64);
        &of[usize::try_from(at).unwrap_or_default()]
    }
}

/// The bytes as a gzip file of stored blocks (RFC 1951, 3.2.4 and RFC 1952).
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    let mut blocks = bytes.chunks(0xffff).peekable();
    while let Some(block) = blocks.next() {
        let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
        out.push(u8::from(blocks.peek().is_none()));
        out.extend(length.to_le_bytes());
        out.extend((!length).to_le_bytes());
        out.extend(block);
    }
    let crc = !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & 0_u32.wrapping_sub(crc & 1)))
    });
    out.extend(crc.to_le_bytes());
    out.extend(u32::try_from(bytes.len()).unwrap_or_default().to_le_bytes());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_version_is_identified() {
        let label = identify(&content("plain-1.bin", 3, 10_000)).unwrap();
        assert_eq!((label.name.as_str(), label.version), ("plain-1.bin", 3));
    }

    #[test]
    fn a_splice_of_two_versions_is_named() {
        let (old, new) = (content("x", 0, 5000), content("x", 1, 5000));
        let splice = [&old[..2000], &new[2000..]].concat();
        let words = identify(&splice).unwrap_err();
        assert!(words.contains("from byte 2000 of 5000") && words.contains("version 1 follows"), "{words}");
        assert!(identify(&old[..4000]).is_err() && identify(b"").is_err() && identify(&[0; 99]).is_err());
    }

    #[test]
    fn gzip_frames_blocks_and_length() {
        let packed = gzip(&[7; 70_000]);
        assert_eq!(packed.len(), 10 + 2 * 5 + 70_000 + 8);
        assert_eq!(packed[packed.len() - 4..], 70_000_u32.to_le_bytes());
        assert_eq!(gzip(b"123456789")[24..28], 0xcbf4_3926_u32.to_le_bytes());
    }
}
