//! The checksums of S3: SHA-256 in base64, of the whole object or of its parts.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html>

use cache_core::{Hasher, Sha256};
use http::HeaderMap;

/// The header that carries it.
pub(crate) const HEADER: &str = "x-amz-checksum-sha256";

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The SHA-256 of the whole object, where the headers give one. `…-N` is a checksum of `N` parts' checksums, as is every
/// SHA-256 of an object that was sent in parts: their ETag ends so too. Not every server says so with the checksum.
pub(crate) fn of_object(headers: &HeaderMap) -> Option<Sha256> {
    let text = |name: &str| Some(headers.get(name)?.to_str().ok()?.trim());
    let kind = text("x-amz-checksum-type");
    let in_parts = text("etag").is_some_and(|tag| tag.trim_matches('"').contains('-'));
    let composite = kind == Some("COMPOSITE") || (in_parts && kind != Some("FULL_OBJECT"));
    if composite { None } else { decode(text(HEADER)?) }
}

/// The SHA-256 of these bytes.
pub(crate) fn of(bytes: &[u8]) -> Sha256 {
    let mut hasher = Hasher::new();
    hasher.update(bytes);
    hasher.finish().sha256
}

/// In base64, as the headers want it.
pub(crate) fn encode(sha256: Sha256) -> String {
    let mut text = String::with_capacity(44);
    for triple in sha256.as_bytes().chunks(3) {
        let at = |index: usize| u32::from(triple.get(index).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for digit in 0..4 {
            let six = (bits >> (18 - 6 * digit)) & 63;
            let letter = ALPHABET.get(six as usize).copied().unwrap_or(b'=');
            text.push(if digit <= triple.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

/// From base64.
pub(crate) fn decode(text: &str) -> Option<Sha256> {
    let digits = text.strip_suffix('=').filter(|digits| digits.len() == 43)?;
    let (mut bytes, mut filled, mut bits, mut held) = ([0_u8; 32], 0, 0_u32, 0);
    for letter in digits.bytes() {
        let six = u32::try_from(ALPHABET.iter().position(|&known| known == letter)?).ok()?;
        (bits, held) = ((bits << 6 | six) & 0xffff, held + 6);
        if held >= 8 {
            held -= 8;
            *bytes.get_mut(filled)? = u8::try_from((bits >> held) & 0xff).ok()?;
            filled += 1;
        }
    }
    Some(Sha256::from_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn base64_is_that_of_everyone() {
        // printf '' | openssl dgst -sha256 -binary | base64
        let empty = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
        assert_eq!(encode(of(b"")), empty);
        assert_eq!(decode(empty), Some(of(b"")));
        for text in [b"a".as_slice(), b"model", &[0xff; 100]] {
            assert_eq!(decode(&encode(of(text))), Some(of(text)));
        }
        for text in ["", "=", "AAAA", &empty[1..], "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuF!="] {
            assert_eq!(decode(text), None, "{text}");
        }
    }

    #[test]
    fn a_checksum_of_checksums_is_none() {
        let mut headers = HeaderMap::new();
        assert_eq!(of_object(&headers), None);
        headers.insert(HEADER, HeaderValue::try_from(encode(of(b"x"))).unwrap());
        assert_eq!(of_object(&headers), Some(of(b"x")));
        headers.insert("x-amz-checksum-type", HeaderValue::from_static("COMPOSITE"));
        assert_eq!(of_object(&headers), None);
        headers.remove("x-amz-checksum-type");
        headers.insert("etag", HeaderValue::from_static("\"9b2cf535f27731c974343645a3985328-2\""));
        assert_eq!(of_object(&headers), None);
        headers.remove("etag");
        headers.insert(HEADER, HeaderValue::try_from(format!("{}-2", encode(of(b"x")))).unwrap());
        assert_eq!(of_object(&headers), None);
    }
}
