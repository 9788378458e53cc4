use super::{gguf, naming};

#[test]
fn a_header_must_be_whole() {
    let dir = tempfile::tempdir().unwrap();
    let mut header = b"GGUF\x03\0\0\0".to_vec();
    header.extend([0; 8]);
    header.extend(1u64.to_le_bytes());
    header.extend(17u64.to_le_bytes());
    header.extend(b"general.file_type");
    header.extend([4, 0, 0, 0, 15, 0, 0, 0]);
    for (name, bytes, fine) in [
        ("whole", &header[..], true),
        ("cut", &header[..header.len() - 1], false),
        ("empty", b"", false),
        ("zeroes", &[0; 100], false),
        ("a page", b"<!doctype html><html>not found</html>", false),
    ] {
        let path = dir.path().join(name);
        fs_err::write(&path, bytes).unwrap();
        let checked = gguf::check(&path);
        assert_eq!(checked.is_ok(), fine, "{name}: {checked:?}");
        assert!(checked.err().is_none_or(|error| error.hint().is_some()), "{name}");
    }
}

#[test]
fn a_tag_is_never_taken_for_a_version() {
    for (tag, registered) in
        [("1b", "1b"), ("7b-Instruct-q4_K_M", "7b-instruct-q4_k_m"), ("8", "tag-8"), ("1.5", "tag-1.5")]
    {
        assert_eq!(naming::tag_of(tag), registered);
    }
}
