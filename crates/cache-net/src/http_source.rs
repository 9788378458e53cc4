//! [`HttpSource`]: one file behind a plain URL.
//!
//! The expected digest is what the user says, else what a `<file>.sha256` or `SHA256SUMS` beside the file says. Such a
//! file comes from the same server as the bytes: it finds broken transfers and half-finished uploads, but whoever can
//! change the one can change the other. Taking it for trusted metadata is the user's choice of that server; whoever
//! wants more gives the digest. Without any, the file is stored unverified.

mod name;
mod probe;
mod sums;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use cache_core::{
    Body, ByteRange, Commit, Digest, Digests, Error, ErrorKind, FileEntry, Manifest, ModelId, ModelUrl, OpenOptions,
    Opened, RepoPath, Result, RetryBudget, Revision, Source, Version,
};
use http::{HeaderValue, StatusCode, header};

use crate::{HttpClient, HttpRequest, HttpResponse, body_of, redact};

/// Most files remembered. Forgetting one only means that a change in the middle of its transfer is noticed later.
const MAX_KNOWN: usize = 256;

/// What the user says of the file.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct HttpSourceOptions {
    /// The digest that the file must have. With it, no list of digests is looked for beside the file.
    pub expected: Option<Digest>,
    /// Looks for no list of digests beside the file, for a caller who checks what is inside it instead.
    pub no_lists: bool,
}

/// Files behind plain URLs, each one a model of its own ([`ModelId::Url`]) whose only revision is `main`.
pub struct HttpSource {
    http: HttpClient,
    options: HttpSourceOptions,
    known: Mutex<HashMap<ModelUrl, Known>>,
}

/// What was found out of a file when it was resolved.
#[derive(Debug, Clone)]
struct Known {
    path: RepoPath,
    /// `Last-Modified`, where there is no strong tag to tell one state of the file from another.
    modified: Option<HeaderValue>,
}

impl HttpSource {
    /// A source that asks through this client.
    #[must_use]
    pub fn new(http: HttpClient, options: HttpSourceOptions) -> Self {
        Self { http, options, known: Mutex::default() }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<ModelUrl, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, url: &ModelUrl, known: Known) {
        let mut all = self.known();
        if all.len() >= MAX_KNOWN {
            all.clear();
        }
        all.insert(url.clone(), known);
    }

    /// What the lists beside a file say of another one in the same folder, such as the plain form of a compressed
    /// file: `<path>.sha256`, else its line in `SHA256SUMS`. Empty when they say nothing.
    ///
    /// # Errors
    /// As for resolving: a server that does not answer, a list that contradicts itself.
    pub async fn digests_beside(&self, model: &ModelId, path: &RepoPath) -> Result<Digests> {
        let mut beside = url_of(model)?.public().clone();
        beside.set_query(None);
        if let Ok(mut segments) = beside.path_segments_mut() {
            segments.pop().push(path.as_str());
        }
        let found = sums::beside(&self.http, &beside, &[path.as_str()]).await?;
        Ok(found.map(|sha256| Digest::Sha256(sha256).into()).unwrap_or_default())
    }

    async fn digests(&self, url: &ModelUrl, path: &RepoPath) -> Result<Digests> {
        if let Some(expected) = self.options.expected {
            return Ok(expected.into());
        }
        if self.options.no_lists {
            return Ok(Digests::default());
        }
        let in_url = name::in_url(url.expose());
        let names: Vec<&str> = [Some(path), in_url.as_ref()].into_iter().flatten().map(RepoPath::as_str).collect();
        let found = sums::beside(&self.http, url.public(), &names).await?;
        Ok(found.map(|sha256| Digest::Sha256(sha256).into()).unwrap_or_default())
    }

    async fn get(&self, url: &ModelUrl, range: Option<ByteRange>, options: &OpenOptions) -> Result<HttpResponse> {
        let mut request = HttpRequest::get(url.expose().clone())
            .header(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"))
            .budget(options.budget.clone());
        if let Some(range) = range {
            request = request.range(range);
            if let Some(tag) = options.if_range.as_deref().and_then(quoted) {
                request = request.header(header::IF_RANGE, tag);
            }
        }
        self.http.send(request).await
    }

    /// The body, unless it belongs to another state of the file than the one that was resolved.
    fn body(&self, url: &ModelUrl, response: HttpResponse, range: Option<ByteRange>) -> Result<Body> {
        let modified = response.headers().get(header::LAST_MODIFIED).cloned();
        let body = body_of(response, range)?;
        let before = self.known().get(url).and_then(|known| known.modified.clone());
        match (before, modified) {
            (Some(before), Some(now)) if body.etag.is_none() && before != now => Err(Error::new(
                ErrorKind::Integrity,
                format!("{}: the file has changed on the server", redact(url.expose())),
            )
            .with_host(body.host)
            .with_hint("run it again to get the new file")),
            _ => Ok(body),
        }
    }
}

/// A strong tag as `If-Range` wants it. Anything else could not vouch for the bytes.
fn quoted(tag: &str) -> Option<HeaderValue> {
    let strong = !tag.is_empty() && !tag.starts_with("W/") && !tag.contains('"');
    strong.then(|| HeaderValue::try_from(format!("\"{tag}\"")).ok()).flatten()
}

fn url_of(model: &ModelId) -> Result<&ModelUrl> {
    match model {
        ModelId::Url(url) => Ok(url),
        other => Err(Error::new(ErrorKind::Unsupported, format!("{other} is no URL of a file"))),
    }
}

#[async_trait]
impl Source for HttpSource {
    async fn resolve(&self, model: &ModelId, revision: &Revision, budget: &RetryBudget) -> Result<Manifest> {
        let url = url_of(model)?;
        let absent = |why: &str| {
            Error::new(ErrorKind::NotFound, format!("{model}@{revision}: {why}"))
                .with_hint("a plain URL has one version, the present one: leave the revision out")
        };
        let pinned = revision.as_commit();
        if pinned.is_none() && *revision != Revision::main() {
            return Err(absent("a plain URL has no revisions"));
        }
        let probe = probe::probe(&self.http, url, budget).await?;
        let path = name::of(url.expose(), probe.disposition.as_deref())?;
        let mut file = FileEntry::new(path.clone());
        file.size = probe.size;
        file.digests = self.digests(url, &path).await?;
        file.etag = probe.etag;
        let mut identity = file.clone();
        if identity.etag.is_none() {
            // Many servers have no tags; a changed file must be another version all the same.
            identity.etag = probe.modified.as_ref().map(|date| format!("last-modified {date:?}"));
        }
        let commit = Commit::of_listing(&[identity]);
        if pinned.is_some_and(|pinned| pinned != commit) {
            return Err(absent("the file on the server is another one now"));
        }
        let modified = probe.modified.filter(|_| file.etag.is_none());
        self.remember(url, Known { path, modified });
        Manifest::new(Version { model: model.clone(), commit }, vec![file])
    }

    async fn open(&self, version: &Version, file: &FileEntry, options: OpenOptions) -> Result<Opened> {
        let url = url_of(&version.model)?;
        let only = match name::in_url(url.expose()) {
            Some(path) => Some(path),
            None => self.known().get(url).map(|known| known.path.clone()),
        };
        if only.is_some_and(|only| only != file.path) {
            return Err(Error::new(ErrorKind::NotFound, format!("{} has no file {}", version.model, file.path)));
        }
        let vouched = options.if_range.as_deref().is_none_or(|tag| quoted(tag).is_some());
        let range = options.range.filter(|range| !range.is_empty() && vouched);
        let response = self.get(url, range, &options).await?;
        let tag = crate::header::strong_etag(response.headers());
        let beyond = response.status() == StatusCode::RANGE_NOT_SATISFIABLE;
        // A server that ignores If-Range may still tell by its tag that this is another file.
        let another = response.status() == StatusCode::PARTIAL_CONTENT && tag.is_some() && tag != options.if_range;
        let changed = range.is_some() && options.if_range.is_some() && (beyond || another);
        if !changed {
            // The whole under another tag is what the condition asks for, and no refusal of ranges.
            let refusable = options.if_range.is_none() || options.if_range == tag;
            return self.body(url, response, range.filter(|_| refusable)).map(Opened::Stream);
        }
        drop(response);
        let response = self.get(url, None, &options).await?;
        self.body(url, response, None).map(Opened::Stream)
    }
}

impl fmt::Display for HttpSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("http")
    }
}

impl fmt::Debug for HttpSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpSource").field("options", &self.options).finish_non_exhaustive()
    }
}
