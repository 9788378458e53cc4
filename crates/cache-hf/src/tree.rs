//! The Hub's listing of a version, page by page.

use cache_core::{Digests, Error, ErrorKind, FileEntry, GitSha1, RepoPath, Result, Sha256};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, SeqAccess, Visitor};
use url::Url;

/// How the object id begins that a mirror gives to a file without a digest, such as one of a folder that it serves as a
/// repository; 40 hexadecimal digits follow. It says nothing of the content, which cannot be checked then.
pub const UNHASHED: &str = "unhashed-";

/// Most entries of a page: ten times what the Hub sends.
const MAX_PAGE: usize = 10_000;

/// One page of a listing.
#[derive(Debug)]
pub(crate) struct TreePage(pub(crate) Vec<HubTreeEntry>);

impl<'de> Deserialize<'de> for TreePage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(TreeEntries)
    }
}

struct TreeEntries;

impl<'de> Visitor<'de> for TreeEntries {
    type Value = TreePage;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a page of a listing")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<TreePage, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = list.next_element()? {
            if entries.len() == MAX_PAGE {
                return Err(A::Error::custom(format_args!("more than {MAX_PAGE} entries on one page")));
            }
            entries.push(entry);
        }
        Ok(TreePage(entries))
    }
}

/// One line of `GET /api/{kind}/{repo}/tree/{commit}`.
#[derive(Debug, Deserialize)]
pub(crate) struct HubTreeEntry {
    #[serde(rename = "type")]
    kind: String,
    path: String,
    #[serde(default)]
    oid: Option<String>,
    #[serde(default)]
    size: Option<u64>,
    #[serde(default)]
    lfs: Option<LfsPointer>,
}

#[derive(Debug, Deserialize)]
struct LfsPointer {
    /// The SHA-256 of the content. The tree names it `oid`, the repository's info names it `sha256`.
    oid: String,
    #[serde(default)]
    size: Option<u64>,
}

impl HubTreeEntry {
    /// The file, or `None` for a folder or a submodule.
    ///
    /// # Errors
    /// [`ErrorKind::Integrity`] for a name that could not be a file everywhere, or a digest that is none: an entry
    /// without its digest would be stored unchecked.
    pub(crate) fn into_file(self) -> Result<Option<FileEntry>> {
        if self.kind != "file" {
            return Ok(None);
        }
        let mut file = FileEntry::new(RepoPath::parse(&self.path)?);
        let broken = |what: &str, error: &dyn std::fmt::Display| {
            Error::new(ErrorKind::Integrity, format!("the listing's {what} of {} is none: {error}", file.path))
                .with_hint("the host is not a Hub, or a faulty mirror")
        };
        // Of an LFS file the outer oid is the pointer's, not the content's.
        let digests = match (&self.lfs, &self.oid) {
            (Some(lfs), _) => {
                let sha256: Sha256 = lfs.oid.parse().map_err(|error| broken("sha256", &error))?;
                Digests { sha256: Some(sha256), ..Digests::default() }
            }
            (None, Some(oid)) if oid.strip_prefix(UNHASHED).is_some_and(|id| id.parse::<GitSha1>().is_ok()) => {
                file.etag = Some(oid.clone());
                Digests::default()
            }
            (None, Some(oid)) => {
                let git_sha1: GitSha1 = oid.parse().map_err(|error| broken("object id", &error))?;
                Digests { git_sha1: Some(git_sha1), ..Digests::default() }
            }
            (None, None) => return Err(broken("object id", &"it is missing")),
        };
        file.size = self.lfs.as_ref().and_then(|lfs| lfs.size).or(self.size);
        file.digests = digests;
        file.etag = file.tag();
        Ok(Some(file))
    }
}

/// The next page, if the `Link` header names one.
///
/// # Errors
/// [`ErrorKind::Network`] when the page is on another origin: its listing must not be trusted.
pub(crate) fn next_page(current: &Url, link: Option<&str>) -> Result<Option<Url>> {
    let Some(target) = link.and_then(next_target) else { return Ok(None) };
    let bad = |why: &str| {
        Error::new(ErrorKind::Network, format!("the listing's next page {why}"))
            .with_host(current.host_str().unwrap_or_default())
            .with_hint("the host is not a Hub, or a faulty mirror; the link was not followed")
    };
    let next = current.join(target).map_err(|error| bad(&format!("has no address: {error}")))?;
    if next.origin() != current.origin() || !next.username().is_empty() || next.password().is_some() {
        return Err(bad("is on another host"));
    }
    Ok(Some(next))
}

/// The target of `rel="next"` in a `Link` header (RFC 8288).
fn next_target(link: &str) -> Option<&str> {
    let mut rest = link;
    while let Some((_, after)) = rest.split_once('<') {
        let (target, after) = after.split_once('>')?;
        let end = after.find('<').unwrap_or(after.len());
        let mut parameters = after[..end].split([';', ',']).filter_map(|parameter| parameter.split_once('='));
        let is_next = parameters.any(|(name, value)| {
            name.trim().eq_ignore_ascii_case("rel")
                && value.trim().trim_matches('"').split_ascii_whitespace().any(|rel| rel.eq_ignore_ascii_case("next"))
        });
        if is_next {
            return Some(target);
        }
        rest = &after[end..];
    }
    None
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests {
    use super::*;

    fn file(json: serde_json::Value) -> Result<Option<FileEntry>> {
        serde_json::from_value::<HubTreeEntry>(json).unwrap().into_file()
    }

    #[test]
    fn tree_entries_become_files_with_digests() {
        let (sha256, oid) = ("ab".repeat(32), "cd".repeat(20));
        let lfs = serde_json::json!({"type": "file", "path": "m/x.bin", "size": 9, "oid": oid, "xetHash": "ee",
            "lfs": {"oid": sha256, "size": 9, "pointerSize": 134}});
        let lfs = file(lfs).unwrap().unwrap();
        assert_eq!((lfs.size, lfs.digests.sha256.unwrap().to_string()), (Some(9), sha256.clone()));
        assert_eq!((lfs.etag, lfs.digests.git_sha1), (Some(sha256), None));
        let small = serde_json::json!({"type": "file", "path": "config.json", "size": 0, "oid": oid});
        let small = file(small).unwrap().unwrap();
        assert_eq!((small.size, small.digests.git_sha1.unwrap().to_string()), (Some(0), oid.clone()));
        assert_eq!(small.etag, Some(oid.clone()));
        let id = format!("{UNHASHED}{oid}");
        let unhashed = serde_json::json!({"type": "file", "path": "x", "size": 3, "oid": id});
        let unhashed = file(unhashed).unwrap().unwrap();
        assert_eq!((unhashed.digests.is_empty(), unhashed.etag), (true, Some(id)));
        assert!(file(serde_json::json!({"type": "directory", "path": "m", "oid": oid})).unwrap().is_none());
    }

    #[test]
    fn invalid_tree_entries_are_refused() {
        let (sha256, oid) = ("ab".repeat(32), "cd".repeat(20));
        for json in [
            serde_json::json!({"type": "file", "path": "../x", "size": 1, "oid": oid}),
            serde_json::json!({"type": "file", "path": "/etc/x", "size": 1, "oid": oid}),
            serde_json::json!({"type": "file", "path": "x", "size": 1}),
            serde_json::json!({"type": "file", "path": "x", "size": 1, "oid": "main"}),
            serde_json::json!({"type": "file", "path": "x", "size": 1, "oid": "unhashed-../x"}),
            serde_json::json!({"type": "file", "path": "x", "size": 1, "oid": oid, "lfs": {"oid": oid}}),
            serde_json::json!({"type": "file", "path": "x", "size": 1, "oid": sha256}),
        ] {
            assert_eq!(file(json.clone()).unwrap_err().kind(), ErrorKind::Integrity, "{json}");
        }
    }

    #[test]
    fn a_page_has_at_most_10000_entries() {
        let page = |entries: usize| {
            let list = vec![serde_json::json!({"type": "directory", "path": "d"}); entries];
            serde_json::from_value::<TreePage>(list.into()).map(|TreePage(entries)| entries.len())
        };
        assert_eq!(page(MAX_PAGE).unwrap(), MAX_PAGE);
        assert!(page(MAX_PAGE + 1).unwrap_err().to_string().contains("more than 10000"));
    }

    #[test]
    fn links_to_the_next_page() {
        let here = Url::parse("https://hub.example/api/models/a/b/tree/x?recursive=true").unwrap();
        let next = |link: &str| next_page(&here, Some(link)).map(|url| url.map(String::from));
        assert_eq!(
            next(r#"<https://hub.example/p?cursor=2>; rel="next""#).unwrap().unwrap(),
            "https://hub.example/p?cursor=2"
        );
        assert_eq!(next(r#"</p?a=1,2;3>; rel=next"#).unwrap().unwrap(), "https://hub.example/p?a=1,2;3");
        assert_eq!(
            next(r#"</a>; rel="prev", </b>; title="x"; rel="last next""#).unwrap().unwrap(),
            "https://hub.example/b"
        );
        for none in ["", "nonsense", "</a", r#"</a>; rel="prev""#, "</a>; rel=nextish"] {
            assert_eq!(next(none).unwrap(), None, "{none}");
        }
        for other in [
            "https://evil.example/p",
            "http://hub.example/p",
            "https://hub.example:8443/p",
            "//evil.example/p",
            "https://user@hub.example/p",
        ] {
            assert_eq!(next(&format!("<{other}>; rel=\"next\"")).unwrap_err().kind(), ErrorKind::Network, "{other}");
        }
    }
}
