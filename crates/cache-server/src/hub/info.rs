//! What the Hub says of a repository: by itself, and in lists.

use cache_lib::RepoKind;
use serde_json::{Map, Value, json};

use super::file_identity::FileIdentity;
use super::query::Query;
use crate::catalog::View;
use crate::repo::Repo;

/// What a list says of a repository when it is not asked for all.
const LISTED: &[&str] = &[
    "_id",
    "id",
    "modelId",
    "author",
    "private",
    "gated",
    "disabled",
    "downloads",
    "likes",
    "tags",
    "createdAt",
    "lastModified",
    "pipeline_tag",
    "library_name",
    "sdk",
    "description",
];

/// `GET /api/{kind}/{repo}[/revision/{rev}]`: upstream's info document and the files; with `blobs` sizes and digests.
pub(super) fn info(view: &View, blobs: bool) -> Value {
    let mut info = match &view.info {
        Value::Object(info) => info.clone(),
        _ => Map::new(),
    };
    let name = view.repo.name.as_str();
    info.entry("id").or_insert_with(|| name.into());
    if view.repo.kind == RepoKind::Model {
        info.entry("modelId").or_insert_with(|| name.into());
    }
    info.insert("sha".to_owned(), view.commit.as_str().into());
    info.insert("siblings".to_owned(), siblings(view, blobs));
    if blobs {
        info.entry("usedStorage").or_insert_with(|| view.manifest.total_size().into());
    }
    Value::Object(info)
}

/// Only some of the properties, as `?expand=` asks for them: the name is always among them.
pub(super) fn expanded(info: &Value, query: &Query) -> Value {
    only(info, |key| matches!(key, "_id" | "id") || query.all("expand").any(|wanted| wanted == key))
}

/// What a list says of a repository.
pub(super) fn listed(repo: &Repo, info: &Value, query: &Query) -> Value {
    let mut entry = match query.all("expand").next() {
        Some(_) => expanded(info, query),
        None if query.is_on("full") => info.clone(),
        None => only(info, |key| LISTED.contains(&key)),
    };
    if let Some(entry) = entry.as_object_mut() {
        entry.entry("id").or_insert_with(|| repo.name.as_str().into());
    }
    entry
}

/// Whether a list asked for with this query holds the repository: by its author, words of its name, and tags.
pub(super) fn is_listed(repo: &Repo, info: &Value, query: &Query) -> bool {
    let name = repo.name.as_str();
    let author = name.split_once('/').map_or("", |(author, _)| author);
    let lower = name.to_lowercase();
    let tagged = |wanted: &str| {
        let tags = info.get("tags").and_then(Value::as_array);
        tags.is_some_and(|tags| tags.iter().any(|tag| tag == wanted))
    };
    query.get("author").is_none_or(|wanted| wanted.eq_ignore_ascii_case(author))
        && query.all("search").flat_map(str::split_whitespace).all(|word| lower.contains(&word.to_lowercase()))
        && query.all("filter").flat_map(|list| list.split(',')).all(tagged)
}

/// `GET /api/whoami-v2` for a user of this server's own.
pub(super) fn whoami(name: &str) -> Value {
    json!({
        "type": "user", "id": name, "name": name, "fullname": name, "email": null, "emailVerified": false,
        "isPro": false, "canPay": false, "periodEnd": null, "orgs": [],
        "auth": { "type": "access_token", "accessToken": { "displayName": name, "role": "read" } },
    })
}

fn only(info: &Value, wanted: impl Fn(&str) -> bool) -> Value {
    let Value::Object(info) = info else { return json!({}) };
    Value::Object(info.iter().filter(|(key, _)| wanted(key)).map(|(key, value)| (key.clone(), value.clone())).collect())
}

fn siblings(view: &View, blobs: bool) -> Value {
    let siblings = view.manifest.files.iter().map(|file| {
        let mut sibling = json!({ "rfilename": file.path.as_str() });
        if blobs {
            let (size, identity) = (file.size, FileIdentity::of(file, &view.commit));
            sibling["size"] = size.into();
            sibling["blobId"] = identity.oid.into();
            if let Some(lfs) = identity.lfs {
                sibling["lfs"] = json!({
                    "sha256": lfs.sha256.to_string(), "size": size.unwrap_or(0), "pointerSize": lfs.pointer_size,
                });
            }
        }
        sibling
    });
    Value::Array(siblings.collect())
}
