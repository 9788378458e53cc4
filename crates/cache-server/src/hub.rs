//! The Hub's protocol: routes and their answers.
//!
//! `route` reads the path; every answer about a repository begins with the caller's right to read it, and then asks the
//! catalog what it consists of. `info` and `listing` write the JSON, `pages` keeps what is asked most, `resolve` sends
//! files.

mod file_identity;
mod info;
mod listing;
mod pages;
mod query;
mod resolve;
mod route;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use cache_lib::{Error, ErrorKind, RepoKind, RepoPath};
use http::header::{self, HeaderName, HeaderValue};
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use serde_json::Value;

use self::listing::{PAGE, Shown};
use self::query::Query;
use self::route::Route;
use crate::access;
use crate::app::App;
use crate::caller::{Caller, Grant};
use crate::catalog::{Catalog, Found};
use crate::hub_error::{HubError, gated, put, refuse};
use crate::listen::Peer;
use crate::repo::Repo;
use crate::response_labels::{CacheState, RouteName};
use crate::upstream::Deadline;

/// Whether the bytes lay in the store.
const CACHE: HeaderName = HeaderName::from_static("x-cache");
const STALE: HeaderName = HeaderName::from_static("x-model-cache-stale");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// Largest form that is read, in bytes.
const FORM: usize = 4 << 20;

/// Every request that is not for the page, the admin or the metrics.
pub(crate) async fn handle(State(app): State<Arc<App>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let caller = Caller::of(&parts);
    let route = Route::parse(parts.uri.path());
    let name = RouteName(route.as_ref().map_or("unknown", Route::name));
    let deadline = Deadline::new(app.config.silence);
    let context = HubRequest { app: &app, caller: &caller, parts: &parts, deadline };
    let answer = match route {
        Ok(route) => context.answer(route, body).await,
        Err(refusal) => Err(refusal),
    };
    let mut response = answer.unwrap_or_else(|refusal| context.refused(refusal));
    response.extensions_mut().insert(name);
    response
}

/// One request.
struct HubRequest<'a> {
    app: &'a App,
    caller: &'a Caller,
    parts: &'a Parts,
    /// How long it waits for upstream.
    deadline: Deadline,
}

impl HubRequest<'_> {
    async fn answer(&self, route: Route, body: Body) -> Result<Response, HubError> {
        if !route.takes(&self.parts.method) {
            let mut response = refuse(StatusCode::METHOD_NOT_ALLOWED, None, "Method not allowed");
            put(response.headers_mut(), header::ALLOW, route.allow().unwrap_or_default());
            return Ok(response);
        }
        let query = Query::parse(self.parts.uri.query().unwrap_or_default());
        match route {
            Route::Resolve { repo, revision, path } => self.file(&repo, &revision, &path).await,
            Route::List { kind } => self.list(kind, &query).await,
            Route::Info { repo, revision } => {
                let (_, found) = self.find(&repo, &revision).await?;
                let bytes = match query.all("expand").next() {
                    Some(_) => info::expanded(&info::info(&found.view, false), &query).to_string().into(),
                    None => pages::info(&found.view, query.is_on("blobs")),
                };
                Ok(with_stale_header(json(bytes), found.stale))
            }
            Route::Tree { repo, revision, folder } => self.tree(&repo, &revision, folder.as_ref(), &query).await,
            Route::PathsInfo { repo, revision } => {
                let (_, found) = self.find(&repo, &revision).await?;
                let form = self.form(body).await?;
                let bytes = listing::paths_info(&found.view, form.paths.iter().map(String::as_str), form.expand);
                Ok(with_stale_header(json(bytes.map_err(unwritten)?.into()), found.stale))
            }
            Route::Refs { repo } => {
                let grant = self.grant(&repo).await?;
                let refs = self.deadline.answer(self.catalog().refs(&grant, &repo, query.is_on("include_prs"))).await?;
                Ok(with_stale_header(json(refs.value.to_string().into()), refs.stale))
            }
            Route::Commits { repo, revision } => {
                let grant = self.grant(&repo).await?;
                let commits = self.deadline.answer(self.catalog().commits(&grant, &repo, &revision)).await?;
                Ok(with_stale_header(json(commits.value.to_string().into()), commits.stale))
            }
            Route::AuthCheck { repo } => {
                let (_, found) = self.find(&repo, "main").await?;
                Ok(with_stale_header("OK".into_response(), found.stale))
            }
            Route::WhoAmI => self.whoami().await,
            // Of Xet a mirror has all or nothing; without a token for it, clients take the file from here.
            Route::XetToken { .. } | Route::Unknown => {
                Ok(refuse(StatusCode::NOT_FOUND, None, "Sorry, we can't find the page you are looking for."))
            }
        }
    }

    /// Answers with a file of a version.
    async fn file(&self, repo: &Repo, revision: &str, path: &RepoPath) -> Result<Response, HubError> {
        let (grant, found) = self.find(repo, revision).await?;
        let response = match resolve::resolve(self.app, &grant, &found.view, path, self.parts, self.deadline).await {
            Err(refusal) => Err(self.withdraw_if_refused(repo, &grant, refusal).await),
            response => response.map(|response| self.with_cache_state(response)),
        };
        // That a file is not there is old news, too.
        let response = response.unwrap_or_else(|refusal| self.refused(refusal));
        Ok(with_stale_header(response, found.stale))
    }

    /// Answers with a page of a version's tree.
    async fn tree(
        &self,
        repo: &Repo,
        revision: &str,
        folder: Option<&RepoPath>,
        query: &Query,
    ) -> Result<Response, HubError> {
        let (_, found) = self.find(repo, revision).await?;
        let (from, most) = window(query)?;
        let (recursive, expand) = (query.is_on("recursive"), query.is_on("expand"));
        let folder = folder.map(RepoPath::as_str);
        let page = pages::tree(&found.view, Shown { folder, recursive, expand, from, most }).map_err(unwritten)?;
        let (bytes, next) = page.ok_or_else(|| HubError::EntryNotFound { commit: found.view.commit.clone() })?;
        let mut response = json(bytes);
        self.link(response.headers_mut(), query, next);
        Ok(with_stale_header(response, found.stale))
    }

    /// The right to read a repository.
    async fn grant(&self, repo: &Repo) -> Result<Grant, HubError> {
        self.deadline.answer(self.app.access.grant(self.caller, repo)).await
    }

    /// The right to read a repository, and what it consists of.
    async fn find(&self, repo: &Repo, revision: &str) -> Result<(Grant, Found), HubError> {
        let grant = self.grant(repo).await?;
        match self.deadline.answer(self.catalog().version(&grant, repo, revision)).await {
            Ok(found) => Ok((grant, found)),
            Err(refusal) => Err(self.withdraw_if_refused(repo, &grant, refusal).await),
        }
    }

    /// A refusal as it is answered. What upstream refuses although it had been granted is withdrawn.
    async fn withdraw_if_refused(&self, repo: &Repo, grant: &Grant, refusal: HubError) -> HubError {
        let denied = match &refusal {
            HubError::RepoNotFound => true,
            HubError::Unavailable(error) => error.is_denied(),
            _ => false,
        };
        if denied { self.app.access.withdraw(self.caller, repo, grant, refusal).await } else { refusal }
    }

    /// The Hub's answer to anonymous callers: 401 where others get 404. It depends on the caller, and
    /// not on what exists.
    fn refused(&self, refusal: HubError) -> Response {
        match refusal {
            HubError::RepoNotFound if self.caller.token.is_none() => {
                let why = "Invalid username or password.";
                let mut response = refuse(StatusCode::UNAUTHORIZED, Some("RepoNotFound"), why);
                response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
                response
            }
            HubError::Gated { repo, page } if self.caller.token.is_none() => {
                refuse(StatusCode::UNAUTHORIZED, Some("GatedRepo"), &format!("{} Please log in.", gated(&repo, &page)))
            }
            other if self.app.access.is_admin(self.caller) => other.into_admin_response(),
            other => other.into_response(),
        }
    }

    /// Says whether the bytes lay in the store, to the admin alone: others have brought them, and may read what this
    /// caller may not.
    fn with_cache_state(&self, mut response: Response) -> Response {
        if let Some(CacheState(state)) = response.extensions().get().copied()
            && self.app.access.is_admin(self.caller)
        {
            response.headers_mut().insert(CACHE, HeaderValue::from_static(state));
        }
        response
    }

    /// The catalog, on the caller's behalf.
    fn catalog(&self) -> Catalog {
        self.app.catalog.of_client(self.app.access.client(self.caller))
    }

    async fn whoami(&self) -> Result<Response, HubError> {
        let user = match (self.app.access.user(self.caller), &self.caller.token) {
            (Some(name), _) => info::whoami(&name),
            _ if self.app.access.is_admin(self.caller) => info::whoami("admin"),
            (None, None) => return Ok(refuse(StatusCode::UNAUTHORIZED, None, "Invalid username or password.")),
            // Where there are users of our own, no token goes to upstream.
            (None, Some(_)) if !self.app.config.users.is_empty() => return Err(HubError::BadToken),
            (None, Some(_)) => match access::foreign(self.caller) {
                Some(token) => match self.app.catalog.known_user(token) {
                    Some(user) => user?,
                    None => {
                        self.app.guard.unknown_token(self.parts).map_err(HubError::Limited)?;
                        self.deadline.answer(self.app.catalog.whoami(token)).await?
                    }
                },
                None => return Err(HubError::BadToken),
            },
        };
        Ok(json(user.to_string().into()))
    }

    /// The repositories that are here and that the caller may know of.
    async fn list(&self, kind: RepoKind, query: &Query) -> Result<Response, HubError> {
        let (from, most) = window(query)?;
        let repos = self.app.catalog.repos().await?;
        let asked = repos.iter().filter(|(repo, info)| repo.kind == kind && info::is_listed(repo, info, query));
        let asked: Vec<(&Repo, &Value)> = asked.map(|(repo, info)| (repo, info)).collect();
        let names: Vec<&Repo> = asked.iter().map(|(repo, _)| *repo).collect();
        let may_list = self.app.access.may_list_each(self.caller, &names).await;
        let shown = asked.into_iter().zip(may_list).filter_map(|(one, shown)| shown.then_some(one));
        let mut entries = shown.map(|(repo, info)| info::listed(repo, info, query)).skip(from);
        let page: Vec<Value> = entries.by_ref().take(most).collect();
        let next = entries.next().map(|_| from + page.len());
        let mut response = json(Value::Array(page).to_string().into());
        self.link(response.headers_mut(), query, next);
        Ok(response)
    }

    /// Names the next page, by the address under which this one was asked for: clients follow it as it stands.
    fn link(&self, headers: &mut HeaderMap, query: &Query, next: Option<usize>) {
        let Some(next) = next else { return };
        let uri = &self.parts.uri;
        let host = self.parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let host = host.or(uri.authority().map(http::uri::Authority::as_str)).unwrap_or_default();
        let (path, query) = (uri.path(), query.with("cursor", &next.to_string()));
        put(headers, header::LINK, &format!("<{}://{host}{path}?{query}>; rel=\"next\"", self.scheme()));
    }

    /// `https` or `http`, as the client asked; a proxy in front knows better.
    fn scheme(&self) -> &'static str {
        let forwarded = self.parts.headers.get(FORWARDED_PROTO).and_then(|proto| proto.to_str().ok());
        let tcp = !matches!(self.parts.extensions.get(), Some(Peer::Unix));
        match forwarded.or(self.parts.uri.scheme_str()) {
            Some("https") => "https",
            Some("http") => "http",
            _ if self.app.config.tls.is_some() && tcp => "https",
            _ => "http",
        }
    }

    /// The body of `paths-info`: a form as huggingface_hub sends it, or JSON as others do.
    async fn form(&self, body: Body) -> Result<Form, HubError> {
        let bad = |why: &str| HubError::BadRequest(why.to_owned());
        let read = Limited::new(body, FORM).collect();
        let read = tokio::time::timeout(self.app.config.header_timeout, read).await;
        let read = read.map_err(|_| bad("the form did not arrive in time"))?;
        let bytes = read.map_err(|_| bad("the form broke off or is over 4 MiB"))?.to_bytes();
        let kind = self.parts.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if kind.starts_with("application/json") {
            return serde_json::from_slice(&bytes).map_err(|error| HubError::BadRequest(error.to_string()));
        }
        let text = std::str::from_utf8(&bytes).map_err(|_| bad("the form is not UTF-8"))?;
        let query = Query::parse(text);
        Ok(Form { paths: query.all("paths").map(str::to_owned).collect(), expand: query.is_on("expand") })
    }
}

/// What `paths-info` asks for.
#[derive(Debug, serde::Deserialize)]
struct Form {
    paths: Vec<String>,
    #[serde(default)]
    expand: bool,
}

/// Which entries of a list are asked for: the first, and how many.
fn window(query: &Query) -> Result<(usize, usize), HubError> {
    let number = |name: &str| match query.get(name) {
        None => Ok(None),
        Some(text) => text.parse().map(Some).map_err(|_| HubError::BadRequest(format!("{name} is no number"))),
    };
    Ok((number("cursor")?.unwrap_or(0), number("limit")?.unwrap_or(PAGE).clamp(1, PAGE)))
}

fn json(bytes: Bytes) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (header::VARY, HeaderValue::from_static("authorization")),
    ];
    (headers, bytes).into_response()
}

/// Says that upstream could not be asked, and that this is what was known before.
fn with_stale_header(mut response: Response, stale: bool) -> Response {
    if stale {
        let headers = response.headers_mut();
        headers.insert(STALE, HeaderValue::from_static("1"));
        headers.insert(header::WARNING, HeaderValue::from_static("110 - \"Response is Stale\""));
    }
    response
}

fn unwritten(error: serde_json::Error) -> HubError {
    Error::new(ErrorKind::Storage, "write an answer").with_source(error).into()
}
