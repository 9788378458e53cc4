//! Lists of digests beside a file: `<file>.sha256` and `SHA256SUMS`.

use cache_core::{Error, ErrorKind, Result, RetryBudget, Sha256, checksum_lines};
use http::header;
use url::Url;

use crate::{HttpClient, HttpRequest, redact};

/// Longest `SHA256SUMS` that is read, in bytes: ten thousand names.
const MAX_LIST: usize = 1 << 20;
/// Longest `<file>.sha256`, in bytes: a digest and the longest name, with room for comments.
const MAX_OWN_LIST: usize = 4 << 10;

/// Retries for each list.
const RETRIES: u32 = 2;

/// The digest that a list beside the file has for it, under one of its names. A refusal means that there is no list; a
/// server that does not answer is an error, lest a bad moment turn a verified file into an unverified one.
pub(super) async fn beside(http: &HttpClient, url: &Url, names: &[&str]) -> Result<Option<Sha256>> {
    let (own, shared) = places(url);
    // One after the other over one connection: side by side would take two, for each file.
    if let Some(own) = own
        && let Some(found) = look(http, own, names, true).await?
    {
        return Ok(Some(found));
    }
    look(http, shared, names, false).await
}

/// URLs of possible lists. The query belongs to the file and is left out.
fn places(url: &Url) -> (Option<Url>, Url) {
    let mut bare = url.clone();
    bare.set_query(None);
    let own = (!bare.path().ends_with('/')).then(|| {
        let mut own = bare.clone();
        own.set_path(&format!("{}.sha256", bare.path()));
        own
    });
    let folder = bare.path().rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
    bare.set_path(&format!("{folder}/SHA256SUMS"));
    (own, bare)
}

async fn look(http: &HttpClient, url: Url, names: &[&str], lone: bool) -> Result<Option<Sha256>> {
    let shown = redact(&url);
    let response = match http.send(HttpRequest::get(url).budget(RetryBudget::new(RETRIES))).await {
        Ok(response) if response.status().is_success() => response,
        Ok(_) => return Ok(None),
        // Not worth a retry, for example a redirect that is not followed: an answer, and no list.
        Err(error) if error.kind() == ErrorKind::Network && error.attempts() == 0 => return Ok(None),
        Err(error) => {
            return Err(error
                .with_hint("the checksum file could not be read; give the expected digest to continue without it")
                .with_reason(cache_core::Reason::DigestUnavailable));
        }
    };
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let host = response.host();
    if kind.to_ascii_lowercase().contains("html") {
        return Ok(None);
    }
    let cap = if lone { MAX_OWN_LIST } else { MAX_LIST };
    let Some(text) = response.text_up_to(cap).await? else { return Ok(None) };
    find(&text, names, lone).map_err(|Ambiguous| {
        Error::new(
            ErrorKind::Integrity,
            format!("{shown} has two checksums for {}", names.first().unwrap_or(&"the file")),
        )
        .with_host(host)
        .with_hint("give the right digest")
        .with_reason(cache_core::Reason::DigestConflict)
    })
}

/// A list that contradicts itself.
#[derive(Debug, PartialEq, Eq)]
struct Ambiguous;

/// The digest of a file by its name, or by its last segment where that is all a line and a name share. A `lone` list
/// may be a digest without a name.
fn find(text: &str, names: &[&str], lone: bool) -> Result<Option<Sha256>, Ambiguous> {
    let lines: Vec<(Sha256, Option<&str>)> = checksum_lines(text).collect();
    let only = |wanted: &dyn Fn(&str) -> bool| {
        one(lines.iter().filter(|(_, name)| name.is_some_and(wanted)).map(|(digest, _)| *digest))
    };
    let exact = only(&|name| names.contains(&name))?;
    if exact.is_some() {
        return Ok(exact);
    }
    let last = only(&|name| name.rsplit(['/', '\\']).next().is_some_and(|last| names.contains(&last)))?;
    if last.is_some() || !lone {
        return Ok(last);
    }
    one(lines.iter().filter(|(_, name)| name.is_none()).map(|(digest, _)| *digest))
}

fn one(mut digests: impl Iterator<Item = Sha256>) -> Result<Option<Sha256>, Ambiguous> {
    let first = digests.next();
    if digests.all(|other| Some(other) == first) { Ok(first) } else { Err(Ambiguous) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(digit: char) -> Sha256 {
        digit.to_string().repeat(64).parse().unwrap()
    }

    fn found(text: &str, lone: bool) -> Option<Sha256> {
        find(&text.replace("AAA", &"a".repeat(64)).replace("BBB", &"b".repeat(64)), &["m.gguf"], lone).unwrap()
    }

    #[test]
    fn whole_name_counts_before_the_last_segment() {
        for text in ["AAA  m.gguf\n", "BBB  other\nAAA  dist/m.gguf\n", "BBB  old/m.gguf\nAAA  m.gguf"] {
            assert_eq!(found(text, false), Some(digest('a')), "{text}");
        }
    }

    #[test]
    fn bare_digest_counts_only_in_own_list() {
        assert_eq!(found("AAA\n", true), Some(digest('a')));
        assert_eq!(found("AAA\n", false), None);
        assert_eq!(found("AAA  other.gguf\n", true), None);
        assert_eq!(found("AAA  m.gguf.bak\n", true), None);
    }

    #[test]
    fn a_list_that_contradicts_itself_is_an_error() {
        let text = format!("{}  m.gguf\n{}  m.gguf\n", "a".repeat(64), "b".repeat(64));
        assert_eq!(find(&text, &["m.gguf"], false), Err(Ambiguous));
    }

    #[test]
    fn lists_lie_beside_the_file_and_get_no_query() {
        let (own, shared) = places(&Url::parse("https://h/a/m.gguf?x=1").unwrap());
        assert_eq!(own.unwrap().as_str(), "https://h/a/m.gguf.sha256");
        assert_eq!(shared.as_str(), "https://h/a/SHA256SUMS");
        let (own, shared) = places(&Url::parse("https://h/").unwrap());
        assert_eq!((own, shared.as_str()), (None, "https://h/SHA256SUMS"));
    }
}
