//! Digests that lie beside the files: `SHA256SUMS`, and `name.sha256`.

use std::collections::HashMap;
use std::path::Path;

use cache_core::{Error, ErrorKind, FileEntry, RepoPath, Result, Sha256};

use crate::{plain, trouble};

/// Larger lists are not read: 100,000 lines are about 10 MB.
const LIST_LIMIT: u64 = 32 << 20;

/// Names of lists, in lower case.
const LISTS: &[&str] = &["sha256sums", "sha256sums.txt", "sha256sum.txt", "checksums.sha256"];

/// Gives the files the digests that lists in the folder name for them.
///
/// A list speaks for the files below its own folder. Lines that are no digests, and names that are not there, say
/// nothing; two different digests for one file are an error.
pub(crate) fn apply(root: &Path, files: &mut [FileEntry]) -> Result<()> {
    let mut known: HashMap<String, (Sha256, RepoPath)> = HashMap::new();
    for list in files.iter().filter(|file| is_list(file.path.file_name()) && file.size <= Some(LIST_LIMIT)) {
        let text = fs_err::read(plain::open(root, list)?).map_err(trouble::read)?;
        let text = String::from_utf8_lossy(&text);
        let folder = list.path.as_str().strip_suffix(list.path.file_name()).unwrap_or_default();
        let own = own_file(list.path.file_name());
        for (sha256, name) in text.lines().filter_map(line) {
            let Some(name) = name.or(own) else { continue };
            let path = format!("{folder}{}", name.trim_start_matches("./"));
            match known.get(&path) {
                Some((other, by)) if *other != sha256 => return Err(conflict(&path, by, &list.path)),
                Some(_) => {}
                None => {
                    known.insert(path, (sha256, list.path.clone()));
                }
            }
        }
    }
    for file in files {
        file.digests.sha256 = known.get(file.path.as_str()).map(|(sha256, _)| *sha256);
    }
    Ok(())
}

fn is_list(name: &str) -> bool {
    LISTS.contains(&name.to_ascii_lowercase().as_str()) || own_file(name).is_some()
}

/// The file that `name.sha256` speaks for when it names none.
fn own_file(name: &str) -> Option<&str> {
    name.strip_suffix(".sha256").or_else(|| name.strip_suffix(".sha256sum")).filter(|name| !name.is_empty())
}

/// `hex`, `hex  name`, `hex *name`, or BSD's `SHA256 (name) = hex`.
fn line(line: &str) -> Option<(Sha256, Option<&str>)> {
    let line = line.trim();
    if let Some((name, hex)) = line.strip_prefix("SHA256 (").and_then(|rest| rest.rsplit_once(") = ")) {
        return Some((hex.parse().ok()?, Some(name)));
    }
    match line.split_once([' ', '\t']) {
        None => Some((line.parse().ok()?, None)),
        Some((hex, name)) => {
            let name = name.trim_start();
            Some((hex.parse().ok()?, Some(name.strip_prefix('*').unwrap_or(name))))
        }
    }
}

fn conflict(path: &str, one: &RepoPath, other: &RepoPath) -> Error {
    Error::new(ErrorKind::Integrity, format!("{one} and {other} name different digests for {path}"))
        .with_hint("remove the list that is out of date")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_as_the_tools_write_them() {
        let hex = "ab".repeat(32);
        let sha256: Sha256 = hex.parse().unwrap();
        for (text, name) in [
            (hex.clone(), None),
            (format!("{hex}  a/b c.bin\r"), Some("a/b c.bin")),
            (format!("{hex} *x"), Some("x")),
            (format!("SHA256 (x (1).bin) = {hex}"), Some("x (1).bin")),
        ] {
            assert_eq!(line(&text), Some((sha256, name)), "{text}");
        }
        for text in ["", "# list", "xyz  name", "SHA256 (x) = 12", &format!("\\{hex}  a\\nb")] {
            assert_eq!(line(text), None, "{text}");
        }
        assert!(is_list("SHA256SUMS") && is_list("x.gguf.sha256") && !is_list(".sha256") && !is_list("x.sha512"));
    }
}
