use proptest::prelude::*;

use super::*;

/// A GGUF file in the making.
struct File {
    keys: u64,
    body: Vec<u8>,
    big: bool,
}

impl File {
    fn new() -> Self {
        Self { keys: 0, body: Vec::new(), big: false }
    }

    fn number(&mut self, bytes: &[u8]) {
        if self.big {
            self.body.extend(bytes.iter().rev());
        } else {
            self.body.extend(bytes);
        }
    }

    fn bytes(&mut self, text: &str) {
        self.number(&(text.len() as u64).to_le_bytes());
        self.body.extend(text.as_bytes());
    }

    fn key(&mut self, key: &str, kind: u32) {
        self.keys += 1;
        self.bytes(key);
        self.number(&kind.to_le_bytes());
    }

    fn text(mut self, key: &str, text: &str) -> Self {
        self.key(key, 8);
        self.bytes(text);
        self
    }

    fn u32(mut self, key: &str, number: u32) -> Self {
        self.key(key, 4);
        self.number(&number.to_le_bytes());
        self
    }

    fn u16(mut self, key: &str, number: u16) -> Self {
        self.key(key, 2);
        self.number(&number.to_le_bytes());
        self
    }

    fn tokens(mut self, count: u64) -> Self {
        self.key("tokenizer.ggml.tokens", 9);
        self.number(&8_u32.to_le_bytes());
        self.number(&count.to_le_bytes());
        for token in 0..count {
            self.bytes(&format!("token{token}"));
        }
        self.key("tokenizer.ggml.scores", 9);
        self.number(&6_u32.to_le_bytes());
        self.number(&count.to_le_bytes());
        self.body.extend(vec![0; usize::try_from(count * 4).unwrap()]);
        self
    }

    fn finish(mut self, version: u32) -> Vec<u8> {
        let body = std::mem::take(&mut self.body);
        let (keys, tensors) = (self.keys, 3_u64);
        self.body.extend(MAGIC);
        self.number(&version.to_le_bytes());
        self.number(&tensors.to_le_bytes());
        self.number(&keys.to_le_bytes());
        self.body.extend(body);
        self.body
    }
}

fn llama(file: File) -> File {
    file.text("general.architecture", "llama")
        .text("general.name", "Tiny\u{7} Llama")
        .text("general.size_label", "1.1B")
        .u32("llama.context_length", 2048)
        .u32("general.file_type", 15)
}

#[test]
fn a_whole_header_tells_all() {
    let bytes = llama(File::new()).tokens(1000).u16("split.no", 0).u16("split.count", 3).finish(3);
    let header = Header::parse(&bytes).unwrap();
    assert!(header.whole);
    assert_eq!((header.version, header.tensors, header.byte_order), (3, 3, ByteOrder::Little));
    assert_eq!(header.architecture.as_deref(), Some("llama"));
    assert_eq!(header.name.as_deref(), Some("Tiny Llama"), "a bell went through");
    assert_eq!(header.size_label.as_deref(), Some("1.1B"));
    assert_eq!(header.context_length, Some(2048));
    assert_eq!(header.file_type.unwrap().to_string(), "Q4_K_M");
    assert_eq!(header.split, Some(Split { no: 0, count: 3 }));
}

#[test]
fn header_prefix_suffices_for_the_file_type() {
    let bytes = llama(File::new()).tokens(1000).u16("split.no", 0).u16("split.count", 3).finish(2);
    let header = Header::parse(&bytes[..400]).unwrap();
    assert!(!header.whole);
    assert_eq!(header.file_type.unwrap().name(), Some("Q4_K_M"));
    assert_eq!(header.split, None);
}

#[test]
fn late_keys_ask_for_a_longer_prefix() {
    let bytes = File::new().text("general.architecture", "bert").tokens(5000).u32("general.file_type", 7).finish(3);
    let (mut have, mut turns) = (10, 0);
    let header = loop {
        match Header::parse(&bytes[..have]) {
            Ok(header) => break header,
            Err(HeaderError::NeedMore { bytes: more }) => {
                let more = usize::try_from(more).unwrap();
                assert!(more > have && more <= bytes.len(), "{more} after {have}");
                have = more.max(have * 2).min(bytes.len());
                turns += 1;
            }
            Err(error) => panic!("{error}"),
        }
    };
    assert!(turns < 20);
    assert_eq!(header.file_type.unwrap().name(), Some("Q8_0"));
}

#[test]
fn the_later_parts_of_a_split_file_say_only_that() {
    let bytes = File::new().u16("split.no", 1).u16("split.count", 3).finish(3);
    let header = Header::parse(&bytes).unwrap();
    assert_eq!(header.split, Some(Split { no: 1, count: 3 }));
    assert_eq!((header.architecture, header.file_type), (None, None));
}

#[test]
fn big_endian_files_are_read() {
    let file = File { big: true, ..File::new() };
    let header = Header::parse(&llama(file).finish(3)).unwrap();
    assert_eq!(header.byte_order, ByteOrder::Big);
    assert_eq!(header.file_type.unwrap().name(), Some("Q4_K_M"));
    assert_eq!(header.context_length, Some(2048));
}

#[test]
fn nonsense_is_refused_and_not_asked_more_of() {
    let invalid = |bytes: &[u8], said: &str| match Header::parse(bytes) {
        Err(HeaderError::Invalid(text)) => assert!(text.contains(said), "{text}"),
        other => panic!("{other:?}"),
    };
    invalid(b"<!doctype html>", "GGUF");
    invalid(&File::new().finish(1), "version 1");
    invalid(&File::new().finish(9), "version 9");
    invalid(&[&MAGIC[..], &3_u32.to_le_bytes(), &[0; 8], &[255; 8]].concat(), "keys");
    let mut odd = File::new();
    odd.key("x", 77);
    invalid(&odd.finish(3), "type 77");
    let mut long = File::new();
    long.key("x", 8);
    long.number(&u64::MAX.to_le_bytes());
    invalid(&long.finish(3), "follow");
    let mut deep = File::new();
    deep.key("x", 9);
    for _ in 0..9 {
        deep.number(&9_u32.to_le_bytes());
        deep.number(&1_u64.to_le_bytes());
    }
    invalid(&deep.finish(3), "deep");
}

#[test]
fn a_guessed_file_type_has_the_same_name() {
    assert_eq!(FileType::from_number(1024 + 15).name(), Some("Q4_K_M"));
    assert_eq!(FileType::from_number(5).name(), None);
    assert_eq!(FileType::from_number(5).to_string(), "file type 5");
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = Header::parse(&bytes);
        let _ = Header::parse(&[&MAGIC[..], &3_u32.to_le_bytes(), &bytes].concat());
    }

    #[test]
    fn damaged_header_never_panics(at in 0_usize..300, byte in any::<u8>(), cut in 0_usize..600) {
        let mut bytes = llama(File::new()).tokens(5).finish(3);
        let at = at % bytes.len();
        bytes[at] = byte;
        let cut = cut.min(bytes.len());
        if let Err(HeaderError::NeedMore { bytes: more }) = Header::parse(&bytes[..cut]) {
            prop_assert!(more > cut as u64);
        }
    }
}
