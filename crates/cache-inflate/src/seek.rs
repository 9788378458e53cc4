//! Seek tables of zstd's seekable format: where each frame begins, compressed and plain.
//!
//! The table is a skippable frame at the end of the file: a header of 8 bytes, an entry for each frame (compressed size,
//! plain size, optionally a checksum; 4 bytes each), and a footer of 9 bytes. All numbers are little-endian. Described in
//! zstd's `contrib/seekable_format/zstd_seekable_compression_format.md`.

/// Bytes of the footer.
pub(crate) const FOOTER: u64 = 9;

const HEADER: u64 = 8;
const SKIPPABLE_MAGIC: u32 = 0x184d_2a5e;
const SEEKABLE_MAGIC: u32 = 0x8f92_eab1;
const CHECKSUMS: u8 = 0x80;
const RESERVED: u8 = 0x7c;

/// Largest table that is read, in bytes: a million frames.
const MAX_TABLE: u64 = 8 << 20;

/// Beginning of one frame, as offsets in the compressed and in the plain file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) compressed: u64,
    pub(crate) plain: u64,
}

/// Footer of a seek table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Footer {
    frames: u64,
    entry: u64,
}

impl Footer {
    /// Parses the last bytes of a file. `None` for a file without a seek table, or with too large a one.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let frames = u64::from(number(bytes, 0)?);
        let descriptor = *bytes.get(4)?;
        if number(bytes, 5)? != SEEKABLE_MAGIC || descriptor & RESERVED != 0 || bytes.len() as u64 != FOOTER {
            return None;
        }
        let entry = if descriptor & CHECKSUMS == 0 { 8 } else { 12 };
        Some(Self { frames, entry }).filter(|footer| footer.table_size() <= MAX_TABLE)
    }

    /// Bytes of the whole table, header and footer included.
    pub(crate) fn table_size(self) -> u64 {
        HEADER + self.frames * self.entry + FOOTER
    }

    /// The frame that holds the plain byte `at` of a file of `size` compressed bytes. `None` when there is none, or the
    /// table contradicts the file.
    pub(crate) fn frame_at(self, table: &[u8], size: u64, at: u64) -> Option<Frame> {
        let length = table.len() as u64;
        let header = number(table, 0)? == SKIPPABLE_MAGIC && u64::from(number(table, 4)?) == length - HEADER;
        if !header || length != self.table_size() {
            return None;
        }
        let entries = table.get(usize::try_from(HEADER).ok()?..usize::try_from(length - FOOTER).ok()?)?;
        let (mut next, mut found) = (Frame { compressed: 0, plain: 0 }, None);
        for entry in entries.chunks_exact(usize::try_from(self.entry).ok()?) {
            let begin = next;
            next.compressed += u64::from(number(entry, 0)?);
            next.plain += u64::from(number(entry, 4)?);
            if (begin.plain..next.plain).contains(&at) {
                found = Some(begin);
            }
        }
        found.filter(|_| Some(next.compressed) == size.checked_sub(length))
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|four| u32::from_le_bytes(*four))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table of frames of these sizes, compressed and plain.
    fn table(frames: &[(u32, u32)], checksums: bool) -> Vec<u8> {
        let entry = if checksums { 12 } else { 8 };
        let size = u32::try_from(frames.len() * entry + 9).unwrap();
        let mut table = [SKIPPABLE_MAGIC.to_le_bytes(), size.to_le_bytes()].concat();
        for (compressed, plain) in frames {
            table.extend([compressed.to_le_bytes(), plain.to_le_bytes()].concat());
            table.extend(checksums.then_some([7_u8; 4]).into_iter().flatten());
        }
        table.extend(u32::try_from(frames.len()).unwrap().to_le_bytes());
        table.push(if checksums { CHECKSUMS } else { 0 });
        table.extend(SEEKABLE_MAGIC.to_le_bytes());
        table
    }

    fn frame_at(table: &[u8], size: u64, at: u64) -> Option<Frame> {
        let footer = Footer::parse(&table[table.len() - 9..])?;
        (footer.table_size() == table.len() as u64).then_some(())?;
        footer.frame_at(table, size, at)
    }

    #[test]
    fn frame_of_each_offset_is_found() {
        for checksums in [false, true] {
            let table = table(&[(10, 100), (0, 0), (20, 50)], checksums);
            let size = 30 + table.len() as u64;
            for (at, frame) in [(0, Some((0, 0))), (99, Some((0, 0))), (100, Some((10, 100))), (149, Some((10, 100)))] {
                let found = frame_at(&table, size, at).map(|frame| (frame.compressed, frame.plain));
                assert_eq!(found, frame, "{at}");
            }
            assert_eq!(frame_at(&table, size, 150), None);
            assert_eq!(frame_at(&table, size + 1, 0), None, "the frames are not the file");
        }
    }

    #[test]
    fn table_that_is_none_is_refused() {
        let good = table(&[(10, 100)], false);
        for at in [0, 4, good.len() - 1, good.len() - 5, good.len() - 9] {
            let mut bad = good.clone();
            bad[at] ^= 0x40;
            assert_eq!(frame_at(&bad, 10 + good.len() as u64, 0), None, "{at}");
        }
        assert_eq!(Footer::parse(b""), None);
        let mut endless = [0xff; 9];
        endless[4] = 0;
        endless[5..].copy_from_slice(&SEEKABLE_MAGIC.to_le_bytes());
        assert_eq!(Footer::parse(&endless), None, "a table of 32 GiB");
    }
}
