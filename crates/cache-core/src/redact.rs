//! [`redact_text`]: a text with the secrets of the addresses in it taken out.

use std::borrow::Cow;

use url::{Url, form_urlencoded};

use crate::model_url::hidden_names;

/// The text without user names, passwords and secret query parameters of addresses in it. `user@` is part of the name in
/// `hf://` and `file://`. Of an address that cannot be parsed nothing before its last `@` is kept.
///
/// Secret parameters are those of [`ModelUrl`](crate::ModelUrl). What is no address stays as it is.
#[must_use]
pub fn redact_text(text: &str) -> Cow<'_, str> {
    let mut clean = String::new();
    let mut changed = false;
    for part in text.split_inclusive(ends_word) {
        let end = part.chars().next_back().filter(|&c| ends_word(c)).map_or(0, char::len_utf8);
        let (word, rest) = part.split_at(part.len() - end);
        let shown = redact_word(word);
        changed |= matches!(shown, Cow::Owned(_));
        clean.push_str(&shown);
        clean.push_str(rest);
    }
    if changed { Cow::Owned(clean) } else { Cow::Borrowed(text) }
}

/// Whether a text has secrets that [`redact_text`] takes out.
#[must_use]
pub fn has_secrets(text: &str) -> bool {
    matches!(redact_text(text), Cow::Owned(_))
}

fn ends_word(c: char) -> bool {
    c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '<' | '>' | '(' | ')' | '\\')
}

fn redact_word(word: &str) -> Cow<'_, str> {
    let without_users = cut_users(word);
    let clean = match cut_parameters(&without_users) {
        Cow::Owned(clean) => Some(clean),
        Cow::Borrowed(_) => None,
    };
    clean.map_or(without_users, Cow::Owned)
}

/// `https://user:password@host/x` as `https://host/x`.
fn cut_users(word: &str) -> Cow<'_, str> {
    let mut clean = String::new();
    let mut rest = word;
    while let Some(colon) = rest.find(":/") {
        let scheme = rest[..colon].rsplit(|c: char| !c.is_ascii_alphanumeric() && !"+.-".contains(c)).next();
        let start = colon + 1 + rest[colon + 1..].chars().take_while(|&c| c == '/').count();
        let (before, after) = rest.split_at(start);
        let authority = &after[..after.find(['/', '?', '#']).unwrap_or(after.len())];
        // A password with an unescaped `/`, `?` or `#` is not over at the end of the authority.
        let is_cut = |scheme| !authority.contains('@') && after.contains('@') && !is_url(scheme, after);
        let end = match scheme {
            None | Some("" | "file") => None,
            Some("hf") if !authority.contains(':') => None,
            Some(scheme) if is_cut(scheme) => after.rfind('@'),
            Some(_) => authority.rfind('@'),
        };
        let user = end.map_or(0, |at| at + 1);
        clean.push_str(before);
        rest = &after[user..];
    }
    clean.push_str(rest);
    if clean.len() == word.len() { Cow::Borrowed(word) } else { Cow::Owned(clean) }
}

/// Whether a text behind `scheme://` can be parsed. A name of the Hub has no port.
fn is_url(scheme: &str, rest: &str) -> bool {
    scheme != "hf" && Url::parse(&format!("{scheme}://{rest}")).is_ok()
}

/// `x?token=secret&id=5#f` as `x?id=5#f`.
fn cut_parameters(word: &str) -> Cow<'_, str> {
    let Some(begin) = word.find(['?', '#']) else { return Cow::Borrowed(word) };
    let mut clean = word[..begin].to_owned();
    let mut changed = false;
    let mut rest = &word[begin..];
    while let Some(mark) = rest.get(..1) {
        let end = rest[1..].find('#').map_or(rest.len(), |at| at + 1);
        let pairs: Vec<&str> = rest[1..end].split('&').collect();
        let name = |pair: &&str| form_urlencoded::parse(pair.as_bytes()).next().map(|(name, _)| name.into_owned());
        let names: Vec<String> = pairs.iter().map(|pair| name(pair).unwrap_or_default()).collect();
        let hidden = hidden_names(&names);
        let kept: Vec<&str> =
            pairs.iter().zip(&hidden).filter(|(_, hidden)| !**hidden).map(|(pair, _)| *pair).collect();
        changed |= kept.len() < pairs.len();
        if !kept.is_empty() {
            clean.push_str(mark);
            clean.push_str(&kept.join("&"));
        }
        rest = &rest[end..];
    }
    if changed { Cow::Owned(clean) } else { Cow::Borrowed(word) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_lose_the_secrets_of_addresses() {
        for (text, shown) in [
            ("https://h/x?token=S&id=5#f", "https://h/x?id=5#f"),
            ("error: 'https://me:S@h/x' is bad", "error: 'https://h/x' is bad"),
            ("https:/me:S@h/x", "https:/h/x"),
            ("http://S@h:80/x?y=1", "http://h:80/x?y=1"),
            ("GET http://h/?%74oken=S&a", "GET http://h/?a"),
            ("x?key=S&X-Amz-Signature=S", "x"),
            ("https://h/x#access_token=S&size=3", "https://h/x#size=3"),
            ("proxy socks5://u:S@p:1", "proxy socks5://p:1"),
            ("a=http://h,b=http://S@h", "a=http://h,b=http://h"),
            ("http://u:S#S@h:80/x", "http://h:80/x"),
            ("proxy 'http://u:S/S?S@S@h' is bad", "proxy 'http://h' is bad"),
            ("hf://u:S@org/name@v1", "hf://org/name@v1"),
            ("hf://u:S/S@org/name", "hf://org/name"),
        ] {
            assert_eq!(redact_text(text), shown);
            assert!(has_secrets(text), "{text}");
        }
    }

    #[test]
    fn other_texts_stay_as_they_are() {
        for text in [
            "",
            "org/name@refs/pr/7",
            "hf://gpt2@main",
            "hf://org/name:Q4@main/x",
            "https://h:80/a@b/c#d@e",
            "file:///a@b/c",
            "https://h/x?key=A&v=1",
            "what? me@home: /x@y",
            "https://h/@user/x",
            "a?b#c",
            "?",
        ] {
            assert!(matches!(redact_text(text), Cow::Borrowed(same) if same == text), "{text}");
        }
    }
}
