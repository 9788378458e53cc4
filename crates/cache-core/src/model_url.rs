//! [`ModelUrl`]: a URL that can be fetched in full and shown without its secrets.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use url::Url;

use crate::RefError;

/// Query parameters that sign or authorise a request. They differ from one link to the next for the same file, so they
/// are no part of its identity, and they are never printed or stored.
const SECRET_PARAMETERS: &[&str] = &[
    "signature",
    "sig",
    "token",
    "access_token",
    "auth",
    "key",
    "api_key",
    "apikey",
    "password",
    "secret",
    "expires",
    "policy",
    "key-pair-id",
    "awsaccesskeyid",
    "googleaccessid",
    "se",
    "sp",
    "sv",
    "sr",
    "st",
    "spr",
    "ske",
    "skt",
    "sks",
    "skv",
    "skoid",
    "sktid",
    "response-content-disposition",
    "response-content-type",
];

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.starts_with("x-amz-") || name.starts_with("x-goog-") || SECRET_PARAMETERS.contains(&name.as_str())
}

/// An `http` or `https` URL of one file. Equality, order, hash and `Display` see it without signatures and fragment.
#[derive(Clone)]
pub struct ModelUrl {
    full: Url,
    public: Url,
}

impl ModelUrl {
    /// Parses a URL.
    ///
    /// # Errors
    /// [`RefError::Url`] when it is no `http(s)` URL with a host, or carries a user name or password.
    pub fn parse(text: &str) -> Result<Self, RefError> {
        let mut full = Url::parse(text).map_err(|error| RefError::Url(format!("not a URL: {error}")))?;
        if !matches!(full.scheme(), "http" | "https") || full.host_str().is_none() {
            return Err(RefError::Scheme(full.scheme().to_owned()));
        }
        if !full.username().is_empty() || full.password().is_some() {
            return Err(RefError::Url(
                "a URL must not carry a user name or password: it would be stored and shown".to_owned(),
            ));
        }
        full.set_fragment(None);
        let mut public = full.clone();
        let kept: Vec<(String, String)> =
            full.query_pairs().filter(|(name, _)| !is_secret(name)).map(|(n, v)| (n.into(), v.into())).collect();
        if kept.is_empty() {
            public.set_query(None);
        } else if kept.len() < full.query_pairs().count() {
            public.query_pairs_mut().clear().extend_pairs(kept);
        }
        Ok(Self { full, public })
    }

    /// The URL to fetch, signature and all. Never print or store it.
    #[must_use]
    pub fn expose(&self) -> &Url {
        &self.full
    }

    /// The URL to show and to store.
    #[must_use]
    pub fn public(&self) -> &Url {
        &self.public
    }
}

impl fmt::Display for ModelUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.public)
    }
}

impl fmt::Debug for ModelUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ModelUrl({})", self.public)
    }
}

impl PartialEq for ModelUrl {
    fn eq(&self, other: &Self) -> bool {
        self.public == other.public
    }
}

impl Eq for ModelUrl {}

impl Hash for ModelUrl {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.public.hash(state);
    }
}

impl PartialOrd for ModelUrl {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ModelUrl {
    fn cmp(&self, other: &Self) -> Ordering {
        self.public.cmp(&other.public)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_neither_shown_nor_part_of_the_identity() {
        let a = ModelUrl::parse("https://h/x.gguf?id=5&X-Amz-Signature=hush&Expires=9#f").unwrap();
        let b = ModelUrl::parse("https://h/x.gguf?id=5&X-Amz-Signature=other").unwrap();
        assert_eq!(a, b);
        assert_eq!(a.to_string(), "https://h/x.gguf?id=5");
        assert!(!format!("{a:?}").contains("hush"));
        assert!(a.expose().as_str().contains("hush"));
        assert!(ModelUrl::parse("https://user@h/x").is_err());
    }
}
