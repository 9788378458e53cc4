use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;

use super::*;

fn repo_of(kind: RepoKind, name: &str) -> Repo {
    Repo { kind, name: RepoName::parse(name).unwrap() }
}

fn file(repo: &Repo, revision: &str, path: &str) -> Route {
    Route::Resolve { repo: repo.clone(), revision: revision.to_owned(), path: RepoPath::parse(path).unwrap() }
}

#[test]
fn files_are_named_as_clients_name_them() {
    let repo = repo_of(RepoKind::Model, "o/n");
    for (path, revision, name) in [
        ("/o/n/resolve/main/a/b.txt", "main", "a/b.txt"),
        ("/o/n/resolve/main/a%2Fb%20c.txt", "main", "a/b c.txt"),
        ("/o/n/resolve/refs%2Fpr%2F1/a", "refs/pr/1", "a"),
        ("/o/n/resolve/refs/pr/1/a", "refs/pr/1", "a"),
        ("/o/n/resolve/refs%2fconvert%2fparquet/x/0.parquet", "refs/convert/parquet", "x/0.parquet"),
        ("/o%2Fn/resolve/main/a", "main", "a"),
        // Once decoded, and not twice.
        ("/o/n/resolve/main/100%2525.txt", "main", "100%25.txt"),
        ("/o/n/resolve/main/a+b.txt", "main", "a+b.txt"),
        ("/o/n/resolve/main/resolve/main/x", "main", "resolve/main/x"),
    ] {
        assert_eq!(Route::parse(path).unwrap(), file(&repo, revision, name), "{path}");
    }
    let bare = repo_of(RepoKind::Model, "gpt2");
    assert_eq!(Route::parse("/gpt2/resolve/main/config.json").unwrap(), file(&bare, "main", "config.json"));
    for (prefix, kind) in [("datasets", RepoKind::Dataset), ("spaces", RepoKind::Space)] {
        let path = format!("/{prefix}/o/n/resolve/main/a");
        assert_eq!(Route::parse(&path).unwrap(), file(&repo_of(kind, "o/n"), "main", "a"));
        let path = format!("/{prefix}/squad/resolve/main/a");
        assert_eq!(Route::parse(&path).unwrap(), file(&repo_of(kind, "squad"), "main", "a"));
    }
}

#[test]
fn the_api_is_named_as_clients_name_it() {
    let repo = repo_of(RepoKind::Dataset, "o/n");
    let revision = |text: &str| text.to_owned();
    let tree = |text: &str, folder: Option<&str>| Route::Tree {
        repo: repo.clone(),
        revision: revision(text),
        folder: folder.map(|folder| RepoPath::parse(folder).unwrap()),
    };
    for (path, expected) in [
        ("", Route::Info { repo: repo.clone(), revision: revision("main") }),
        ("/revision/v1.0", Route::Info { repo: repo.clone(), revision: revision("v1.0") }),
        ("/revision/refs%2Fpr%2F1", Route::Info { repo: repo.clone(), revision: revision("refs/pr/1") }),
        ("/revision/refs/pr/1", Route::Info { repo: repo.clone(), revision: revision("refs/pr/1") }),
        ("/tree/main", tree("main", None)),
        ("/tree/main/", tree("main", None)),
        ("/tree/refs/pr/1/a", tree("refs/pr/1", Some("a"))),
        ("/tree/main/a/b%20c/", tree("main", Some("a/b c"))),
        ("/tree/main/additional_chat_templates", tree("main", Some("additional_chat_templates"))),
        ("/paths-info/main", Route::PathsInfo { repo: repo.clone(), revision: revision("main") }),
        ("/refs", Route::Refs { repo: repo.clone() }),
        ("/commits/main", Route::Commits { repo: repo.clone(), revision: revision("main") }),
        ("/auth-check", Route::AuthCheck { repo: repo.clone() }),
        ("/xet-read-token/main", Route::XetToken { repo: repo.clone() }),
        ("/auth-check/write", Route::Unknown),
        ("/discussions", Route::Unknown),
        ("/blob/main/x", Route::Unknown),
        ("/tree", Route::Unknown),
    ] {
        assert_eq!(Route::parse(&format!("/api/datasets/o/n{path}")).unwrap(), expected, "{path}");
    }
    let bare = repo_of(RepoKind::Model, "gpt2");
    let info = Route::Info { repo: bare.clone(), revision: revision("main") };
    assert_eq!(Route::parse("/api/models/gpt2").unwrap(), info);
    assert_eq!(Route::parse("/api/models/gpt2/refs").unwrap(), Route::Refs { repo: bare });
    assert_eq!(Route::parse("/api/models").unwrap(), Route::List { kind: RepoKind::Model });
    assert_eq!(Route::parse("/api/whoami-v2").unwrap(), Route::WhoAmI);
    for path in ["/", "", "/api", "/api/whoami", "/api/buckets/o/n", "/o/n", "/o/n/blob/main/x", "/o/n/resolve/main"] {
        assert_eq!(Route::parse(path).unwrap(), Route::Unknown, "{path}");
    }
}

#[test]
fn what_steps_out_is_refused() {
    for path in [
        "/o/n/resolve/main/../../etc/passwd",
        "/o/n/resolve/main/%2e%2e%2fx",
        "/o/n/resolve/main/..%2Fx",
        "/o/n/resolve/main/%2Fetc%2Fpasswd",
        "/o/n/resolve/main//etc/passwd",
        "/o/n/resolve/main/a%5C..%5Cb",
        "/o/n/resolve/main/C:%2Fx",
        "/o/n/resolve/main/a%00b",
        "/o/n/resolve/main/a%FFb",
        "/api/models/o/n/tree/main/..",
        "/api/models/o/n/tree/main/a//b",
    ] {
        assert!(matches!(Route::parse(path), Err(HubError::BadRequest(_))), "{path}");
    }
    for path in ["/../n/resolve/main/x", "/o/%2e%2e/resolve/main/x", "/api/models/o/n%20m", "/-/x/resolve/main/y"] {
        assert!(matches!(Route::parse(path), Err(HubError::RepoNotFound)), "{path}");
    }
}

#[test]
fn methods_are_those_of_the_hub() {
    let route = |path: &str| Route::parse(path).unwrap();
    assert!(route("/o/n/resolve/main/x").takes(&Method::HEAD) && !route("/o/n/resolve/main/x").takes(&Method::PUT));
    assert!(route("/api/models/o/n/paths-info/main").takes(&Method::POST));
    assert!(!route("/api/models/o/n/paths-info/main").takes(&Method::GET));
    assert!(!route("/api/models/o/n").takes(&Method::DELETE) && route("/").takes(&Method::DELETE));
}

proptest! {
    #[test]
    fn no_path_panics_or_leads_out(path in "(/|%2[fF]|%2[eE]|[.a-zA-Z%\\\\:]|\\PC|resolve|api|models|tree|refs|main){0,24}") {
        for path in [path.clone(), format!("/o/n/resolve/main/{path}"), format!("/api/models/o/n/tree/{path}")] {
            if let Ok(Route::Resolve { path, .. } | Route::Tree { folder: Some(path), .. }) = Route::parse(&path) {
                prop_assert!(path.segments().all(|segment| !matches!(segment, "" | "." | "..")));
                prop_assert!(!path.as_str().starts_with('/'));
            }
        }
    }

    #[test]
    fn what_is_encoded_comes_back(
        kind in prop_oneof![Just(RepoKind::Model), Just(RepoKind::Dataset), Just(RepoKind::Space)],
        name in "[a-z0-9]{1,8}(/[a-z0-9]{1,8})?",
        revision in "[a-z0-9/%.+ ü]{1,12}",
        path in "[a-z0-9%+ ü]{1,6}x(/[a-z0-9%+?# ü]{1,6}x){0,3}",
        whole in any::<bool>(),
    ) {
        prop_assume!(!name.split('/').any(|segment| matches!(segment, "api" | "datasets" | "spaces" | "models")));
        let code = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let coded = if whole { code(&path) } else { path.split('/').map(code).collect::<Vec<_>>().join("/") };
        let prefix = if kind == RepoKind::Model { String::new() } else { format!("{}/", kind.plural()) };
        let url = format!("/{prefix}{name}/resolve/{}/{coded}", code(&revision));
        let expected = file(&repo_of(kind, &name), &revision, &path);
        prop_assert_eq!(Route::parse(&url).unwrap(), expected);
    }
}
