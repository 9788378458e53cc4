//! [`Origin`]: scheme, host and port. What a token, a breaker and a limit are bound to.

use std::fmt;

use cache_core::{Error, ErrorKind, Result};
use url::Url;

use crate::AddressClass;
use crate::resolve::literal;

/// Scheme, host and port of a server.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin {
    scheme: String,
    host: String,
    port: u16,
}

impl Origin {
    /// The origin of a URL.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when it is no `http` or `https` URL with a host.
    pub fn of(url: &Url) -> Result<Self> {
        match (url.scheme(), url.host_str(), url.port_or_known_default()) {
            (scheme @ ("http" | "https"), Some(host), Some(port)) if !host.is_empty() => {
                Ok(Self { scheme: scheme.to_owned(), host: host.to_owned(), port })
            }
            (scheme, ..) => Err(Error::new(
                ErrorKind::Usage,
                format!("{} is not an http or https URL (its scheme is {scheme})", redact(url)),
            )
            .with_hint("write https://host/path")),
        }
    }

    /// Stands for a target that is not known; no URL has it.
    pub(crate) fn unknown() -> Self {
        Self { scheme: String::new(), host: "unknown".to_owned(), port: 80 }
    }

    /// `http` or `https`.
    #[must_use]
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// The host, lower case; an IPv6 address stands in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, the scheme's usual one when none was written.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether the host is this machine: a loopback address, or a name that stands for one by definition.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        literal(&self.host).is_some_and(|address| AddressClass::of(address) == AddressClass::Loopback)
    }

    /// Host and port as a plain http address would name them; an https default port is left out.
    pub(crate) fn address(&self) -> String {
        if self.port == 443 { self.host.clone() } else { format!("{}:{}", self.host, self.port) }
    }

    /// Host, and the port where it is not the scheme's usual one: for people.
    #[must_use]
    pub fn authority(&self) -> String {
        let usual = if self.scheme == "https" { 443 } else { 80 };
        if self.port == usual { self.host.clone() } else { format!("{}:{}", self.host, self.port) }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority())
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Origin({self})")
    }
}

/// A URL without user info, query and fragment: fit to be printed.
#[must_use]
pub fn redact(url: &Url) -> String {
    let mut shown = url.clone();
    shown.set_query(None);
    shown.set_fragment(None);
    // Both fail only where there is no host, and then there is no user info either.
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    shown.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn scheme_host_and_port_tell_origins_apart() {
        let home = Origin::of(&url("https://Hub.example/x?y")).unwrap();
        assert_eq!(home, Origin::of(&url("https://hub.example:443/z")).unwrap());
        for other in ["http://hub.example/x", "https://hub.example:8443/x", "https://cdn.hub.example/x"] {
            assert_ne!(home, Origin::of(&url(other)).unwrap(), "{other}");
        }
        assert_eq!(home.to_string(), "https://hub.example");
        assert_eq!(Origin::of(&url("http://[::1]:80/")).unwrap().authority(), "[::1]");
        assert_eq!(Origin::of(&url("http://h:8080/")).unwrap().authority(), "h:8080");
        assert!(Origin::of(&url("file:///etc/passwd")).is_err());
    }

    #[test]
    fn nothing_secret_is_printed() {
        let shown = redact(&url("https://user:hush@host/a/b?X-Amz-Signature=hush#hush"));
        assert_eq!(shown, "https://host/a/b");
    }
}
