//! [`HfConfig`]: which Hub, which token, and where each of them was found.

use std::fmt;
use std::path::{Path, PathBuf};

use cache_core::{Error, ErrorKind, Result};
use cache_net::Secret;
use url::Url;

use crate::expand::expand;

/// The Hub that is asked when nothing else is said.
pub const DEFAULT_ENDPOINT: &str = "https://huggingface.co";

/// Longest token file that is read, in bytes: a token has some forty.
const MAX_TOKEN_FILE: u64 = 16 << 10;

/// Provenance of a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Provenance {
    /// Nothing was set anywhere.
    Default,
    /// This environment variable.
    Variable(&'static str),
    /// This file.
    File(PathBuf),
    /// The program or its command line.
    Given,
    /// Turned off by this environment variable.
    Disabled(&'static str),
    /// This file is there but could not be used, and why.
    Unreadable(PathBuf, String),
}

impl fmt::Display for Provenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("the default"),
            Self::Variable(name) => f.write_str(name),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Given => f.write_str("the caller"),
            Self::Disabled(name) => write!(f, "turned off by {name}"),
            Self::Unreadable(path, why) => write!(f, "{} could not be used: {why}", path.display()),
        }
    }
}

/// Provenance of each setting of an [`HfConfig`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Provenances {
    /// Of the endpoint.
    pub endpoint: Provenance,
    /// Of the token, or of its absence.
    pub token: Provenance,
    /// Of the offline switch.
    pub offline: Provenance,
    /// Of the Hugging Face home folder.
    pub home: Provenance,
}

/// Configuration of the Hub client. The token is never printed.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct HfConfig {
    /// The Hub or a mirror of it: `http` or `https`, no query, no trailing slash of its own.
    pub endpoint: Url,
    /// The token, sent to the endpoint's scheme, host and port and nowhere else. `None`: no token is sent at all.
    pub token: Option<Secret>,
    /// Whether the token may be sent over plain http to other machines.
    pub allow_http: bool,
    /// Whether the network may not be asked.
    pub offline: bool,
    /// Retries in a row for resolving one revision.
    pub retries: u32,
    /// The Hugging Face home folder, if one is known: it holds the token file.
    pub home: Option<PathBuf>,
    /// Provenance of the settings.
    pub found: Provenances,
}

impl Default for HfConfig {
    /// The public Hub without a token. Reads nothing.
    #[expect(clippy::expect_used, reason = "a constant that the tests parse")]
    fn default() -> Self {
        Self {
            endpoint: Url::parse(DEFAULT_ENDPOINT).expect("the default endpoint is a URL"),
            token: None,
            allow_http: false,
            offline: false,
            retries: 5,
            home: None,
            found: Provenances {
                endpoint: Provenance::Default,
                token: Provenance::Default,
                offline: Provenance::Default,
                home: Provenance::Default,
            },
        }
    }
}

impl HfConfig {
    /// Reads what Hugging Face programs read: `HF_ENDPOINT`, `HF_TOKEN`, `HUGGING_FACE_HUB_TOKEN`, `HF_TOKEN_PATH`,
    /// `HF_HOME`, `XDG_CACHE_HOME`, `HF_HUB_DISABLE_IMPLICIT_TOKEN`, `HF_HUB_OFFLINE`, and the token file.
    ///
    /// A token file that cannot be read is no error: [`found`](Self::found) reports it.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when `HF_ENDPOINT` is no `http(s)` address or the token cannot be sent in a header.
    pub fn from_env() -> Result<Self> {
        Self::from_variables(&|name| std::env::var(name).ok())
    }

    /// As [`from_env`](Self::from_env), from other variables than the process's.
    ///
    /// # Errors
    /// As [`from_env`](Self::from_env).
    pub fn from_variables(get: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        let set = |name: &str| get(name).filter(|value| !value.trim().is_empty());
        let mut config = Self::default();
        if let Some(text) = set("HF_ENDPOINT") {
            config.endpoint = parse_endpoint(&text, "HF_ENDPOINT")?;
            config.found.endpoint = Provenance::Variable("HF_ENDPOINT");
        }
        if let Some(text) = set("HF_HUB_OFFLINE") {
            config.offline = is_true(&text);
            config.found.offline = Provenance::Variable("HF_HUB_OFFLINE");
        }
        (config.home, config.found.home) = if let Some(text) = set("HF_HOME") {
            (Some(expand(&text, get)), Provenance::Variable("HF_HOME"))
        } else if let Some(text) = set("XDG_CACHE_HOME") {
            (Some(expand(&text, get).join("huggingface")), Provenance::Variable("XDG_CACHE_HOME"))
        } else {
            (set("HOME").map(|home| Path::new(&home).join(".cache/huggingface")), Provenance::Default)
        };
        (config.token, config.found.token) = find_token(&set, get, config.home.as_deref())?;
        Ok(config)
    }

    /// Asks another Hub. A token that was found for the old one stays: it belongs to whom the user configures.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when the text is no `http(s)` address of a host.
    pub fn with_endpoint(mut self, endpoint: &str) -> Result<Self> {
        self.endpoint = parse_endpoint(endpoint, "the endpoint")?;
        self.found.endpoint = Provenance::Given;
        Ok(self)
    }

    /// Uses this token, or with `None` no token at all.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when the token is empty or cannot be sent in a header.
    pub fn with_token(mut self, token: Option<&str>) -> Result<Self> {
        self.token = token.map(|token| parse_token(token, "the caller")).transpose()?;
        self.found.token = Provenance::Given;
        Ok(self)
    }

    /// Allows so many retries in a row for resolving one revision.
    #[must_use]
    pub fn with_retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// Lets the token go over plain http to other machines, where everyone on the way can read it.
    #[must_use]
    pub fn with_allow_http(mut self, allow: bool) -> Self {
        self.allow_http = allow;
        self
    }

    /// Forbids or allows the network.
    #[must_use]
    pub fn with_offline(mut self, offline: bool) -> Self {
        self.offline = offline;
        self.found.offline = Provenance::Given;
        self
    }
}

/// HF_HUB_DISABLE_IMPLICIT_TOKEN, then HF_TOKEN, HUGGING_FACE_HUB_TOKEN, the file HF_TOKEN_PATH or `<home>/token`.
fn find_token(
    set: &dyn Fn(&str) -> Option<String>,
    get: &dyn Fn(&str) -> Option<String>,
    home: Option<&Path>,
) -> Result<(Option<Secret>, Provenance)> {
    const DISABLE: &str = "HF_HUB_DISABLE_IMPLICIT_TOKEN";
    if set(DISABLE).is_some_and(|value| is_true(&value)) {
        return Ok((None, Provenance::Disabled(DISABLE)));
    }
    for name in ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"] {
        if let Some(text) = set(name) {
            return Ok((Some(parse_token(&text, name)?), Provenance::Variable(name)));
        }
    }
    let file = set("HF_TOKEN_PATH").map(|text| expand(&text, get)).or_else(|| home.map(|home| home.join("token")));
    let Some(file) = file else { return Ok((None, Provenance::Default)) };
    match read_token_file(&file) {
        Ok(Some(text)) => Ok((Some(parse_token(&text, &file.display().to_string())?), Provenance::File(file))),
        Ok(None) => Ok((None, Provenance::Default)),
        Err(error) => Ok((None, Provenance::Unreadable(file, error.kind().to_string()))),
    }
}

/// The file's content; `None` when it is absent or blank.
fn read_token_file(file: &Path) -> std::io::Result<Option<String>> {
    match cache_fs::read_text(file, MAX_TOKEN_FILE) {
        Ok(text) => Ok(Some(text).filter(|text| !text.trim().is_empty())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn parse_token(text: &str, whence: &str) -> Result<Secret> {
    let token = text.trim();
    if token.is_empty() || !token.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(Error::new(
            ErrorKind::Usage,
            format!("the token from {whence} is empty or has invalid characters"),
        )
        .with_hint("copy it again from https://huggingface.co/settings/tokens; it begins with hf_"));
    }
    Ok(Secret::new(token))
}

/// Repeats the text only where it cannot have a password.
fn not_a_url(text: &str) -> String {
    let is_harmless = text.len() <= 64 && text.chars().all(|c| c.is_ascii_alphanumeric() || "-._/".contains(c));
    if is_harmless { format!("is not a valid URL: {text:?}") } else { "is not a valid URL".to_owned() }
}

fn parse_endpoint(text: &str, whence: &str) -> Result<Url> {
    let refuse = |why: &str| {
        // The rest of the text is not repeated: it may have a password.
        Error::new(ErrorKind::Usage, format!("{whence} {why}")).with_hint("write it like https://huggingface.co")
    };
    let mut url = Url::parse(text.trim()).map_err(|_| refuse(&not_a_url(text.trim())))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err(refuse("is not an http or https URL"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refuse("has a user name or password, which would be shown and sent"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(refuse("has a query or a fragment"));
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url)
}

/// huggingface_hub's reading of a switch.
fn is_true(text: &str) -> bool {
    matches!(text.trim().to_ascii_uppercase().as_str(), "1" | "ON" | "YES" | "TRUE")
}

#[cfg(test)]
mod tests;
