//! Numbers, texts and lists, out of the beginning of a file.

use super::error::{ByteOrder, HeaderError};

/// Longest text that is kept, in bytes. What is longer is cut.
const KEPT: usize = 256;
/// Deepest nesting of lists; real files have none in another.
const DEPTH: u32 = 4;

/// A metadata value, as far as it is of use.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum MetadataValue {
    /// A whole number that is not negative.
    Number(u64),
    /// A text, without control characters.
    Text(String),
    /// Something else, passed over.
    Other,
}

/// A place in the beginning of a file.
#[derive(Debug)]
pub(super) struct ByteReader<'a> {
    bytes: &'a [u8],
    at: usize,
    order: ByteOrder,
}

impl<'a> ByteReader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, order: ByteOrder::Little }
    }

    pub(super) fn order(&self) -> ByteOrder {
        self.order
    }

    pub(super) fn set_order(&mut self, order: ByteOrder) {
        self.order = order;
    }

    /// The next so many bytes.
    pub(super) fn take(&mut self, length: u64) -> Result<&'a [u8], HeaderError> {
        let end = (self.at as u64)
            .checked_add(length)
            .ok_or_else(|| HeaderError::Invalid(format!("{length} bytes would follow byte {}", self.at)))?;
        let taken = usize::try_from(end).ok().and_then(|end| self.bytes.get(self.at..end));
        let taken = taken.ok_or(HeaderError::NeedMore { bytes: end })?;
        self.at += taken.len();
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], HeaderError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N as u64)?);
        if self.order == ByteOrder::Big {
            array.reverse();
        }
        Ok(array)
    }

    pub(super) fn u32(&mut self) -> Result<u32, HeaderError> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, HeaderError> {
        self.array().map(u64::from_le_bytes)
    }

    /// The next value, with its type before it.
    pub(super) fn value(&mut self) -> Result<MetadataValue, HeaderError> {
        let kind = self.u32()?;
        let number = match kind {
            0 => u64::from(u8::from_le_bytes(self.array()?)),
            2 => u64::from(u16::from_le_bytes(self.array()?)),
            4 => u64::from(self.u32()?),
            10 => self.u64()?,
            // Some writers have signed numbers where the format wants unsigned ones.
            5 => return Ok(not_negative(i32::from_le_bytes(self.array()?).into())),
            11 => return Ok(not_negative(i64::from_le_bytes(self.array()?))),
            8 => {
                let length = self.u64()?;
                return self.take(length).map(|text| MetadataValue::Text(clean(text)));
            }
            other => return self.skip(other, DEPTH).map(|()| MetadataValue::Other),
        };
        Ok(MetadataValue::Number(number))
    }

    /// Passes over one value of a type.
    fn skip(&mut self, kind: u32, depth: u32) -> Result<(), HeaderError> {
        if let Some(width) = width(kind) {
            return self.take(width).map(|_| ());
        }
        match kind {
            8 => {
                let length = self.u64()?;
                self.take(length).map(|_| ())
            }
            9 if depth > 0 => {
                let kind = self.u32()?;
                let count = self.u64()?;
                if let Some(width) = width(kind) {
                    return self.take(count.saturating_mul(width)).map(|_| ());
                }
                // Each element takes eight bytes or more: the loop ends with the bytes.
                for _ in 0..count {
                    self.skip(kind, depth - 1)?;
                }
                Ok(())
            }
            9 => Err(HeaderError::Invalid("its lists are nested too deep".to_owned())),
            other => Err(HeaderError::Invalid(format!("a metadata value has the unknown type {other}"))),
        }
    }
}

/// Bytes of one value, for the types that have a fixed width.
fn width(kind: u32) -> Option<u64> {
    match kind {
        0 | 1 | 7 => Some(1),
        2 | 3 => Some(2),
        4..=6 => Some(4),
        10..=12 => Some(8),
        _ => None,
    }
}

fn not_negative(number: i64) -> MetadataValue {
    u64::try_from(number).map_or(MetadataValue::Other, MetadataValue::Number)
}

/// A text from outside, short and fit to be shown.
fn clean(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text.get(..KEPT).unwrap_or(text));
    text.chars().filter(|c| !c.is_control()).collect()
}
