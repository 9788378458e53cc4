//! [`HttpSource`]: one file behind a plain URL.
//!
//! The expected digest is what the user says, else what a `<file>.sha256` or `SHA256SUMS` beside the file says. Such a
//! file comes from the same server as the bytes: it finds broken transfers and half-finished uploads, but a
//! server that changes one can change the other. Trusting it is the user's choice of that server; for more, the user
//! gives the digest. Without any, the file is stored unverified.

mod name;
mod probe;
mod sums;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use cache_core::{
    Body, ByteRange, Commit, Digest, Digests, Error, ErrorKind, FileEntry, Manifest, ModelId, ModelUrl, OpenOptions,
    Opened, RepoPath, Result, RetryBudget, Revision, Sha256, Source, UrlKey, Version,
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use url::Url;

use crate::{HttpClient, HttpRequest, HttpResponse, body_of, redact};

/// Most files remembered. Forgetting one only means that a change in the middle of its transfer is noticed later.
const MAX_KNOWN: usize = 256;

/// File properties given by the user.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct HttpSourceOptions {
    /// The digest that the file must have. With it, no list of digests is looked for beside the file.
    pub expected: Option<Digest>,
    /// Skips the lookup of digest files, for callers that verify the content otherwise.
    pub no_lists: bool,
    /// The key of the hashes that stand for secret parameters; the default is no secret.
    pub key: UrlKey,
}

/// Files behind plain URLs, each one a model of its own ([`ModelId::Url`]) whose only revision is `main`.
pub struct HttpSource {
    http: HttpClient,
    options: HttpSourceOptions,
    /// By the whole URL: two keys of one address are two files.
    known: Mutex<HashMap<Url, CachedFile>>,
}

/// Cached properties of a resolved file.
#[derive(Debug, Clone)]
struct CachedFile {
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

    /// Whether a version of a URL has no digest, tag or date: another file of the same size is the same version.
    #[must_use]
    pub fn lacks_validator(version: &Manifest) -> bool {
        let [file] = &version.files[..] else { return false };
        let nameless = file.digests.is_empty() && file.etag.is_none();
        nameless && commit_of(file, None, version.hidden_query) == version.version.commit
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Url, CachedFile>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, url: &ModelUrl, known: CachedFile) {
        let mut all = self.known();
        if all.len() >= MAX_KNOWN {
            all.clear();
        }
        all.insert(url.expose().clone(), known);
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
            .fresh(options.fresh)
            .budget(options.budget.clone());
        if let Some(range) = range {
            request = request.range(range);
            if let Some(condition) = options.if_range.as_deref().and_then(condition) {
                request = request.header(header::IF_RANGE, condition);
            }
        }
        self.http.send(request).await
    }

    /// The body, unless it belongs to another state of the file than the one that was resolved.
    fn body(&self, url: &ModelUrl, file: &FileEntry, response: HttpResponse, range: Option<ByteRange>) -> Result<Body> {
        let modified = response.headers().get(header::LAST_MODIFIED).cloned();
        let tag = validator(response.headers(), file);
        let body = body_of(response, range)?;
        let before = self.known().get(url.expose()).and_then(|known| known.modified.clone());
        match (before, modified) {
            (Some(before), Some(now)) if body.etag.is_none() && before != now => Err(Error::new(
                ErrorKind::Integrity,
                format!("{}: the file has changed on the server", redact(url.expose())),
            )
            .with_host(body.host)
            .with_hint("run the same command again to get the new file")),
            _ => Ok(Body { etag: tag, ..body }),
        }
    }
}

/// The commit of a file. Many servers have no tags; a changed file must be another version all the same, and so must
/// what the server gives to another key.
fn commit_of(file: &FileEntry, modified: Option<&HeaderValue>, hidden_query: Option<Sha256>) -> Commit {
    let mut identity = file.clone();
    if identity.etag.is_none() {
        let date = modified.map(|date| format!("last-modified {date:?}"));
        let query = hidden_query.map(|hash| format!("query {hash}"));
        let known: Vec<String> = [date, query].into_iter().flatten().collect();
        identity.etag = (!known.is_empty()).then(|| known.join(", "));
    }
    Commit::of_listing(&[identity])
}

/// Begins a validator that is no entity tag.
const MODIFIED: &str = "last-modified ";

/// What tells the bytes of an answer from those of any other state of the file: the strong entity tag. Where there is
/// none, and no digest tells afterwards, a strong `Last-Modified`.
fn validator(headers: &HeaderMap, file: &FileEntry) -> Option<String> {
    let modified = || crate::header::strong_modified(headers).filter(|_| !file.is_verifiable());
    crate::header::strong_etag(headers).or_else(|| modified().map(|date| format!("{MODIFIED}{date}")))
}

/// A validator as `If-Range` takes it; `None` for one that is not strong.
fn condition(validator: &str) -> Option<HeaderValue> {
    if let Some(date) = validator.strip_prefix(MODIFIED) {
        return httpdate::parse_http_date(date).ok().and_then(|_| HeaderValue::try_from(date).ok());
    }
    let strong = !validator.is_empty() && !validator.starts_with("W/") && !validator.contains('"');
    strong.then(|| HeaderValue::try_from(format!("\"{validator}\"")).ok()).flatten()
}

fn url_of(model: &ModelId) -> Result<&ModelUrl> {
    match model {
        ModelId::Url(url) => Ok(url),
        other => Err(Error::new(ErrorKind::Unsupported, format!("{other} is not a URL of a file"))),
    }
}

#[async_trait]
impl Source for HttpSource {
    async fn resolve(&self, model: &ModelId, revision: &Revision, budget: &RetryBudget) -> Result<Manifest> {
        let url = url_of(model)?;
        let absent = |why: &str| {
            Error::new(ErrorKind::NotFound, format!("{model}@{revision}: {why}"))
                .with_hint("a plain URL has only its current version: leave out the revision")
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
        let hidden_query = url.hidden_query(&self.options.key);
        let commit = commit_of(&file, probe.modified.as_ref(), hidden_query);
        if pinned.is_some_and(|pinned| pinned != commit) {
            return Err(absent("the file on the server has changed"));
        }
        let modified = probe.modified.filter(|_| file.etag.is_none());
        self.remember(url, CachedFile { path, modified });
        let mut manifest = Manifest::new(Version { model: model.clone(), commit }, vec![file])?;
        manifest.hidden_query = hidden_query;
        Ok(manifest)
    }

    async fn open(&self, version: &Version, file: &FileEntry, options: OpenOptions) -> Result<Opened> {
        let url = url_of(&version.model)?;
        let only = match name::in_url(url.expose()) {
            Some(path) => Some(path),
            None => self.known().get(url.expose()).map(|known| known.path.clone()),
        };
        if only.is_some_and(|only| only != file.path) {
            return Err(Error::new(ErrorKind::NotFound, format!("{} has no file {}", version.model, file.path)));
        }
        let vouched = options.if_range.as_deref().is_none_or(|tag| condition(tag).is_some());
        let range = options.range.filter(|range| !range.is_empty() && vouched);
        let response = self.get(url, range, &options).await?;
        let tag = validator(response.headers(), file);
        let beyond = response.status() == StatusCode::RANGE_NOT_SATISFIABLE;
        // A server that ignores If-Range may still tell by its tag that this is another file.
        let another = response.status() == StatusCode::PARTIAL_CONTENT && tag.is_some() && tag != options.if_range;
        let changed = range.is_some() && options.if_range.is_some() && (beyond || another);
        if !changed {
            // The whole under another tag is what the condition asks for, and no refusal of ranges.
            let refusable = options.if_range.is_none() || options.if_range == tag;
            return self.body(url, file, response, range.filter(|_| refusable)).map(Opened::Stream);
        }
        drop(response);
        let response = self.get(url, None, &options.fresh(true)).await?;
        self.body(url, file, response, None).map(Opened::Stream)
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
