//! Files: `GET` and `HEAD` of the resolve route.

use std::ops::Range;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use cache_lib::{FileEntry, RepoPath};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Method, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::identity::{self, Identity};
use crate::access::Grant;
use crate::app::App;
use crate::body::{self, Asked, FileBody, Multipart, Verdict};
use crate::catalog::View;
use crate::refusal::{Refusal, put, refuse};

const REPO_COMMIT: HeaderName = HeaderName::from_static("x-repo-commit");
const LINKED_ETAG: HeaderName = HeaderName::from_static("x-linked-etag");
const LINKED_SIZE: HeaderName = HeaderName::from_static("x-linked-size");
const NO_SNIFF: HeaderValue = HeaderValue::from_static("nosniff");
/// A file of a model is never a page of this server's: nothing in it may run here.
const SANDBOX: HeaderValue = HeaderValue::from_static("default-src 'none'; sandbox");

/// Whether the bytes lay in the store. For people, and for the access log.
const CACHE: HeaderName = HeaderName::from_static("x-cache");

/// huggingface_hub refuses to begin when a HEAD tells of more bytes than this and the file is not in Xet. Without a size it
/// takes that of the GET, and goes on.
const TOLD: u64 = 50_000_000_000;

/// What stays readable in a file's name.
const NAME: &AsciiSet = &NON_ALPHANUMERIC.remove(b'.').remove(b'-').remove(b'_').remove(b'~');

/// Answers `GET` and `HEAD` of a file. A `HEAD` reads nothing and fetches nothing.
pub(super) async fn resolve(
    app: &App,
    grant: &Grant,
    view: &View,
    path: &RepoPath,
    asked: &Parts,
) -> Result<Response, Refusal> {
    let file = view.manifest.file(path).ok_or_else(|| Refusal::EntryNotFound { commit: view.commit.clone() })?;
    let etag = format!("\"{}\"", Identity::tag(file, &view.commit));
    let mut headers = headers(view, file, &etag);
    match body::verdict(&asked.headers, &etag) {
        Verdict::NotModified => return Ok((StatusCode::NOT_MODIFIED, headers, body::nothing()).into_response()),
        Verdict::Failed => {
            return Ok(refuse(StatusCode::PRECONDITION_FAILED, None, "The file is another one than If-Match names"));
        }
        Verdict::Go => {}
    }
    if asked.method == Method::HEAD {
        match file.size {
            Some(size) if size <= TOLD => put(&mut headers, header::CONTENT_LENGTH, &size.to_string()),
            _ => drop(headers.remove(LINKED_SIZE)),
        }
        return Ok((headers, body::nothing()).into_response());
    }
    let range = asked.headers.get(header::RANGE).filter(|_| body::range_holds(&asked.headers, &etag));
    // Out of range is out of range before a byte is fetched.
    let known = file.size.map(|size| Asked::read(range, size));
    if let (Some(Asked::Nothing), Some(size)) = (&known, file.size) {
        return Err(Refusal::OutOfRange(size));
    }
    let reader = app.catalog.open(grant, view, path).await?;
    put(&mut headers, CACHE, if reader.is_hit() { "hit" } else { "miss" });
    let size = reader.size().await?;
    let wanted = match known {
        Some(wanted) if file.size == Some(size) => wanted,
        _ => Asked::read(range, size),
    };
    let part = |range: &Range<u64>| format!("bytes {}-{}/{size}", range.start, range.end.saturating_sub(1));
    let (status, body) = match wanted {
        Asked::Nothing => return Err(Refusal::OutOfRange(size)),
        Asked::Whole => (StatusCode::OK, FileBody::range(reader, 0..size).await?),
        Asked::Parts(parts) => match parts.as_slice() {
            [one] => {
                put(&mut headers, header::CONTENT_RANGE, &part(one));
                (StatusCode::PARTIAL_CONTENT, FileBody::range(reader, one.clone()).await?)
            }
            _ => {
                let form = Multipart::new(content_type(file), size)?;
                put(&mut headers, header::CONTENT_TYPE, &form.content_type());
                (StatusCode::PARTIAL_CONTENT, FileBody::multipart(reader, parts, &form).await?)
            }
        },
    };
    put(&mut headers, header::CONTENT_LENGTH, &body.len().to_string());
    Ok((status, headers, Body::new(body)).into_response())
}

/// What every answer about a file says.
fn headers(view: &View, file: &FileEntry, etag: &str) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(16);
    put(&mut headers, REPO_COMMIT, &view.commit);
    put(&mut headers, header::ETAG, etag);
    if identity::large(file).is_some() {
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
