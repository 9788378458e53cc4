//! The header of a GGUF file: what the model is, and how it is quantised.
//!
//! The format is described in <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>.

mod error;
mod file_type;
mod reader;
#[cfg(test)]
mod tests;

pub use error::{ByteOrder, HeaderError};
pub use file_type::FileType;
use reader::{ByteReader, MetadataValue};

/// The first four bytes of every GGUF file.
pub const MAGIC: [u8; 4] = *b"GGUF";

/// Most metadata keys; real files have some dozens.
const MAX_KEYS: u64 = 1 << 16;
/// Longest key in bytes: the format's own limit.
const MAX_KEY: u64 = 65_535;

/// A file's place in a split set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Split {
    /// Index of the part, from 0.
    pub no: u64,
    /// Number of parts.
    pub count: u64,
}

/// Header of a GGUF file.
///
/// Part 2 and those after it of a split file say nothing but [`Header::split`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Header {
    /// Version of the format: 2 or 3.
    pub version: u32,
    /// The order of bytes in its numbers.
    pub byte_order: ByteOrder,
    /// Number of tensors in this file.
    pub tensors: u64,
    /// `general.architecture`: `llama`, `qwen2`, `bert` …
    pub architecture: Option<String>,
    /// `general.file_type`: the quantisation of most of its tensors.
    pub file_type: Option<FileType>,
    /// `general.name`: the model's name.
    pub name: Option<String>,
    /// `general.size_label`: `7B`, `8x7B` …
    pub size_label: Option<String>,
    /// `<architecture>.context_length`: tokens.
    pub context_length: Option<u64>,
    /// `split.no` and `split.count`, which llama.cpp writes last.
    pub split: Option<Split>,
    /// Whether all keys were seen, not only those that the given bytes held.
    pub whole: bool,
}

impl Header {
    /// Reads a header from the beginning of a file. Lists, such as that of the tokens, are passed over, not stored.
    ///
    /// Given too few bytes for all keys, it is content once the file type is known: that comes before the tokens.
    ///
    /// # Errors
    /// [`HeaderError::NeedMore`] when the file type may lie further on; [`HeaderError::Invalid`] when nothing that
    /// follows could help.
    pub fn parse(bytes: &[u8]) -> Result<Self, HeaderError> {
        let mut reader = ByteReader::new(bytes);
        let magic = reader.take(4)?;
        if magic != MAGIC {
            return Err(HeaderError::Invalid("it does not begin with GGUF".to_owned()));
        }
        let version = version(&mut reader)?;
        let tensors = reader.u64()?;
        let keys = reader.u64()?;
        if keys > MAX_KEYS {
            return Err(HeaderError::Invalid(format!("it claims to have {keys} metadata keys")));
        }
        let mut found = Collected::default();
        for _ in 0..keys {
            match found.read(&mut reader) {
                Ok(()) => {}
                Err(HeaderError::NeedMore { .. }) if found.file_type.is_some() => {
                    return Ok(found.header(version, &reader, tensors, false));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(found.header(version, &reader, tensors, true))
    }
}

fn version(reader: &mut ByteReader<'_>) -> Result<u32, HeaderError> {
    let written = reader.u32()?;
    let (version, order) = match written {
        1..=0xFFFF => (written, ByteOrder::Little),
        _ => (written.swap_bytes(), ByteOrder::Big),
    };
    match version {
        2 | 3 => {
            reader.set_order(order);
            Ok(version)
        }
        1 => Err(HeaderError::Invalid("it is GGUF version 1, which nothing reads any more; convert it".to_owned())),
        _ => Err(HeaderError::Invalid(format!("it is GGUF version {written}, and 2 and 3 are known"))),
    }
}

/// Metadata read so far.
#[derive(Debug, Default)]
struct Collected {
    architecture: Option<String>,
    file_type: Option<FileType>,
    name: Option<String>,
    size_label: Option<String>,
    context_length: Option<(String, u64)>,
    split_no: Option<u64>,
    split_count: Option<u64>,
}

impl Collected {
    fn read(&mut self, reader: &mut ByteReader<'_>) -> Result<(), HeaderError> {
        let length = reader.u64()?;
        if length > MAX_KEY {
            return Err(HeaderError::Invalid(format!("a metadata key is {length} bytes long")));
        }
        let key = reader.take(length)?;
        let value = reader.value()?;
        match (key, value) {
            (b"general.architecture", MetadataValue::Text(text)) => self.architecture = Some(text),
            (b"general.name", MetadataValue::Text(text)) => self.name = Some(text),
            (b"general.size_label", MetadataValue::Text(text)) => self.size_label = Some(text),
            (b"general.file_type", MetadataValue::Number(number)) => {
                self.file_type = u32::try_from(number).ok().map(FileType::from_number);
            }
            (b"split.no", MetadataValue::Number(number)) => self.split_no = Some(number),
            (b"split.count", MetadataValue::Number(number)) => self.split_count = Some(number),
            (key, MetadataValue::Number(number)) => {
                if let Some(prefix) = key.strip_suffix(b".context_length") {
                    let prefix = String::from_utf8_lossy(prefix.get(..64).unwrap_or(prefix)).into_owned();
                    self.context_length = Some((prefix, number));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn header(self, version: u32, reader: &ByteReader<'_>, tensors: u64, whole: bool) -> Header {
        let split = match (self.split_no, self.split_count) {
            (Some(no), Some(count)) => Some(Split { no, count }),
            _ => None,
        };
        let own = |(prefix, length): (String, u64)| {
            self.architecture.as_ref().is_none_or(|name| *name == prefix).then_some(length)
        };
        Header {
            version,
            byte_order: reader.order(),
            tensors,
            context_length: self.context_length.and_then(own),
            architecture: self.architecture,
            file_type: self.file_type,
            name: self.name,
            size_label: self.size_label,
            split,
            whole,
        }
    }
}
