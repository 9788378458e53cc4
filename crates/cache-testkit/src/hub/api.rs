//! The Hub's API: what each reply says.

use std::collections::{BTreeMap, BTreeSet};

use http::{HeaderName, Response, header};
use serde_json::{Value, json};

use super::reply;
use super::repo::{Access, HubFile, Repo, Snapshot, git_sha1};
use super::route::{RepoId, decode};
use crate::serve::{Reply, put};

/// When everything in this Hub was made.
const DATE: &str = "2024-01-01T00:00:00.000Z";

/// `GET /api/{kind}/{repo}[/revision/{rev}]`
pub(super) fn info(id: &RepoId, repo: &Repo, snapshot: &Snapshot, blobs: bool) -> Value {
    let siblings: Vec<Value> = snapshot
        .files
        .iter()
        .map(|(path, file)| {
            let mut sibling = json!({ "rfilename": path });
            if blobs {
                sibling["size"] = file.content.size().into();
                sibling["blobId"] = file.oid.to_string().into();
                if let Some(lfs) = &file.lfs {
                    sibling["lfs"] = json!({
                        "sha256": lfs.sha256.to_string(), "size": file.content.size(), "pointerSize": lfs.pointer_size,
                    });
                }
            }
            sibling
        })
        .collect();
    let gated = if matches!(repo.access, Access::Gated(_)) { json!("manual") } else { json!(false) };
    let mut info = json!({
        "_id": &git_sha1(&id.name).to_string()[..24],
        "id": id.name,
        "author": id.name.split_once('/').map(|(author, _)| author),
        "sha": snapshot.commit.as_str(),
        "lastModified": DATE,
        "createdAt": DATE,
        "private": matches!(repo.access, Access::Private(_)),
        "gated": gated,
        "disabled": false,
        "downloads": 0,
        "likes": 0,
        "tags": [],
        "siblings": siblings,
    });
    match id.kind {
        cache_core::RepoKind::Model => {
            info["modelId"] = info["id"].clone();
            info["spaces"] = json!([]);
        }
        cache_core::RepoKind::Dataset => {}
        cache_core::RepoKind::Space => info["sdk"] = "static".into(),
    }
    if blobs {
        let total: u64 = snapshot.files.values().map(|file| file.content.size()).sum();
        info["usedStorage"] = total.into();
    }
    info
}

/// `GET /api/{kind}`: what a list says of one repository. The Hub leaves the files out unless it is asked for `full`.
pub(super) fn listed(id: &RepoId, repo: &Repo, snapshot: &Snapshot, full: bool) -> Value {
    let mut info = info(id, repo, snapshot, false);
    if let (Some(info), false) = (info.as_object_mut(), full) {
        for key in ["siblings", "sha", "lastModified", "gated", "disabled", "author", "spaces"] {
            info.remove(key);
        }
    }
    info
}

/// Whether a list asked for with this query holds a repository.
pub(super) fn is_listed(id: &RepoId, query: &Query) -> bool {
    let author = id.name.split_once('/').map_or("", |(author, _)| author);
    let name = id.name.to_lowercase();
    query.get("author").is_none_or(|wanted| wanted == author)
        && query.get("search").is_none_or(|words| name.contains(&words.to_lowercase()))
}

fn file_entry(path: &str, file: &HubFile, expand: bool, xet: bool, snapshot: &Snapshot) -> Value {
    let mut entry = json!({
        "type": "file", "oid": file.oid.to_string(), "size": file.content.size(), "path": path,
    });
    if let Some(lfs) = &file.lfs {
        entry["lfs"] = json!({
            "oid": lfs.sha256.to_string(), "size": file.content.size(), "pointerSize": lfs.pointer_size,
        });
        if xet {
            entry["xetHash"] = xet_hash(file).into();
        }
    }
    expanded(entry, expand, snapshot)
}

fn folder_entry(path: &str, expand: bool, snapshot: &Snapshot) -> Value {
    let oid = git_sha1(&format!("{}/{path}", snapshot.commit)).to_string();
    expanded(json!({ "type": "directory", "oid": oid, "size": 0, "path": path }), expand, snapshot)
}

fn expanded(mut entry: Value, expand: bool, snapshot: &Snapshot) -> Value {
    if expand {
        entry["lastCommit"] = json!({ "id": snapshot.commit.as_str(), "title": snapshot.title, "date": DATE });
    }
    entry
}

/// A made-up Xet hash: 64 digits that are neither of the file's digests.
pub(super) fn xet_hash(file: &HubFile) -> String {
    let half = git_sha1(&format!("xet {}", file.content.sha256())).to_string();
    format!("{half}{}", &half[..24])
}

/// What a listing is asked to show.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shown {
    pub(super) recursive: bool,
    pub(super) expand: bool,
    pub(super) xet: bool,
}

/// The entries below a folder (`""` for the root), sorted by path; `None` when there is no such folder.
pub(super) fn tree(snapshot: &Snapshot, folder: &str, shown: Shown) -> Option<Vec<Value>> {
    let folder = folder.trim_matches('/');
    let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
    let mut entries = BTreeMap::new();
    let mut folders = BTreeSet::new();
    for (path, file) in snapshot.files.iter().filter(|(path, _)| path.starts_with(&prefix)) {
        let rest = &path[prefix.len()..];
        let depth = if shown.recursive { usize::MAX } else { 1 };
        folders.extend(rest.match_indices('/').take(depth).map(|(at, _)| &path[..prefix.len() + at]));
        if shown.recursive || !rest.contains('/') {
            entries.insert(path.as_str(), file_entry(path, file, shown.expand, shown.xet, snapshot));
        }
    }
    if entries.is_empty() && folders.is_empty() && !folder.is_empty() {
        return None;
    }
    entries.extend(folders.into_iter().map(|path| (path, folder_entry(path, shown.expand, snapshot))));
    Some(entries.into_values().collect())
}

/// One page of a listing, with the address of the next one in `Link`.
pub(super) fn page(mut entries: Vec<Value>, size: usize, url: &str, query: &Query) -> Response<Reply> {
    let size = query.get("limit").and_then(|limit| limit.parse().ok()).map_or(size, |limit: usize| limit.min(size));
    let size = size.max(1);
    let start = query.get("cursor").and_then(|cursor| cursor.parse().ok()).unwrap_or(0_usize).min(entries.len());
    let mut rest = entries.split_off(start);
    let more = rest.len() > size;
    rest.truncate(size);
    let mut reply = reply::json(&Value::Array(rest));
    if more {
        let others: Vec<String> = query
            .0
            .iter()
            .filter(|(name, _)| name != "cursor")
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let next = format!("<{url}?{}&cursor={}>; rel=\"next\"", others.join("&"), start + size);
        put(&mut reply, header::LINK, &next.replace("?&", "?"));
    }
    reply
}

/// `POST …/paths-info/{rev}`: the entries of the named paths; those that are not there are left out.
pub(super) fn paths_info(snapshot: &Snapshot, paths: &[String], shown: Shown) -> Value {
    let entries = paths.iter().filter_map(|path| {
        let path = path.trim_matches('/');
        match snapshot.files.get(path) {
            Some(file) => Some(file_entry(path, file, shown.expand, shown.xet, snapshot)),
            None => {
                let folder = format!("{path}/");
                let there = snapshot.files.keys().any(|file| file.starts_with(&folder));
                there.then(|| folder_entry(path, shown.expand, snapshot))
            }
        }
    });
    Value::Array(entries.collect())
}

/// `GET …/refs`
pub(super) fn refs(repo: &Repo, pull_requests: bool) -> Value {
    let named = |name: &str, full: String, commit: &str| json!({ "name": name, "ref": full, "targetCommit": commit });
    let mut branches = Vec::new();
    let mut converts = Vec::new();
    let mut pulls = Vec::new();
    for (name, commit) in &repo.branches {
        if let Some(short) = name.strip_prefix("refs/convert/") {
            converts.push(named(short, name.clone(), commit.as_str()));
        } else if let Some(short) = name.strip_prefix("refs/pr/") {
            pulls.push(named(short, name.clone(), commit.as_str()));
        } else {
            branches.push(named(name, format!("refs/heads/{name}"), commit.as_str()));
        }
    }
    let tags: Vec<_> =
        repo.tags.iter().map(|(name, commit)| named(name, format!("refs/tags/{name}"), commit.as_str())).collect();
    let mut refs = json!({ "branches": branches, "converts": converts, "tags": tags });
    if pull_requests {
        refs["pullRequests"] = pulls.into();
    }
    refs
}

/// `GET …/commits/{rev}`: the newest first.
pub(super) fn commits(repo: &Repo, snapshot: &Snapshot) -> Value {
    let until = repo.snapshots.iter().take_while(|other| other.commit != snapshot.commit).count();
    let commits = repo.snapshots.iter().take(until + 1).rev().map(|snapshot| {
        json!({
            "id": snapshot.commit.as_str(), "title": snapshot.title, "message": "", "date": DATE,
            "authors": [{ "user": "testkit", "avatar": "" }],
        })
    });
    Value::Array(commits.collect())
}

/// `GET /api/whoami-v2`
pub(super) fn who_am_i(user: &str) -> Value {
    json!({
        "type": "user", "id": &git_sha1(user).to_string()[..24], "name": user, "fullname": user,
        "email": format!("{user}@example.com"), "emailVerified": true, "isPro": false, "canPay": false, "orgs": [],
        "auth": { "type": "access_token",
            "accessToken": { "displayName": "test", "role": "read", "createdAt": DATE } },
    })
}

/// `GET …/xet-read-token/{rev}`: a token for a content store that is not there.
pub(super) fn xet_token(cas: &str) -> Response<Reply> {
    let expires = 4_102_444_800_u64;
    let mut reply = reply::json(&json!({ "casUrl": cas, "accessToken": "testkit-xet", "exp": expires }));
    put(&mut reply, HeaderName::from_static("x-xet-cas-url"), cas);
    put(&mut reply, HeaderName::from_static("x-xet-access-token"), "testkit-xet");
    put(&mut reply, HeaderName::from_static("x-xet-token-expiration"), &expires.to_string());
    reply
}

/// A query string or a form: names may repeat. Values are kept as they were written.
#[derive(Debug, Clone, Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn parse(text: &str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        Self(pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).map(|(n, v)| (n.into(), v.into())).collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<String> {
        self.all(name).into_iter().next()
    }

    pub(super) fn all(&self, name: &str) -> Vec<String> {
        self.0.iter().filter(|(n, _)| n == name).map(|(_, value)| decode(&value.replace('+', " "))).collect()
    }

    /// Whether a switch is on: `true`, `True` or `1`.
    pub(super) fn is_on(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value.eq_ignore_ascii_case("true") || value == "1")
    }
}
