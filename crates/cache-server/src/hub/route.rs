//! [`Route`]: a parsed request path.

use cache_lib::{RepoKind, RepoName, RepoPath};
use http::Method;
use percent_encoding::percent_decode_str;

use crate::hub_error::HubError;
use crate::repo::Repo;

/// A request of the Hub's protocol. Names are decoded, once; paths and repositories are checked, revisions are not:
/// whether there is such a revision is for the catalog to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    /// `/[datasets/|spaces/]{repo}/resolve/{rev}/{path}`
    Resolve { repo: Repo, revision: String, path: RepoPath },
    /// `/api/{kind}`
    List { kind: RepoKind },
    /// `/api/{kind}/{repo}` and `/api/{kind}/{repo}/revision/{rev}`
    Info { repo: Repo, revision: String },
    /// `/api/{kind}/{repo}/tree/{rev}[/{path}]`; without a path the whole.
    Tree { repo: Repo, revision: String, folder: Option<RepoPath> },
    /// `/api/{kind}/{repo}/paths-info/{rev}`
    PathsInfo { repo: Repo, revision: String },
    /// `/api/{kind}/{repo}/refs`
    Refs { repo: Repo },
    /// `/api/{kind}/{repo}/commits/{rev}`
    Commits { repo: Repo, revision: String },
    /// `/api/{kind}/{repo}/auth-check`
    AuthCheck { repo: Repo },
    /// `/api/{kind}/{repo}/xet-read-token/{rev}`
    XetToken { repo: Repo },
    /// `/api/whoami-v2`
    WhoAmI,
    /// Nothing that this server has.
    Unknown,
}

/// Default revision.
const MAIN: &str = "main";

/// Segments after a repository's name, which distinguish names of one and two segments.
const VERBS: &[&str] =
    &["revision", "tree", "paths-info", "refs", "commits", "auth-check", "xet-read-token", "resolve"];

impl Route {
    /// Reads a path as it arrived, percent-encoded.
    ///
    /// # Errors
    /// [`HubError::RepoNotFound`] for a name that no repository can have, [`HubError::BadRequest`] for a path that no
    /// file can have (`..`, absolute, not UTF-8).
    pub(crate) fn parse(path: &str) -> Result<Self, HubError> {
        let Some(path) = path.strip_prefix('/') else { return Ok(Self::Unknown) };
        let segments: Vec<&str> = path.split('/').collect();
        match segments.as_slice() {
            ["api", "whoami-v2"] => Ok(Self::WhoAmI),
            ["api", kind] => Ok(kind_of(kind).map_or(Self::Unknown, |kind| Self::List { kind })),
            ["api", kind, rest @ ..] => match kind_of(kind) {
                Some(kind) => api(kind, rest),
                None => Ok(Self::Unknown),
            },
            ["datasets", rest @ ..] => resolve(RepoKind::Dataset, rest),
            ["spaces", rest @ ..] => resolve(RepoKind::Space, rest),
            rest => resolve(RepoKind::Model, rest),
        }
    }

    /// The route's name in logs and metrics.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Resolve { .. } => "resolve",
            Self::List { .. } => "list",
            Self::Info { .. } => "info",
            Self::Tree { .. } => "tree",
            Self::PathsInfo { .. } => "paths-info",
            Self::Refs { .. } => "refs",
            Self::Commits { .. } => "commits",
            Self::AuthCheck { .. } => "auth-check",
            Self::XetToken { .. } => "xet-read-token",
            Self::WhoAmI => "whoami",
            Self::Unknown => "unknown",
        }
    }

    /// The methods it takes, as `Allow` lists them; `None`: whatever the method, there is nothing.
    pub(crate) fn allow(&self) -> Option<&'static str> {
        match self {
            Self::Unknown | Self::XetToken { .. } => None,
            Self::PathsInfo { .. } => Some("POST"),
            _ => Some("GET, HEAD"),
        }
    }

    /// Whether it takes the method.
    pub(crate) fn takes(&self, method: &Method) -> bool {
        self.allow().is_none_or(|allow| allow.split(", ").any(|allowed| allowed == method.as_str()))
    }
}

fn api(kind: RepoKind, segments: &[&str]) -> Result<Route, HubError> {
    let (name, rest) = split_name(segments);
    let known = match rest {
        [] | ["refs" | "auth-check"] => true,
        [verb, _, ..] => matches!(*verb, "revision" | "tree" | "paths-info" | "commits" | "xet-read-token"),
        _ => false,
    };
    if !known {
        return Ok(Route::Unknown);
    }
    let repo = repo(kind, &name?)?;
    Ok(match rest {
        [] => Route::Info { repo, revision: MAIN.to_owned() },
        ["refs"] => Route::Refs { repo },
        ["revision", rest @ ..] => Route::Info { repo, revision: decode(&rest.join("/"))? },
        ["tree", rest @ ..] => {
            let (revision, folder) = split_revision(rest);
            let folder = match folder {
                // A slash at the end names the same folder.
                [] | [""] => None,
                [folder @ .., ""] | folder => Some(file_path(folder)?),
            };
            Route::Tree { repo, revision: decode(&revision)?, folder }
        }
        ["paths-info", rest @ ..] => Route::PathsInfo { repo, revision: decode(&rest.join("/"))? },
        ["commits", rest @ ..] => Route::Commits { repo, revision: decode(&rest.join("/"))? },
        ["xet-read-token", ..] => Route::XetToken { repo },
        _ => Route::AuthCheck { repo },
    })
}

fn resolve(kind: RepoKind, segments: &[&str]) -> Result<Route, HubError> {
    let (name, rest) = split_name(segments);
    let ["resolve", rest @ ..] = rest else { return Ok(Route::Unknown) };
    let (revision, path) = split_revision(rest);
    if path.is_empty() {
        return Ok(Route::Unknown);
    }
    Ok(Route::Resolve { repo: repo(kind, &name?)?, revision: decode(&revision)?, path: file_path(path)? })
}

/// A name has one segment when a verb or nothing follows it, or when its slash is encoded; else two.
fn split_name<'a, 'b>(segments: &'a [&'b str]) -> (Result<String, HubError>, &'a [&'b str]) {
    let length = match segments {
        [] | [_] => segments.len(),
        [name, ..] if name.contains("%2F") || name.contains("%2f") => 1,
        [_, verb, _, ..] if VERBS.contains(verb) => 1,
        [_, "refs" | "auth-check"] => 1,
        _ => 2,
    };
    let (name, rest) = segments.split_at(length);
    (decode(&name.join("/")), rest)
}

/// One segment, its slashes encoded, or `refs/pr/1` without that.
fn split_revision<'a, 'b>(segments: &'a [&'b str]) -> (String, &'a [&'b str]) {
    let length = match segments {
        ["refs", "pr" | "convert" | "heads" | "tags", _, ..] => 3,
        _ => segments.len().min(1),
    };
    let (revision, rest) = segments.split_at(length);
    (revision.join("/"), rest)
}

fn repo(kind: RepoKind, name: &str) -> Result<Repo, HubError> {
    let name = RepoName::parse(name).map_err(|_| HubError::RepoNotFound)?;
    Ok(Repo { kind, name })
}

fn file_path(segments: &[&str]) -> Result<RepoPath, HubError> {
    RepoPath::parse(&decode(&segments.join("/"))?).map_err(|error| HubError::BadRequest(error.to_string()))
}

fn kind_of(plural: &str) -> Option<RepoKind> {
    [RepoKind::Model, RepoKind::Dataset, RepoKind::Space].into_iter().find(|kind| kind.plural() == plural)
}

fn decode(text: &str) -> Result<String, HubError> {
    match percent_decode_str(text).decode_utf8() {
        Ok(text) => Ok(text.into_owned()),
        Err(_) => Err(HubError::BadRequest("the path is not UTF-8".to_owned())),
    }
}

#[cfg(test)]
mod tests;
