//! What a request's path means.

use cache_core::RepoKind;
use percent_encoding::percent_decode_str;

/// A request to the Hub's own origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    /// `/[datasets/|spaces/]{repo}/resolve/{rev}/{path}`
    Resolve { repo: RepoId, revision: String, path: String },
    /// `/api/resolve-cache/{kind}/{repo}/{commit}/{path}`: where a small file's relative redirect leads.
    Cached { repo: RepoId, revision: String, path: String },
    /// `/api/{kind}`
    List { kind: RepoKind },
    /// `/api/{kind}/{repo}` and `/api/{kind}/{repo}/revision/{rev}`
    Info { repo: RepoId, revision: Option<String> },
    /// `/api/{kind}/{repo}/tree/{rev}[/{path}]`
    Tree { repo: RepoId, revision: String, path: String },
    /// `/api/{kind}/{repo}/paths-info/{rev}`
    PathsInfo { repo: RepoId, revision: String },
    /// `/api/{kind}/{repo}/refs`
    Refs { repo: RepoId },
    /// `/api/{kind}/{repo}/commits/{rev}`
    Commits { repo: RepoId, revision: String },
    /// `/api/{kind}/{repo}/auth-check`
    AuthCheck { repo: RepoId },
    /// `/api/{kind}/{repo}/xet-read-token/{rev}`
    XetToken { repo: RepoId, revision: String },
    /// `/api/whoami-v2`
    WhoAmI,
    /// Anything else.
    Unknown,
}

/// Which repository.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct RepoId {
    pub(crate) kind: RepoKind,
    pub(crate) name: String,
}

impl RepoId {
    /// `org/name`, `datasets/org/name` or `spaces/org/name`.
    pub(crate) fn parse(text: &str) -> Self {
        let (kind, name) = match text.split_once('/') {
            Some(("datasets", name)) => (RepoKind::Dataset, name),
            Some(("spaces", name)) => (RepoKind::Space, name),
            Some(("models", name)) => (RepoKind::Model, name),
            _ => (RepoKind::Model, text),
        };
        Self { kind, name: name.to_owned() }
    }
}

const VERBS: &[&str] =
    &["revision", "tree", "paths-info", "refs", "commits", "auth-check", "xet-read-token", "resolve"];

/// Reads a path as it arrived, percent-encoded.
pub(crate) fn route(path: &str) -> Route {
    let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    match segments.as_slice() {
        ["api", "whoami-v2"] => Route::WhoAmI,
        ["api", "resolve-cache", kind, rest @ ..] => {
            let Some(kind) = kind_of(kind) else { return Route::Unknown };
            // The commit is the first segment that can be one: a name has at most two before it.
            let Some(at) = rest.iter().take(3).position(|s| s.len() == 40 && s.bytes().all(|b| b.is_ascii_hexdigit()))
            else {
                return Route::Unknown;
            };
            let repo = RepoId { kind, name: decode(&rest[..at].join("/")) };
            Route::Cached { repo, revision: rest[at].to_owned(), path: decode(&rest[at + 1..].join("/")) }
        }
        ["api", kind] => kind_of(kind).map_or(Route::Unknown, |kind| Route::List { kind }),
        ["api", kind, rest @ ..] => {
            let Some(kind) = kind_of(kind) else { return Route::Unknown };
            let (name, rest) = split_name(rest);
            api(RepoId { kind, name }, rest)
        }
        [kind @ ("datasets" | "spaces"), rest @ ..] => {
            let (name, rest) = split_name(rest);
            resolve(RepoId { kind: kind_of(kind).unwrap_or(RepoKind::Model), name }, rest)
        }
        rest => {
            let (name, rest) = split_name(rest);
            resolve(RepoId { kind: RepoKind::Model, name }, rest)
        }
    }
}

fn api(repo: RepoId, rest: &[&str]) -> Route {
    match rest {
        [] => Route::Info { repo, revision: None },
        ["refs"] => Route::Refs { repo },
        ["auth-check"] => Route::AuthCheck { repo },
        ["revision", rest @ ..] => Route::Info { repo, revision: Some(split_revision(rest).0) },
        ["tree", rest @ ..] => {
            let (revision, path) = split_revision(rest);
            Route::Tree { repo, revision, path }
        }
        ["paths-info", rest @ ..] => Route::PathsInfo { repo, revision: split_revision(rest).0 },
        ["commits", rest @ ..] => Route::Commits { repo, revision: split_revision(rest).0 },
        ["xet-read-token", rest @ ..] => Route::XetToken { repo, revision: split_revision(rest).0 },
        _ => Route::Unknown,
    }
}

fn resolve(repo: RepoId, rest: &[&str]) -> Route {
    match rest {
        ["resolve", rest @ ..] => {
            let (revision, path) = split_revision(rest);
            Route::Resolve { repo, revision, path }
        }
        _ => Route::Unknown,
    }
}

/// A name has one segment when a verb follows it directly, else two.
fn split_name<'a, 'b>(segments: &'a [&'b str]) -> (String, &'a [&'b str]) {
    let length = match segments {
        [_] | [] => segments.len(),
        [_, verb, ..] if VERBS.contains(verb) => 1,
        _ => 2,
    };
    (decode(&segments[..length].join("/")), &segments[length..])
}

/// One encoded segment, or the unencoded `refs/pr/1`.
fn split_revision(segments: &[&str]) -> (String, String) {
    let length = match segments {
        ["refs", "pr" | "convert" | "heads" | "tags", _, ..] => 3,
        _ => segments.len().min(1),
    };
    (decode(&segments[..length].join("/")), decode(&segments[length..].join("/")))
}

fn kind_of(plural: &str) -> Option<RepoKind> {
    [RepoKind::Model, RepoKind::Dataset, RepoKind::Space].into_iter().find(|kind| kind.plural() == plural)
}

pub(crate) fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_as_clients_write_them() {
        let repo = RepoId::parse("o/n");
        let file = |revision: &str, path: &str| Route::Resolve {
            repo: repo.clone(),
            revision: revision.to_owned(),
            path: path.to_owned(),
        };
        assert_eq!(route("/o/n/resolve/main/a/b.txt"), file("main", "a/b.txt"));
        assert_eq!(route("/o/n/resolve/main/a%2Fb%20c.txt"), file("main", "a/b c.txt"));
        assert_eq!(route("/o/n/resolve/refs%2Fpr%2F1/a"), file("refs/pr/1", "a"));
        assert_eq!(route("/o/n/resolve/refs/pr/1/a"), file("refs/pr/1", "a"));
        assert_eq!(route("/api/models"), Route::List { kind: RepoKind::Model });
        let bare = RepoId::parse("gpt2");
        assert_eq!(route("/api/models/gpt2"), Route::Info { repo: bare.clone(), revision: None });
        let tree = Route::Tree { repo: bare, revision: "main".to_owned(), path: "x/y".to_owned() };
        assert_eq!(route("/api/models/gpt2/tree/main/x/y"), tree);
        let set = RepoId::parse("datasets/o/n");
        assert_eq!(route("/api/datasets/o/n/refs"), Route::Refs { repo: set.clone() });
        let path = format!("/api/resolve-cache/datasets/o/n/{}/a%2Fb", "1".repeat(40));
        assert_eq!(route(&path), Route::Cached { repo: set, revision: "1".repeat(40), path: "a/b".to_owned() });
        assert_eq!(route("/"), Route::Unknown);
        assert_eq!(route("/o/n/blob/main/x"), Route::Unknown);
    }
}
