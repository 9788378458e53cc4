//! Checksum lists: `SHA256SUMS` and `name.sha256`, as `sha256sum`, `shasum` and `openssl` write them.

use crate::{RepoPath, Sha256};

/// Names of lists that cover a folder, in lower case.
const FOLDER_LISTS: &[&str] = &["sha256sums", "sha256sums.txt", "sha256sum.txt", "checksums.sha256"];

/// Endings of lists that cover the one file they are named after.
const FILE_LISTS: &[&str] = &[".sha256", ".sha256sum"];

/// Whether a file of this name is a checksum list.
#[must_use]
pub fn is_checksum_list(file_name: &str) -> bool {
    FOLDER_LISTS.contains(&file_name.to_ascii_lowercase().as_str()) || own_file(file_name).is_some()
}

/// The digests of a checksum list, each with the name on its line, without `./`. Other lines are skipped.
///
/// Reads `<hex>`, `<hex>  name`, `<hex> *name` (GNU) and `SHA256 (name) = <hex>` (BSD, and openssl without the spaces).
pub fn checksum_lines(text: &str) -> impl Iterator<Item = (Sha256, Option<&str>)> {
    text.trim_start_matches('\u{feff}').lines().filter_map(line)
}

/// The files that a checksum list covers, as paths from the root of its model, each with its digest.
///
/// Names are relative to the list's folder. A digest without a name belongs to the file that the list is named after.
pub fn checksum_entries<'a>(list: &'a RepoPath, text: &'a str) -> impl Iterator<Item = (String, Sha256)> + 'a {
    let folder = list.as_str().strip_suffix(list.file_name()).unwrap_or_default();
    let own = own_file(list.file_name());
    checksum_lines(text).filter_map(move |(sha256, name)| Some((format!("{folder}{}", name.or(own)?), sha256)))
}

fn own_file(list: &str) -> Option<&str> {
    FILE_LISTS.iter().find_map(|ending| list.strip_suffix(ending)).filter(|name| !name.is_empty())
}

fn line(line: &str) -> Option<(Sha256, Option<&str>)> {
    let line = line.trim();
    let upper = line.get(..8).unwrap_or_default().to_ascii_uppercase();
    let (digest, name) = match ["SHA256", "SHA2-256"].into_iter().find(|prefix| upper.starts_with(prefix)) {
        Some(prefix) => {
            let (name, digest) = line[prefix.len()..].trim_start().strip_prefix('(')?.rsplit_once(')')?;
            (digest.trim_start().strip_prefix('=')?.trim(), Some(name))
        }
        None => match line.split_once([' ', '\t']) {
            None => (line, None),
            Some((digest, name)) => {
                let name = name.trim_start_matches([' ', '\t']);
                (digest, Some(name.strip_prefix('*').unwrap_or(name)))
            }
        },
    };
    Some((digest.parse().ok()?, name.map(|name| name.strip_prefix("./").unwrap_or(name))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(text: &str) -> String {
        text.replace("AAA", &"a".repeat(64)).replace("BBB", &"b".repeat(64))
    }

    fn digest(digit: &str) -> Sha256 {
        digit.repeat(64).parse().unwrap()
    }

    #[test]
    fn checksum_lines_of_all_tools_are_read() {
        for (text, name) in [
            ("AAA", None),
            ("AAA  m.gguf\n", Some("m.gguf")),
            ("AAA *m.gguf", Some("m.gguf")),
            ("AAA  ./m.gguf\r\n", Some("m.gguf")),
            ("\u{feff}AAA\tm.gguf", Some("m.gguf")),
            ("AAA  a/b c.bin\r", Some("a/b c.bin")),
            ("SHA256 (x (1).bin) = AAA", Some("x (1).bin")),
            ("SHA2-256(m.gguf)= AAA\n", Some("m.gguf")),
            ("# comment\n\nAAA  m.gguf", Some("m.gguf")),
        ] {
            let text = expand(text);
            assert_eq!(checksum_lines(&text).collect::<Vec<_>>(), [(digest("a"), name)], "{text}");
        }
    }

    #[test]
    fn lines_without_a_digest_are_skipped() {
        for text in [
            "",
            "é",
            "<!doctype html><html>AAA  m.gguf</html>",
            "xAAA  m.gguf",
            "AAAm.gguf",
            "\\AAA  a\\nb",
            "SHA256 (m.gguf) AAA",
            "SHA256 (x) = 12",
            "SHA1 (m.gguf) = AAA",
            "xyz  name",
        ] {
            assert_eq!(checksum_lines(&expand(text)).count(), 0, "{text}");
        }
    }

    #[test]
    fn checksum_entries_lie_in_the_lists_folder() {
        let paths = |list: &str, text: &str| {
            let text = expand(text);
            let list = RepoPath::parse(list).unwrap();
            checksum_entries(&list, &text).map(|(path, _)| path).collect::<Vec<_>>()
        };
        assert_eq!(paths("SHA256SUMS", "AAA  a.bin\nAAA *sub/b c\n# no\nxyz  d\nAAA"), ["a.bin", "sub/b c"]);
        assert_eq!(paths("sub/SHA256SUMS", "AAA  ./a\nSHA256 (b) = BBB"), ["sub/a", "sub/b"]);
        assert_eq!(paths("sub/a.bin.sha256", "AAA"), ["sub/a.bin"]);
        assert_eq!(paths("a.bin.sha256sum", "AAA  a.bin"), ["a.bin"]);
    }

    #[test]
    fn checksum_lists_are_known_by_their_names() {
        for name in ["SHA256SUMS", "sha256sums.txt", "checksums.sha256", "x.gguf.sha256", "x.sha256sum"] {
            assert!(is_checksum_list(name), "{name}");
        }
        for name in [".sha256", "x.sha512", "SHA1SUMS", ""] {
            assert!(!is_checksum_list(name), "{name}");
        }
    }
}
