//! Error responses of the Hub, as errors with hints.

use cache_core::{Error, ErrorKind, RepoPath};

use crate::routes::{RepoRoute, Routes};
use crate::{HfConfig, Provenance};

/// Longest piece of a server's own words that is repeated.
const MAX_WORDS: usize = 200;

/// The request that an error response belongs to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestTarget<'a> {
    pub(crate) repo: RepoRoute<'a>,
    /// A branch, tag, pull request or commit.
    pub(crate) revision: &'a str,
    /// The file, when a file was asked for.
    pub(crate) path: Option<&'a RepoPath>,
}

/// An error response.
#[derive(Debug, Clone, Default)]
pub(crate) struct HubErrorResponse {
    pub(crate) status: u16,
    /// `X-Error-Code`.
    pub(crate) code: Option<String>,
    /// `X-Error-Message`, or the body's `error`.
    pub(crate) message: Option<String>,
}

enum Cause {
    Gated,
    BadToken,
    RepoHidden,
    RevisionUnknown,
    EntryUnknown,
    /// A 404 that names nothing: a mirror that sets no codes.
    SomethingUnknown,
    Forbidden,
    /// A redirect that was not followed.
    Away,
    Other,
}

impl HubErrorResponse {
    fn cause(&self, https: bool) -> Cause {
        let says = |word: &str| self.message.as_deref().is_some_and(|text| text.to_ascii_lowercase().contains(word));
        match (self.code.as_deref(), self.status) {
            // Only these words tell of a wrong token; "Invalid username or password" is said to strangers too.
            (_, 401) if says("invalid credentials") => Cause::BadToken,
            (Some("GatedRepo"), _) => Cause::Gated,
            (Some("RepoNotFound"), _) => Cause::RepoHidden,
            (Some("RevisionNotFound"), _) => Cause::RevisionUnknown,
            (Some("EntryNotFound"), _) => Cause::EntryUnknown,
            // The public Hub leaves the code off; a mirror on plain http always sets it.
            (_, 401) if https => Cause::RepoHidden,
            (_, 401) => Cause::BadToken,
            (_, 403) => Cause::Forbidden,
            (_, 404 | 410) => Cause::SomethingUnknown,
            (_, 300..=399) => Cause::Away,
            _ => Cause::Other,
        }
    }
}

/// Turns a refusal into an error with the next step.
pub(crate) fn error_of(
    config: &HfConfig,
    routes: &Routes,
    asked: RequestTarget<'_>,
    reply: &HubErrorResponse,
) -> Error {
    let cause = reply.cause(config.endpoint.scheme() == "https");
    let denied = matches!(cause, Cause::Gated | Cause::RepoHidden | Cause::Forbidden);
    let (kind, message, hint) = explain(&cause, config, routes, asked, reply);
    let error = Error::new(kind, message).with_hint(hint).with_host(config.endpoint.host_str().unwrap_or_default());
    if denied { error.with_denied() } else { error }
}

/// The kind of the error, its message and the next step.
fn explain(
    cause: &Cause,
    config: &HfConfig,
    routes: &Routes,
    asked: RequestTarget<'_>,
    reply: &HubErrorResponse,
) -> (ErrorKind, String, String) {
    let page = routes.page(asked.repo);
    let what = describe(asked);
    let token = token_state(config);
    let words = words(config, reply.message.as_deref());
    match cause {
        Cause::Gated => (
            ErrorKind::Unauthorized,
            format!("{what}: access is gated; {token}"),
            format!("accept the conditions at {page}, then {}", set_token(config, routes, "of that account")),
        ),
        Cause::BadToken => (
            ErrorKind::Unauthorized,
            format!("{what}: the Hub refuses the token; {token}{words}"),
            replace_token(config, routes),
        ),
        Cause::RepoHidden => (
            ErrorKind::NotFound,
            format!("{what}: no such repository, or it is private (the Hub answers the same for both); {token}"),
            format!("check the name at {page}; if it is private, {}", set_token(config, routes, "that may read it")),
        ),
        Cause::RevisionUnknown | Cause::EntryUnknown | Cause::SomethingUnknown => {
            let (message, hint) = explain_unknown(cause, config, routes, asked, &format!("{token}{words}"));
            (ErrorKind::NotFound, message, hint)
        }
        Cause::Forbidden => {
            (ErrorKind::Unauthorized, format!("{what}: forbidden; {token}{words}"), extend_token(config, routes))
        }
        Cause::Away => (
            ErrorKind::Network,
            format!("{what}: redirect to another host refused"),
            "the endpoint is not a Hub, or a sign-in page answers instead; check HF_ENDPOINT and the network"
                .to_owned(),
        ),
        Cause::Other => (
            ErrorKind::Network,
            format!("{what}: the Hub answered {}{words}", reply.status),
            "see https://status.huggingface.co, or try again later".to_owned(),
        ),
    }
}

/// The message and the next step where something is missing.
fn explain_unknown(
    cause: &Cause,
    config: &HfConfig,
    routes: &Routes,
    asked: RequestTarget<'_>,
    words: &str,
) -> (String, String) {
    let page = routes.page(asked.repo);
    let what = describe(asked);
    match cause {
        Cause::RevisionUnknown => (
            format!("{what}: the repository has no revision {:?}", asked.revision),
            format!("the branches, tags and commits are at {page}/tree/main"),
        ),
        Cause::EntryUnknown => {
            let path = asked.path.map_or("/", RepoPath::as_str);
            (
                format!("{what}: there is no file {path:?} in this version"),
                format!("the files are at {page}/tree/{}", asked.revision),
            )
        }
        _ => (
            format!("{what}: not found, and the host does not say what is missing; {words}"),
            format!(
                "check the name and the revision at {page}; if it is private, {}",
                set_token(config, routes, "that may read it")
            ),
        ),
    }
}

/// The next step after a refused token.
fn replace_token(config: &HfConfig, routes: &Routes) -> String {
    match &config.token {
        Some(_) => format!(
            "it may be wrong or expired: make a new one at {}, or unset it for what is public",
            routes.tokens_page()
        ),
        None => set_token(config, routes, "that may read it"),
    }
}

/// The next step after a token without the right to read.
fn extend_token(config: &HfConfig, routes: &Routes) -> String {
    match &config.token {
        Some(_) => format!("a fine-grained token needs the right to read this repository: {}", routes.tokens_page()),
        None => set_token(config, routes, "that may read it"),
    }
}

/// The error for a network that may not be asked.
pub(crate) fn offline(config: &HfConfig, what: &str) -> Error {
    let (why, hint) = match config.found.offline {
        Provenance::Variable(name) if config.offline => (format!(" ({name})"), format!("unset {name}")),
        _ => (String::new(), "go online".to_owned()),
    };
    Error::new(ErrorKind::NotCached, format!("{what}: not requested: offline{why}"))
        .with_hint(format!("{hint}, or use what is in the store"))
}

fn describe(asked: RequestTarget<'_>) -> String {
    let kind = match asked.repo.kind {
        cache_core::RepoKind::Model => "",
        cache_core::RepoKind::Dataset => "dataset ",
        cache_core::RepoKind::Space => "space ",
    };
    let path = asked.path.map(|path| format!("/{path}")).unwrap_or_default();
    format!("{kind}{}@{}{path}", asked.repo.name, asked.revision)
}

/// The error for a token that the Hub does not know.
pub(crate) fn bad_token(config: &HfConfig, routes: &Routes) -> Error {
    Error::new(ErrorKind::Unauthorized, format!("the Hub refuses the token; {}", token_state(config)))
        .with_hint(format!("it may be wrong or expired: make a new one at {}", routes.tokens_page()))
        .with_host(config.endpoint.host_str().unwrap_or_default())
}

/// Whether a token was sent, and which: by where it was found, never by its text.
fn token_state(config: &HfConfig) -> String {
    match (&config.token, &config.found.token) {
        (Some(_), found) => format!("the token from {found} was sent"),
        (None, found @ (Provenance::Disabled(_) | Provenance::Unreadable(..))) => {
            format!("no token was sent ({found})")
        }
        (None, _) => "no token is set".to_owned(),
    }
}

fn set_token(config: &HfConfig, routes: &Routes, which: &str) -> String {
    let page = routes.tokens_page();
    match &config.token {
        Some(_) => format!("check that the token is one {which}: {page}"),
        None => format!("set HF_TOKEN to a token {which} ({page}), or run `hf auth login`"),
    }
}

/// The server's own words: bounded, on one line, and without the token should it echo it.
pub(crate) fn words(config: &HfConfig, text: Option<&str>) -> String {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else {
        return String::new();
    };
    let text = match &config.token {
        Some(token) => text.replace(token.expose(), "***"),
        None => text.to_owned(),
    };
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_WORDS).collect();
    format!(" (it says: {text})")
}

#[cfg(test)]
mod tests {
    use cache_core::ModelId;

    use super::*;

    fn error(config: &HfConfig, status: u16, code: &str, message: &str) -> Error {
        let model = ModelId::hub("org/name").unwrap();
        let path = RepoPath::parse("a/b.bin").unwrap();
        let asked = RequestTarget { repo: RepoRoute::of(&model).unwrap(), revision: "main", path: Some(&path) };
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let reply = HubErrorResponse { status, code: some(code), message: some(message) };
        error_of(config, &Routes::new(&config.endpoint), asked, &reply)
    }

    #[test]
    fn kinds_by_code_then_by_status() {
        let https = HfConfig::default();
        let http = HfConfig::default().with_endpoint("http://mirror.example").unwrap();
        for (config, status, code, message, kind) in [
            (&https, 401, "GatedRepo", "", ErrorKind::Unauthorized),
            (&https, 403, "GatedRepo", "", ErrorKind::Unauthorized),
            (&https, 401, "RepoNotFound", "", ErrorKind::NotFound),
            (&https, 404, "RevisionNotFound", "", ErrorKind::NotFound),
            (&https, 404, "EntryNotFound", "", ErrorKind::NotFound),
            (&https, 401, "", "", ErrorKind::NotFound),
            (&https, 401, "", "Invalid credentials in Authorization header", ErrorKind::Unauthorized),
            (&https, 401, "RepoNotFound", "Invalid username or password.", ErrorKind::NotFound),
            (&http, 401, "", "", ErrorKind::Unauthorized),
            (&http, 401, "RepoNotFound", "", ErrorKind::NotFound),
            (&http, 403, "", "", ErrorKind::Unauthorized),
            (&http, 404, "", "", ErrorKind::NotFound),
            (&http, 302, "", "", ErrorKind::Network),
            (&http, 418, "", "", ErrorKind::Network),
        ] {
            let error = error(config, status, code, message);
            assert_eq!(error.kind(), kind, "{status} {code} {message}: {error}");
            assert!(error.hint().is_some() && error.host().is_some() && !error.is_retryable());
            let denied = matches!(code, "GatedRepo" | "RepoNotFound") || status == 403;
            let hidden = status == 401 && code.is_empty() && message.is_empty() && config.endpoint.scheme() == "https";
            assert_eq!(error.is_denied(), denied || hidden, "{status} {code} {message}");
        }
    }

    #[test]
    fn the_next_step_depends_on_the_token() {
        let without = HfConfig::default();
        let with = HfConfig::default().with_token(Some("hf_secret")).unwrap();
        let gated = error(&without, 403, "GatedRepo", "");
        assert!(gated.hint().unwrap().contains("https://huggingface.co/org/name"), "{gated:?}");
        assert!(gated.hint().unwrap().contains("HF_TOKEN"), "{gated:?}");
        assert!(gated.message().contains("no token is set"));
        let gated = error(&with, 403, "GatedRepo", "");
        assert!(gated.message().contains("the token from the caller was sent"), "{gated}");
        let hidden = error(&without, 401, "RepoNotFound", "");
        assert!(hidden.message().contains("or it is private") && hidden.hint().unwrap().contains("HF_TOKEN"));
    }

    #[test]
    fn server_message_is_redacted_and_bounded() {
        let config = HfConfig::default().with_token(Some("hf_secret")).unwrap();
        let text = format!("bad\x1b[2Jtoken hf_secret {}", "x".repeat(10_000));
        let error = error(&config, 403, "", &text);
        assert!(!error.message().contains("hf_secret") && !error.message().contains('\x1b'), "{error}");
        assert!(error.message().len() < 500);
    }
}
