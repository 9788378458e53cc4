//! [`proxy_url`]: the address in a proxy's variable.

use url::Url;

/// The URL in a proxy's variable; `None` if it is none.
///
/// A password with an unescaped `/`, `?` or `#` makes it invalid, also where a part of it could be read as a host.
#[must_use]
pub fn proxy_url(text: &str) -> Option<Url> {
    let text = text.trim();
    let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
    let authority = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    if rest[authority..].contains('@') {
        return None;
    }
    Url::parse(&format!("{scheme}://{rest}")).ok().filter(|url| url.host_str().is_some_and(|host| !host.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxy_variable_is_a_url_or_none() {
        for (text, host) in [
            ("http://proxy.example:3128", "proxy.example"),
            ("proxy.example:3128", "proxy.example"),
            ("http://u:p%23w@proxy.example/", "proxy.example"),
            ("socks5h://u:p@[::1]:1080", "[::1]"),
        ] {
            assert_eq!(proxy_url(text).unwrap().host_str(), Some(host), "{text}");
        }
        for text in ["", "http://", "http://u:p#w@host", "http://u:1/w@host", "u:p?w@host", "http://u#w@host", "h:x"] {
            assert!(proxy_url(text).is_none(), "{text}");
        }
    }
}
