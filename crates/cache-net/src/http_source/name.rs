//! What the file is called.

use cache_core::{PathError, RepoPath};
use percent_encoding::percent_decode_str;
use url::Url;

/// The last segment of the URL, else what `Content-Disposition` says, else `file`.
pub(super) fn of(url: &Url, disposition: Option<&str>) -> Result<RepoPath, PathError> {
    let named = in_url(url).or_else(|| disposition.and_then(in_disposition).and_then(|name| segment(&name)));
    named.map_or_else(|| RepoPath::parse("file"), Ok)
}

/// The last segment of the URL, decoded once, if it is a name.
pub(super) fn in_url(url: &Url) -> Option<RepoPath> {
    segment(&percent_decode_str(url.path_segments()?.next_back()?).decode_utf8().ok()?)
}

/// A name that is refused is not mended: two different names must not become one.
fn segment(name: &str) -> Option<RepoPath> {
    RepoPath::parse(name).ok().filter(|path| path.segments().count() == 1)
}

/// `filename*=UTF-8''…` before `filename="…"` (RFC 6266).
fn in_disposition(value: &str) -> Option<String> {
    let parameters = parameters(value);
    let get = |name: &str| parameters.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    let extended = get("filename*").and_then(|value| {
        let (charset, rest) = value.split_once('\'')?;
        let (_, encoded) = rest.split_once('\'')?;
        let text = percent_decode_str(encoded).decode_utf8().ok()?;
        charset.eq_ignore_ascii_case("utf-8").then(|| text.into_owned())
    });
    extended.or_else(|| get("filename").cloned())
}

/// `type; key=value; key="quoted \" value"`
fn parameters(value: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut part = String::new();
    let (mut quoted, mut escaped) = (false, false);
    for c in value.chars().chain(std::iter::once(';')) {
        match c {
            _ if escaped => {
                part.push(c);
                escaped = false;
            }
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ';' if !quoted => {
                if let Some((key, value)) = part.split_once('=') {
                    found.push((key.trim().to_owned(), value.trim().to_owned()));
                }
                part.clear();
            }
            _ => part.push(c),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(url: &str, disposition: Option<&str>) -> String {
        of(&Url::parse(url).unwrap(), disposition).unwrap().to_string()
    }

    #[test]
    fn the_url_names_the_file() {
        assert_eq!(name("https://h/a/b%20c.gguf?x=/y.bin", Some("attachment; filename=other")), "b c.gguf");
        assert_eq!(name("https://h/a/m%2520.bin", None), "m%20.bin");
    }

    #[test]
    fn a_url_without_a_name_leaves_it_to_the_server() {
        for (disposition, expected) in [
            ("attachment; filename=\"m;odel.gguf\"", "m;odel.gguf"),
            ("attachment; filename=plain.bin", "plain.bin"),
            ("attachment; filename=\"x.bin\"; filename*=UTF-8''%C3%A4.bin", "ä.bin"),
            ("attachment; filename*=UTF-16''x.bin; filename=y.bin", "y.bin"),
            ("inline", "file"),
            ("attachment; filename=\"../../etc/passwd\"", "file"),
            ("attachment; filename=\"a/b\"", "file"),
            ("attachment; filename*=UTF-8''%2e%2e", "file"),
            ("attachment; filename=\"", "file"),
            ("attachment; filename=\"nul.txt\"", "file"),
        ] {
            assert_eq!(name("https://h/download/", Some(disposition)), expected, "{disposition}");
        }
    }

    #[test]
    fn a_hostile_segment_is_no_name() {
        for url in
            ["https://h/", "https://h", "https://h/a%2Fb", "https://h/..%5c..%5cx", "https://h/%ff", "https://h/a%00"]
        {
            assert_eq!(name(url, None), "file", "{url}");
        }
    }
}
