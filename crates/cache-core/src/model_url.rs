//! [`ModelUrl`]: a URL that can be fetched in full and shown without its secrets.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use sha2::Digest as _;
use url::Url;

use crate::{RefError, Sha256};

/// Query parameters that are secrets wherever they stand, beside those that [`is_secret`] knows by a part of their name.
const SECRETS: &[&str] = &[
    "sig",
    "hmac",
    "jwt",
    "hdnea",
    "hdnts",
    "code",
    "auth",
    "authorization",
    "password",
    "passwd",
    "pass",
    "pwd",
    "pw",
    "bearer",
    "credential",
    "credentials",
    "session",
    "sessionid",
    "ticket",
    "sas",
    "rlkey",
    "api_key",
    "apikey",
    "api-key",
    "access_key",
    "access-key",
    "accesskey",
    "key-pair-id",
    "awsaccesskeyid",
    "googleaccessid",
];

/// Parts of names of secrets.
const SECRET_PARTS: &[&str] = &["token", "secret", "signature"];

/// Query parameters that belong to a signature if there is one. Alone they may choose the file: `?key=models/a`.
const SIGNED: &[&str] = &[
    "key",
    "policy",
    "expires",
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
    name.starts_with("x-amz-")
        || name.starts_with("x-goog-")
        || SECRETS.contains(&name)
        || SECRET_PARTS.iter().any(|part| name.contains(part))
}

/// Whether this parameter authorizes the others.
fn is_signature(name: &str) -> bool {
    ["signature", "token"].iter().any(|part| name.contains(part))
        || ["sig", "hmac", "jwt", "hdnea", "hdnts"].contains(&name)
}

/// The key of the hashes that stand for the secret parts of URLs. `Debug` prints `***`.
#[derive(Clone, Copy, Default)]
pub struct UrlKey([u8; 32]);

impl UrlKey {
    /// A key of 32 random bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// HMAC-SHA256 (RFC 2104) of a text.
    fn hash(&self, text: &[u8]) -> Sha256 {
        let pad = |byte: u8| {
            let mut block = [byte; 64];
            block.iter_mut().zip(self.0).for_each(|(block, key)| *block ^= key);
            block
        };
        let inner = sha2::Sha256::new().chain_update(pad(0x36)).chain_update(text).finalize();
        let outer = sha2::Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize();
        Sha256::from_bytes(outer.into())
    }
}

impl fmt::Debug for UrlKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
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
        let (hidden, kept) = split(&full);
        if kept.is_empty() {
            public.set_query(None);
        } else if !hidden.is_empty() {
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

    /// Whether the URL to fetch has parameters that are not shown.
    #[must_use]
    pub fn has_hidden_query(&self) -> bool {
        self.full != self.public
    }

    /// A keyed hash of the parameters that are not shown; `None` when there are none.
    ///
    /// It tells apart what one address gives to different keys. Without `key` it cannot be guessed by trial.
    #[must_use]
    pub fn hidden_query(&self, key: &UrlKey) -> Option<Sha256> {
        if !self.has_hidden_query() {
            return None;
        }
        let (hidden, _) = split(&self.full);
        let pairs = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(hidden).finish();
        Some(key.hash(format!("{}\n{pairs}", self.public).as_bytes()))
    }
}

type Pairs = Vec<(String, String)>;

/// The hidden and the shown parameters.
fn split(url: &Url) -> (Pairs, Pairs) {
    let pairs: Pairs = url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    let names: Vec<&str> = pairs.iter().map(|(name, _)| name.as_str()).collect();
    let mut hidden = hidden_names(&names).into_iter();
    pairs.into_iter().partition(|_| hidden.next().unwrap_or(true))
}

/// Hidden parameters of a query, by their decoded names.
pub(crate) fn hidden_names(names: &[impl AsRef<str>]) -> Vec<bool> {
    let names: Vec<String> = names.iter().map(|name| name.as_ref().to_ascii_lowercase()).collect();
    let signed = names.iter().any(|name| is_signature(name));
    names.iter().map(|name| is_secret(name) || (signed && SIGNED.contains(&name.as_str()))).collect()
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
    fn signed_url_hides_its_signature() {
        let a = ModelUrl::parse("https://h/x.gguf?id=5&X-Amz-Signature=hush&Expires=9#f").unwrap();
        let b = ModelUrl::parse("https://h/x.gguf?id=5&X-Amz-Signature=other").unwrap();
        assert_eq!(a, b);
        assert_eq!(a.to_string(), "https://h/x.gguf?id=5");
        assert!(!format!("{a:?}").contains("hush"));
        assert!(a.expose().as_str().contains("hush"));
        assert!(ModelUrl::parse("https://user@h/x").is_err());
    }
    #[test]
    fn generic_names_are_secrets_beside_a_signature() {
        for (query, shown) in [
            ("key=A", "?key=A"),
            ("st=1&sp=2&policy=3", "?st=1&sp=2&policy=3"),
            ("expires=9", "?expires=9"),
            ("sig=x&sp=r&st=1&name=a", "?name=a"),
            ("key=A&X-Goog-Signature=x", ""),
            ("Policy=a&Signature=b&Key-Pair-Id=c", ""),
            ("token=x&expires=9", ""),
            ("auth_token=x", ""),
            ("client_secret=x&v=1", "?v=1"),
            ("jwt=x&hdnea=y&code=z", ""),
            ("monkey=1&design=2", "?monkey=1&design=2"),
        ] {
            let url = ModelUrl::parse(&format!("https://h/x?{query}")).unwrap();
            assert_eq!(url.to_string(), format!("https://h/x{shown}"), "{query}");
        }
    }

    #[test]
    fn hidden_query_depends_on_key_and_values() {
        let hash = |query: &str, key: u8| {
            ModelUrl::parse(&format!("https://h/x?{query}")).unwrap().hidden_query(&UrlKey::from_bytes([key; 32]))
        };
        assert_eq!(hash("key=A", 1), None);
        assert_eq!(hash("token=A&v=1", 1), hash("v=1&token=A", 1));
        let different = [hash("token=A", 1), hash("token=B", 1), hash("token=A", 2), hash("token=A&v=1", 1)];
        assert!(different.iter().all(Option::is_some));
        assert_eq!(different.iter().collect::<std::collections::BTreeSet<_>>().len(), 4);
        assert_eq!(format!("{:?}", UrlKey::from_bytes([7; 32])), "***");
    }

    /// Test case 1 of RFC 4231.
    #[test]
    fn url_key_hashes_as_hmac_sha256() {
        let mut key = [0; 32];
        key[..20].fill(0x0b);
        let expected = "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7";
        assert_eq!(UrlKey::from_bytes(key).hash(b"Hi There").to_string(), expected);
    }
}
