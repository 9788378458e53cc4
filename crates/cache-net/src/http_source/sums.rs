//! Lists of digests beside a file: `<file>.sha256` and `SHA256SUMS`.

use cache_core::{Error, ErrorKind, Result, RetryBudget, Sha256};
use http::header;
use url::Url;

use crate::{HttpClient, HttpRequest, redact};

/// Longest list that is read, in bytes.
const MAX_LIST: usize = 1 << 20;

/// Retries for each list.
const RETRIES: u32 = 2;

/// The digest that a list beside the file has for it, under one of its names. A refusal means that there is no list; a
/// server that does not answer is an error, lest a bad moment turn a verified file into an unverified one.
pub(super) async fn beside(http: &HttpClient, url: &Url, names: &[&str]) -> Result<Option<Sha256>> {
    let (own, shared) = places(url);
    let own = async {
        match own {
            Some(own) => look(http, own, names, true).await,
            None => Ok(None),
        }
    };
    let (own, shared) = futures::future::join(own, look(http, shared, names, false)).await;
    Ok(own?.or(shared?))
}

/// Where the lists would be. The query belongs to the file and is left out.
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
            return Err(
                error.with_hint("the expected digest could not be looked for; give it with --sha256 to go on without")
            );
        }
    };
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let host = response.host();
    if kind.to_ascii_lowercase().contains("html") {
        return Ok(None);
    }
    let Some(bytes) = response.bytes_up_to(MAX_LIST).await? else { return Ok(None) };
    let Ok(text) = std::str::from_utf8(&bytes) else { return Ok(None) };
    find(text, names, lone).map_err(|Ambiguous| {
        Error::new(
            ErrorKind::Integrity,
            format!("{shown} has two digests for {}", names.first().unwrap_or(&"the file")),
        )
        .with_host(host)
        .with_hint("give the right one with --sha256")
    })
}

/// A list that contradicts itself.
#[derive(Debug, PartialEq, Eq)]
struct Ambiguous;

/// The digest of a file by its name, or by its last segment where that is all a line and a name share. A `lone` list
/// may be a digest without a name.
fn find(text: &str, names: &[&str], lone: bool) -> Result<Option<Sha256>, Ambiguous> {
    let text = text.trim_start_matches('\u{feff}');
    let lines: Vec<(Sha256, Option<&str>)> = text.lines().filter_map(line).collect();
    let only = |wanted: &dyn Fn(&str) -> bool| {
        one(lines.iter().filter(|(_, name)| name.is_some_and(wanted)).map(|(digest, _)| *digest))
    };
    let exact = only(&|name| names.contains(&name.strip_prefix("./").unwrap_or(name)))?;
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

/// `<hex>`, `<hex>  name`, `<hex> *name` (GNU) or `SHA256 (name) = <hex>` (BSD, and openssl without the spaces).
fn line(line: &str) -> Option<(Sha256, Option<&str>)> {
    let line = line.trim_end();
    let upper = line.get(..8).unwrap_or_default().to_ascii_uppercase();
    if let Some(prefix) = ["SHA256", "SHA2-256"].into_iter().find(|prefix| upper.starts_with(prefix)) {
        let (name, digest) = line[prefix.len()..].trim_start().strip_prefix('(')?.rsplit_once(')')?;
        return Some((digest.trim_start().strip_prefix('=')?.trim().parse().ok()?, Some(name)));
    }
    let (digest, rest) = line.split_at_checked(64)?;
    let digest = digest.parse().ok()?;
    if rest.is_empty() {
        return Some((digest, None));
    }
    let name = rest.strip_prefix([' ', '\t'])?.trim_start_matches([' ', '\t']);
    Some((digest, Some(name.strip_prefix('*').unwrap_or(name))))
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
    fn gnu_and_bsd_lines_are_read() {
        for text in [
            "AAA  m.gguf\n",
            "AAA *m.gguf",
            "AAA  ./m.gguf\r\nBBB  other\r\n",
            "BBB  other\nAAA  dist/m.gguf\n",
            "\u{feff}AAA\tm.gguf",
            "SHA256 (m.gguf) = AAA\nSHA256 (other) = BBB\n",
            "SHA2-256(m.gguf)= AAA\n",
            "# comment\n\nAAA  m.gguf",
            "BBB  old/m.gguf\nAAA  m.gguf",
        ] {
            assert_eq!(found(text, false), Some(digest('a')), "{text}");
        }
    }

    #[test]
    fn a_bare_digest_counts_only_in_the_files_own_list() {
        assert_eq!(found("AAA\n", true), Some(digest('a')));
        assert_eq!(found("AAA\n", false), None);
        assert_eq!(found("AAA  other.gguf\n", true), None);
    }

    #[test]
    fn what_is_no_list_gives_no_digest() {
        for text in [
            "",
            "<!doctype html><html>AAA  m.gguf</html>",
            "xAAA  m.gguf",
            "AAAm.gguf",
            "AAA",
            "SHA256 (m.gguf) AAA",
            "SHA1 (m.gguf) = AAA",
            "AAA  m.gguf.bak",
            "é",
        ] {
            assert_eq!(found(text, false), None, "{text}");
        }
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
