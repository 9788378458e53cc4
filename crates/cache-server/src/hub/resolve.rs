//! Files: `GET` and `HEAD` of the resolve route.

use std::ops::Range;

use axum::Extension;
use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use cache_lib::{FileEntry, FileReader, ModelId, RepoPath};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Method, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::file_identity::{self, FileIdentity};
use crate::app::App;
use crate::body::{self, Delivery, FileBody, Multipart, Precondition, RequestedRanges};
use crate::caller::Grant;
use crate::catalog::View;
use crate::config::Stream;
use crate::hub_error::{HubError, put, refuse};
use crate::response_labels::CacheState;
use crate::upstream::Deadline;

const REPO_COMMIT: HeaderName = HeaderName::from_static("x-repo-commit");
const LINKED_ETAG: HeaderName = HeaderName::from_static("x-linked-etag");
const LINKED_SIZE: HeaderName = HeaderName::from_static("x-linked-size");
const NO_SNIFF: HeaderValue = HeaderValue::from_static("nosniff");
/// A file of a model is never a page of this server's: nothing in it may run here.
const SANDBOX: HeaderValue = HeaderValue::from_static("default-src 'none'; sandbox");

/// The size of an empty file for clients that ask for `bytes=0-0` and read it from `Content-Range` alone (hf-hub before
/// 1.0, `@huggingface/hub`). With status 200 the header has no meaning in HTTP, so it misleads no other client.
const EMPTY: &str = "bytes */0";

/// To a client that would go on with bytes which may be wrong.
const RESUME_REFUSED: &str = "An earlier transfer of this file failed its check: delete what you have of it and download it \
                          from the beginning";

/// huggingface_hub refuses to begin when a HEAD states more bytes than this and the file is not in Xet. Without a size it
/// takes that of the GET, and goes on.
const MAX_HEAD_SIZE: u64 = 50_000_000_000;

/// What stays readable in a file's name.
const NAME: &AsciiSet = &NON_ALPHANUMERIC.remove(b'.').remove(b'-').remove(b'_').remove(b'~');

/// Answers `GET` and `HEAD` of a file. A `HEAD` reads nothing and fetches nothing.
pub(super) async fn resolve(
    app: &App,
    grant: &Grant,
    view: &View,
    path: &RepoPath,
    asked: &Parts,
    deadline: Deadline,
) -> Result<Response, HubError> {
    let file = view.manifest.file(path).ok_or_else(|| HubError::EntryNotFound { commit: view.commit.clone() })?;
    let etag = format!("\"{}\"", FileIdentity::tag(file, &view.commit));
    let mut headers = headers(view, file, &etag);
    match body::precondition(&asked.headers, &etag) {
        Precondition::NotModified => return Ok((StatusCode::NOT_MODIFIED, headers, body::nothing()).into_response()),
        Precondition::Failed => {
            return Ok(refuse(StatusCode::PRECONDITION_FAILED, None, "The file is another one than If-Match names"));
        }
        Precondition::Go => {}
    }
    if asked.method == Method::HEAD {
        return Ok(head_response(headers, file.size));
    }
    let range = asked.headers.get(header::RANGE).filter(|_| body::range_holds(&asked.headers, &etag));
    // Out of range is out of range before a byte is fetched.
    let known = file.size.map(|size| RequestedRanges::read(range, size));
    if let (Some(RequestedRanges::Nothing), Some(size)) = (&known, file.size) {
        return Err(HubError::OutOfRange(size));
    }
    let reader = app.catalog.open(grant, view, path, body::checks_digest(&asked.headers)).await?;
    let state = CacheState(if reader.is_hit() { "hit" } else { "miss" });
    let progress = || progress(app, view, path);
    let size = deadline.bytes(reader.size(), progress).await?;
    let wanted = match known {
        Some(wanted) if file.size == Some(size) => wanted,
        _ => RequestedRanges::read(range, size),
    };
    let delivery = match wanted {
        RequestedRanges::Nothing => return Err(HubError::OutOfRange(size)),
        RequestedRanges::Whole => Delivery::Whole,
        RequestedRanges::Parts(parts) => body::delivery(parts, size, reader.must_begin_anew(), &asked.headers),
    };
    if delivery != Delivery::Refused && app.config.stream == Stream::VerifiedOnly {
        deadline.bytes(reader.verified(), progress).await?;
    }
    let (status, body) = match delivery {
        Delivery::Refused => return Ok(refuse(StatusCode::CONFLICT, None, RESUME_REFUSED)),
        Delivery::Whole => {
            if size == 0 && range.is_some() {
                put(&mut headers, header::CONTENT_RANGE, EMPTY);
            }
            (StatusCode::OK, deadline.bytes(FileBody::range(reader, 0..size), progress).await?)
        }
        Delivery::Parts(parts) => {
            let part = partial(reader, parts, size, content_type(file), &mut headers);
            (StatusCode::PARTIAL_CONTENT, deadline.bytes(part, progress).await?)
        }
    };
    put(&mut headers, header::CONTENT_LENGTH, &body.len().to_string());
    Ok((status, Extension(state), headers, Body::new(body)).into_response())
}

/// The answer to a HEAD.
fn head_response(mut headers: HeaderMap, size: Option<u64>) -> Response {
    match size {
        Some(size) if size <= MAX_HEAD_SIZE => put(&mut headers, header::CONTENT_LENGTH, &size.to_string()),
        _ => drop(headers.remove(LINKED_SIZE)),
    }
    (headers, body::nothing()).into_response()
}

/// What changes while bytes arrive, of this file or any other that may be before it; `None` where upstream has nothing to
/// bring: the file is on this machine, or all of it has arrived.
fn progress(app: &App, view: &View, path: &RepoPath) -> Option<(u64, u64, Option<String>)> {
    let version = &view.manifest.version;
    if matches!(version.model, ModelId::Folder(_)) {
        return None;
    }
    let in_flight = app.cache.in_flight();
    let file = in_flight.into_iter().find(|file| file.version == *version && file.path == *path)?;
    let is_there = file.size.is_some_and(|size| file.received >= size);
    (!is_there).then(|| (app.activity.totals().fetched_bytes, file.received, file.source))
}

/// One range of a file, or several.
async fn partial(
    reader: FileReader,
    parts: Vec<Range<u64>>,
    size: u64,
    content_type: &str,
    headers: &mut HeaderMap,
) -> Result<FileBody<FileReader>, HubError> {
    if let [Range { start, end }] = parts.as_slice() {
        put(headers, header::CONTENT_RANGE, &format!("bytes {start}-{}/{size}", end.saturating_sub(1)));
        return Ok(FileBody::range(reader, *start..*end).await?);
    }
    let form = Multipart::new(content_type, size)?;
    put(headers, header::CONTENT_TYPE, &form.content_type());
    Ok(FileBody::multipart(reader, parts, &form).await?)
}

/// Headers of every answer about a file.
fn headers(view: &View, file: &FileEntry, etag: &str) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(16);
    put(&mut headers, REPO_COMMIT, &view.commit);
    put(&mut headers, header::ETAG, etag);
    if file_identity::large(file).is_some() {
        put(&mut headers, LINKED_ETAG, etag);
        if let Some(size) = file.size {
            put(&mut headers, LINKED_SIZE, &size.to_string());
        }
    }
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type(file)));
    put(&mut headers, header::CONTENT_DISPOSITION, &disposition(file.path.file_name()));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::VARY, HeaderValue::from_static("authorization"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, NO_SNIFF);
    headers.insert(header::CONTENT_SECURITY_POLICY, SANDBOX);
    headers
}

/// As on the Hub: large files are bytes, all others are text, whatever they are called.
fn content_type(file: &FileEntry) -> &'static str {
    if file.digests.git_sha1.is_some() && file.digests.sha256.is_none() {
        "text/plain; charset=utf-8"
    } else {
        "application/octet-stream"
    }
}

fn disposition(name: &str) -> String {
    let encoded = utf8_percent_encode(name, NAME);
    let ascii: String =
        name.chars().map(|c| if matches!(c, ' '..='~') && !matches!(c, '"' | '\\' | '%') { c } else { '_' }).collect();
    format!("inline; filename*=UTF-8''{encoded}; filename=\"{ascii}\";")
}
