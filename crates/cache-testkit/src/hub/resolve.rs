//! Files: the resolve route, and the CDN it leads to.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use http::header;
use http::{HeaderMap, Method, Response, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::api;
use super::hub_fault::HubFault;
use super::reply::{self, LINKED_ETAG, LINKED_SIZE, REPO_COMMIT, Refusal, XET_HASH};
use super::repo::{HubFile, Snapshot, git_sha1};
use super::route::RepoId;
use super::state::{CdnFile, State, read};
use crate::connection::Connection;
use crate::serve::{self, Flow, Reply, Twist, put};

/// What stays readable in an encoded path.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'-').remove(b'_').remove(b'~');

/// One GET or HEAD for bytes.
pub(super) struct Get<'a> {
    pub(super) method: &'a Method,
    pub(super) headers: &'a HeaderMap,
    pub(super) connection: &'a Connection,
    pub(super) trouble: Option<&'a HubFault>,
}

/// `/{repo}/resolve/{rev}/{path}`
pub(super) fn resolve(
    state: &State,
    id: &RepoId,
    snapshot: &Snapshot,
    path: &str,
    get: &Get<'_>,
) -> Result<Response<Reply>, Refusal> {
    let commit = snapshot.commit.as_str();
    let file = snapshot.files.get(path).ok_or_else(|| Refusal::entry(commit))?;
    if file.lfs.is_some() {
        return Ok(to_cdn(state, id, commit, path, file, get));
    }
    if state.config.relative_redirects {
        let kind = id.kind.plural();
        let encoded = utf8_percent_encode(path, PATH);
        let location = format!("/api/resolve-cache/{kind}/{}/{commit}/{encoded}?etag={}", id.name, quoted(file));
        let mut reply = reply::text(StatusCode::TEMPORARY_REDIRECT, "text/plain", "Redirecting");
        metadata(state, id, commit, file, &mut reply);
        put(&mut reply, header::LOCATION, &location);
        return Ok(reply);
    }
    Ok(direct(state, commit, path, file, get))
}

/// The bytes of a small file, from the Hub itself.
pub(super) fn direct(state: &State, commit: &str, path: &str, file: &HubFile, get: &Get<'_>) -> Response<Reply> {
    let headers = [
        (REPO_COMMIT, commit.to_owned()),
        (header::CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, disposition(path)),
        (header::CACHE_CONTROL, "no-cache".to_owned()),
    ];
    serve::file(get.method, get.headers, &file.content, &file.etag(), &headers, flow(state, file, get))
}

/// The redirect to the CDN. It alone carries the metadata; `Content-Length` is that of its own short text.
fn to_cdn(state: &State, id: &RepoId, commit: &str, path: &str, file: &HubFile, get: &Get<'_>) -> Response<Reply> {
    let etag = file.etag();
    if serve::matches_none(get.headers.get(header::IF_NONE_MATCH), &etag) {
        let mut reply = Response::new(Reply::empty());
        *reply.status_mut() = StatusCode::NOT_MODIFIED;
        metadata(state, id, commit, file, &mut reply);
        put(&mut reply, header::ETAG, &etag);
        return reply;
    }
    let elsewhere = read(&state.elsewhere).get(&(id.clone(), path.to_owned())).cloned();
    let location = elsewhere.unwrap_or_else(|| link(state, path, file));
    let mut reply =
        reply::text(StatusCode::FOUND, "text/plain; charset=utf-8", format!("Found. Redirecting to {location}"));
    metadata(state, id, commit, file, &mut reply);
    put(&mut reply, LINKED_ETAG, &etag);
    put(&mut reply, LINKED_SIZE, &file.content.size().to_string());
    put(&mut reply, header::ACCEPT_RANGES, "bytes");
    put(&mut reply, header::LOCATION, &location);
    reply
}

fn metadata(state: &State, id: &RepoId, commit: &str, file: &HubFile, reply: &mut Response<Reply>) {
    put(reply, REPO_COMMIT, commit);
    match &file.lfs {
        None => put(reply, header::ETAG, &file.etag()),
        Some(_) if state.config.xet => {
            let hash = api::xet_hash(file);
            let token = format!("{}/api/{}/{}/xet-read-token/{commit}", state.hub_url, id.kind.plural(), id.name);
            let info = format!("{}/v1/reconstructions/{hash}", state.cas_url());
            put(
                reply,
                header::LINK,
                &format!("<{token}>; rel=\"xet-auth\", <{info}>; rel=\"xet-reconstruction-info\""),
            );
            put(reply, XET_HASH, &hash);
        }
        Some(_) => {}
    }
}

/// A signed address on the CDN, good until the links expire.
fn link(state: &State, path: &str, file: &HubFile) -> String {
    let sha256 = file.content.sha256();
    let encoded = utf8_percent_encode(&disposition(path), NON_ALPHANUMERIC).to_string();
    format!(
        "{}/repos/{:08x}/{sha256}?response-content-disposition={encoded}&Expires=4102444800&Signature={}&Key-Pair-Id=TESTKIT",
        state.cdn_url,
        file.id,
        signature(state, file),
    )
}

fn signature(state: &State, file: &HubFile) -> String {
    git_sha1(&format!("{} {}", file.id, state.epoch.load(Ordering::Relaxed))).to_string()
}

/// A request to the CDN's origin.
pub(super) fn cdn(state: &State, path: &str, query: &api::Query, get: &Get<'_>) -> Response<Reply> {
    if state.config.cdn_refuses_authorization && get.headers.contains_key(header::AUTHORIZATION) {
        return reply::access_denied();
    }
    let Some(file) = cdn_file(state, path) else {
        return reply::access_denied();
    };
    if query.get("Signature") != Some(signature(state, &file.file)) {
        return reply::access_denied();
    }
    let sha256 = file.file.content.sha256();
    // A tag of 64 digits that looks like a sha256 and is not the file's: clients that trust it store nonsense.
    let half = git_sha1(&format!("cdn {sha256}")).to_string();
    let etag = format!("\"{half}{}\"", &half[16..]);
    let headers = [
        (header::CONTENT_TYPE, "binary/octet-stream".to_owned()),
        (header::CONTENT_DISPOSITION, disposition(&file.path)),
        (header::LAST_MODIFIED, "Mon, 01 Jan 2024 00:00:00 GMT".to_owned()),
    ];
    let flow = flow(state, &file.file, get);
    serve::file(get.method, get.headers, &file.file.content, &etag, &headers, flow)
}

pub(super) fn cdn_file(state: &State, path: &str) -> Option<Arc<CdnFile>> {
    let id = path.strip_prefix("/repos/")?.split('/').next()?;
    let id = u64::from_str_radix(id, 16).ok()?;
    read(&state.cdn).get(&id).cloned()
}

fn flow(state: &State, file: &HubFile, get: &Get<'_>) -> Flow {
    let twist = match get.trouble {
        Some(HubFault::Cut(at)) => Twist { cut: Some(*at), ..Twist::default() },
        Some(HubFault::Stall(at)) => Twist { stall: Some((*at, state.gate.clone())), ..Twist::default() },
        Some(HubFault::FlipEvery(bytes)) => Twist { flip_every: Some(*bytes), ..Twist::default() },
        Some(HubFault::Flip(at)) => Twist { flip: Some(*at), ..Twist::default() },
        _ => Twist::default(),
    };
    Flow {
        rate: state.rate.load(Ordering::Relaxed),
        connection: get.connection.clone(),
        sent: Arc::clone(&file.sent),
        twist,
    }
}

fn disposition(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    let encoded = utf8_percent_encode(name, PATH);
    let ascii: String = name.chars().map(|c| if c.is_ascii_graphic() && c != '"' { c } else { '_' }).collect();
    format!("inline; filename*=UTF-8''{encoded}; filename=\"{ascii}\";")
}

fn quoted(file: &HubFile) -> String {
    utf8_percent_encode(&file.etag(), NON_ALPHANUMERIC).to_string()
}
