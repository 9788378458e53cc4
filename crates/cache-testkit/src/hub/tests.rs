use super::*;
use crate::client::{ask, get};
use crate::{Content, fixtures};

fn hub() -> (Hub, Commit) {
    let hub = Hub::spawn(HubConfig::default()).unwrap();
    let commit = hub.add_model("o/n", fixtures::model());
    (hub, commit)
}

#[test]
fn a_large_file_is_a_redirect_to_another_origin() {
    let (hub, commit) = hub();
    let content = fixtures::model().into_iter().find(|(path, _)| *path == "model.safetensors").unwrap().1;
    let url = format!("{}/o/n/resolve/main/model.safetensors", hub.url());
    let head = ask("HEAD", &url, &[], "");
    assert_eq!(head.status, 302);
    assert_eq!(head.header("x-repo-commit"), commit.as_str());
    assert_eq!(head.header("x-linked-etag"), format!("\"{}\"", content.sha256()));
    assert_eq!(head.header("x-linked-size"), content.size().to_string());
    assert_ne!(head.header("content-length"), content.size().to_string());
    let location = head.header("location").to_owned();
    assert!(location.starts_with(hub.cdn_url()) && hub.cdn_url() != hub.url());

    let whole = get(&location, &[]);
    assert_eq!((whole.status, whole.body), (200, content.to_vec().unwrap()));
    let part = get(&location, &[("Range", "bytes=10-19")]);
    assert_eq!(part.status, 206);
    assert_eq!(part.header("content-range"), format!("bytes 10-19/{}", content.size()));
    assert_eq!(part.body, content.to_vec().unwrap()[10..20]);
    let etag = part.header("etag").trim_matches('"');
    assert!(etag.len() == 64 && etag != content.sha256().to_string());
    assert_eq!(part.header("x-repo-commit"), "");

    assert_eq!(get(&location, &[("Authorization", "Bearer hf_x")]).status, 403);
    assert!(hub.requests().iter().any(|seen| seen.header("authorization") == Some("Bearer hf_x")));
    hub.expire_links();
    assert_eq!(get(&location, &[]).status, 403);
    assert_eq!(hub.bytes_sent("o/n", "model.safetensors"), content.size() + 10);
}

#[test]
fn a_small_file_comes_directly_or_by_a_relative_redirect() {
    for relative in [false, true] {
        let hub = Hub::spawn(HubConfig::default().relative_redirects(relative)).unwrap();
        let commit = hub.add_dataset("o/n", [("sub dir/ä.txt", "hello\n"), ("empty.txt", "")]);
        for path in ["sub%20dir/%C3%A4.txt", "sub%20dir%2F%C3%A4.txt"] {
            let mut got = get(&format!("{}/datasets/o/n/resolve/main/{path}", hub.url()), &[]);
            assert_eq!(got.header("x-repo-commit"), commit.as_str());
            assert_eq!(got.header("etag"), "\"ce013625030ba8dba906f756967f9e9ca394464a\"");
            if relative {
                assert_eq!(got.status, 307);
                assert!(got.header("location").starts_with("/api/resolve-cache/datasets/"));
                got = get(&format!("{}{}", hub.url(), got.header("location")), &[]);
            }
            assert_eq!((got.status, got.text().as_str()), (200, "hello\n"));
            assert_eq!(got.header("x-repo-commit"), commit.as_str());
        }
    }
}

#[test]
fn ranges_and_conditions() {
    let (hub, commit) = hub();
    let url = format!("{}/o/n/resolve/{commit}/vocab.txt", hub.url());
    let probe = get(&url, &[("Range", "bytes=0-0")]);
    assert_eq!((probe.status, probe.body.len()), (206, 1));
    assert_eq!(probe.header("x-repo-commit"), commit.as_str());
    let etag = probe.header("etag").to_owned();
    assert_eq!(get(&url, &[("If-None-Match", &etag)]).status, 304);
    assert_eq!(get(&url, &[("Range", "bytes=5-9"), ("If-Range", &etag)]).status, 206);
    assert_eq!(get(&url, &[("Range", "bytes=5-9"), ("If-Range", "\"old\"")]).status, 200);
    assert_eq!(get(&url, &[("Range", "bytes=999999-")]).status, 416);
    let empty = get(&format!("{}/o/n/resolve/main/empty.txt", hub.url()), &[("Range", "bytes=0-0")]);
    assert_eq!((empty.status, empty.header("content-range"), empty.body.len()), (200, "bytes */0", 0));
}

#[test]
fn the_tree_has_pages_and_folders() {
    let hub = Hub::spawn(HubConfig::default().page_size(3)).unwrap();
    hub.add_model("o/n", fixtures::model());
    let mut url = format!("{}/api/models/o/n/tree/main?recursive=true&expand=false", hub.url());
    let mut entries = Vec::new();
    let mut pages = 0;
    loop {
        let page = get(&url, &[]);
        entries.extend(page.json().as_array().unwrap().clone());
        pages += 1;
        match page.header("link").split_once(">; rel=\"next\"") {
            Some((next, _)) => url = next.trim_start_matches('<').to_owned(),
            None => break,
        }
    }
    assert_eq!((pages, entries.len()), (4, 11));
    let paths: Vec<_> = entries.iter().map(|entry| entry["path"].as_str().unwrap()).collect();
    assert!(paths.is_sorted() && paths.contains(&"1_Pooling"));
    let large = entries.iter().find(|entry| entry["path"] == "model.safetensors").unwrap();
    assert_eq!(large["lfs"]["oid"].as_str().unwrap().len(), 64);
    assert_eq!(large["oid"].as_str().unwrap().len(), 40);

    let sub = get(&format!("{}/api/models/o/n/tree/main/1_Pooling", hub.url()), &[]).json();
    assert_eq!(sub[0]["path"], "1_Pooling/config.json");
    let none = get(&format!("{}/api/models/o/n/tree/main/additional_chat_templates", hub.url()), &[]);
    assert_eq!((none.status, none.header("x-error-code")), (404, "EntryNotFound"));
}

#[test]
fn names_of_versions() {
    let (hub, first) = hub();
    let second = hub.add_model("o/n", [("config.json", "{}")]);
    let pull = hub.commit("o/n", "refs/pr/1", [("config.json", "{1}")]);
    hub.tag("o/n", "v1.0", &first);
    for (revision, commit) in [
        ("main", &second),
        ("HEAD", &second),
        ("v1.0", &first),
        ("refs%2Fpr%2F1", &pull),
        ("refs/pr/1", &pull),
        (first.as_str(), &first),
    ] {
        let info = get(&format!("{}/api/models/o/n/revision/{revision}?blobs=true", hub.url()), &[]).json();
        assert_eq!(info["sha"], commit.as_str(), "{revision}");
        assert!(info["siblings"][0]["size"].is_u64() && info["siblings"][0]["blobId"].is_string());
    }
    let refs = get(&format!("{}/api/models/o/n/refs?include_prs=1", hub.url()), &[]).json();
    assert_eq!(refs["branches"][0]["targetCommit"], second.as_str());
    assert_eq!(refs["tags"][0]["ref"], "refs/tags/v1.0");
    assert_eq!(refs["pullRequests"][0]["ref"], "refs/pr/1");
    let gone = get(&format!("{}/api/models/o/n/revision/nope", hub.url()), &[]);
    assert_eq!((gone.status, gone.header("x-error-code")), (404, "RevisionNotFound"));
    let info = ask(
        "POST",
        &format!("{}/api/models/o/n/paths-info/main", hub.url()),
        &[("Content-Type", "application/x-www-form-urlencoded")],
        "paths=config.json&paths=nope&expand=True",
    );
    assert_eq!(info.json().as_array().unwrap().len(), 1);
    assert_eq!(info.json()[0]["lastCommit"]["id"], second.as_str());
}

#[test]
fn who_may_see_what() {
    let (hub, _) = hub();
    hub.add_user("hf_friend", "friend");
    hub.add_user("hf_stranger", "stranger");
    let status = |path: &str, token: &str| {
        let bearer = format!("Bearer {token}");
        let headers = if token.is_empty() { vec![] } else { vec![("Authorization", bearer.as_str())] };
        let got = get(&format!("{}{path}", hub.url()), &headers);
        (got.status, got.header("x-error-code").to_owned())
    };
    let (info, file) = ("/api/models/o/n", "/o/n/resolve/main/config.json");
    assert_eq!(status(info, "hf_wrong"), (401, String::new()));
    assert_eq!(status("/api/models/o/nope", ""), (401, "RepoNotFound".to_owned()));
    assert_eq!(status("/api/models/o/nope", "hf_friend"), (404, "RepoNotFound".to_owned()));
    assert_eq!(status("/o/n/resolve/main/nope", ""), (404, "EntryNotFound".to_owned()));

    hub.set_access("o/n", Access::gated(["friend"]));
    assert_eq!(status(info, ""), (200, String::new()));
    for path in [file, "/api/models/o/n/auth-check"] {
        assert_eq!(status(path, ""), (401, "GatedRepo".to_owned()));
        assert_eq!(status(path, "hf_stranger"), (403, "GatedRepo".to_owned()));
        assert_eq!(status(path, "hf_friend"), (200, String::new()));
    }
    hub.set_access("o/n", Access::private(["friend"]));
    for path in [file, info] {
        assert_eq!(status(path, ""), (401, "RepoNotFound".to_owned()));
        assert_eq!(status(path, "hf_stranger"), (404, "RepoNotFound".to_owned()));
        assert_eq!(status(path, "hf_friend"), (200, String::new()));
    }
    assert_eq!(status("/api/whoami-v2", "hf_friend").0, 200);
    assert_eq!(status("/api/whoami-v2", "").0, 401);
}

#[test]
fn trouble_comes_as_asked_and_goes() {
    let (hub, _) = hub();
    let url = format!("{}/o/n/resolve/main/vocab.txt", hub.url());
    hub.trouble(Matches::path("vocab.txt").after(1).first(1), HubFault::TooMany { reset: 7 });
    assert_eq!(get(&url, &[]).status, 200);
    let limited = get(&url, &[]);
    assert_eq!((limited.status, limited.header("ratelimit")), (429, "\"api\";r=0;t=7"));
    assert_eq!(get(&url, &[]).status, 200);
    hub.trouble(Matches::path("vocab.txt").method("GET"), HubFault::Cut(10));
    let cut = get(&url, &[]);
    assert!(cut.body.len() <= 10 && cut.header("content-length").parse::<usize>().unwrap() > 10);
    hub.clear_trouble();
    hub.trouble(Matches::path("o/n/model.safetensors").at(Origin::Cdn).first(1), HubFault::Flip(100));
    let location = get(&format!("{}/o/n/resolve/main/model.safetensors", hub.url()), &[]).header("location").to_owned();
    let (wrong, right) = (get(&location, &[]).body, get(&location, &[]).body);
    assert_eq!(wrong.iter().zip(&right).filter(|(a, b)| a != b).count(), 1);
    hub.trouble(Matches::path("").first(1), HubFault::Hangup);
    assert_eq!(get(&url, &[]).status, 0);
    assert_eq!(hub.requests().last().unwrap().status, None);
}

#[tokio::test]
async fn a_stalled_body_goes_on_when_the_test_says_so() {
    let (hub, _) = hub();
    hub.trouble(Matches::path("vocab.txt"), HubFault::Stall(5));
    let url = format!("{}/o/n/resolve/main/vocab.txt", hub.url());
    let reader = std::thread::spawn(move || get(&url, &[]));
    hub.stalled(1).await;
    assert_eq!(hub.bytes_sent("o/n", "vocab.txt"), 5);
    hub.release();
    let got = reader.join().unwrap();
    assert_eq!(got.body.len().to_string(), got.header("content-length"));
    hub.answered(1).await;
}

#[test]
fn a_file_can_lie_on_any_server() {
    let (hub, _) = hub();
    let server = crate::FaultServer::spawn(Content::seeded(1, 100)).unwrap();
    hub.serve_from("o/n", "model.safetensors", &server.url());
    let got = get(&format!("{}/o/n/resolve/main/model.safetensors", hub.url()), &[]);
    assert_eq!((got.status, got.header("location")), (302, server.url().as_str()));
}
