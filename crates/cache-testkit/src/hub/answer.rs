//! How a Hub answers one request.

use std::collections::BTreeMap;
use std::sync::Arc;

use cache_core::RepoKind;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;

use super::api::{self, Query, Shown};
use super::hub_fault::HubFault;
use super::reply::{self, Refusal};
use super::repo::{Access, Repo, Snapshot};
use super::resolve::{self, Get};
use super::route::{RepoId, Route, decode, route};
use super::seen::{Origin, Seen};
use super::state::{State, prefix, read};
use crate::connection::Connection;
use crate::listen::{Counts, Serve};
use crate::serve::Reply;

/// Largest form that is read.
const FORM_LIMIT: usize = 4 << 20;

/// One of the Hub's two origins.
pub(super) struct Face {
    pub(super) state: Arc<State>,
    pub(super) origin: Origin,
}

impl Serve for Face {
    async fn serve(&self, request: Request<Incoming>, connection: Connection) -> Option<Response<Reply>> {
        self.exchange(request, connection).await
    }

    fn counts(&self) -> &Counts {
        match self.origin {
            Origin::Hub => &self.state.hub_counts,
            Origin::Cdn => &self.state.cdn_counts,
        }
    }
}

impl Face {
    async fn exchange(&self, request: Request<Incoming>, connection: Connection) -> Option<Response<Reply>> {
        let (state, origin) = (&*self.state, self.origin);
        if !state.config.latency.is_zero() {
            tokio::time::sleep(state.config.latency).await;
        }
        let (head, body) = request.into_parts();
        let path = head.uri.path();
        let named = match origin {
            Origin::Hub => decode(path),
            Origin::Cdn => resolve::cdn_file(state, path).map_or_else(|| decode(path), |file| file.path.clone()),
        };
        let trouble = state.troubles.next(origin, head.method.as_str(), &named);
        let query = Query::parse(head.uri.query().unwrap_or_default());
        let seen = |status| Seen {
            origin,
            connection: connection.id,
            method: head.method.to_string(),
            path: path.to_owned(),
            query: head.uri.query().unwrap_or_default().to_owned(),
            headers: head.headers.clone(),
            status,
        };
        let reply = match &trouble {
            Some(HubFault::Silence) => {
                state.note(seen(None));
                state.gate.clone().wait().await;
                return None;
            }
            Some(HubFault::Hangup) => None,
            Some(HubFault::TooMany { reset }) => Some(reply::too_many(*reset)),
            Some(HubFault::RetryAfter { seconds }) => Some(reply::retry_after(*seconds)),
            Some(HubFault::Status(status)) => {
                Some(reply::page(StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)))
            }
            _ => {
                let get = Get {
                    method: &head.method,
                    headers: &head.headers,
                    connection: &connection,
                    trouble: trouble.as_ref(),
                };
                Some(match origin {
                    Origin::Cdn => resolve::cdn(state, path, &query, &get),
                    Origin::Hub => {
                        let form = if head.method == Method::POST { form(&head.headers, body).await } else { None };
                        answer(state, path, &query, form, &get).unwrap_or_else(|refusal| refusal.reply())
                    }
                })
            }
        };
        state.note(seen(reply.as_ref().map(|reply| reply.status().as_u16())));
        reply
    }
}

/// The answer to a request of the Hub's own origin.
fn answer(
    state: &State,
    path: &str,
    query: &Query,
    form: Option<Form>,
    get: &Get<'_>,
) -> Result<Response<Reply>, Refusal> {
    let route = route(path);
    let posted = matches!(route, Route::PathsInfo { .. });
    if posted != (get.method == Method::POST) || !matches!(*get.method, Method::GET | Method::HEAD | Method::POST) {
        return Err(Refusal::method());
    }
    let user = state.user(get.headers)?;
    let repos = read(&state.repos);
    Visit { state, repos: &repos, user: user.as_deref(), path, query, get }.answer(route, form)
}

/// One request of one user.
struct Visit<'a> {
    state: &'a State,
    repos: &'a BTreeMap<RepoId, Repo>,
    user: Option<&'a str>,
    path: &'a str,
    query: &'a Query,
    get: &'a Get<'a>,
}

impl<'a> Visit<'a> {
    fn answer(&self, route: Route, form: Option<Form>) -> Result<Response<Reply>, Refusal> {
        let (state, query, get) = (self.state, self.query, self.get);
        let json = |value| Ok(reply::json(&value));
        match route {
            Route::Resolve { repo: id, revision, path } => {
                let (_, snapshot) = self.find_granted(&id, &revision)?;
                resolve::resolve(state, &id, snapshot, &path, get)
            }
            Route::Cached { repo: id, revision, path } => {
                let (_, snapshot) = self.find_granted(&id, &revision)?;
                let file = snapshot.files.get(&path).filter(|file| file.lfs.is_none());
                let file = file.ok_or_else(|| Refusal::entry(snapshot.commit.as_str()))?;
                Ok(resolve::direct(state, snapshot.commit.as_str(), &path, file, get))
            }
            Route::List { kind } => Ok(self.list(kind)),
            Route::Info { repo: id, revision } => {
                let (repo, snapshot) = self.find(&id, revision.as_deref().unwrap_or("main"))?;
                json(api::info(&id, repo, snapshot, query.is_on("blobs")))
            }
            Route::Tree { repo: id, revision, path: folder } => self.tree(&id, &revision, &folder),
            Route::PathsInfo { repo: id, revision } => {
                let (_, snapshot) = self.find(&id, &revision)?;
                let form = form.ok_or_else(|| Refusal::request("a form or JSON with paths is needed"))?;
                json(api::paths_info(snapshot, &form.paths, self.shown(true, form.expand)))
            }
            Route::Refs { repo: id } => json(api::refs(self.repo(&id)?, query.is_on("include_prs"))),
            Route::Commits { repo: id, revision } => {
                let (repo, snapshot) = self.find(&id, &revision)?;
                json(api::commits(repo, snapshot))
            }
            Route::AuthCheck { repo: id } => {
                self.check_gate(&id, self.repo(&id)?)?;
                Ok(reply::text(StatusCode::OK, "text/plain", "OK"))
            }
            Route::XetToken { repo: id, revision } if state.config.xet => {
                self.find_granted(&id, &revision)?;
                Ok(api::xet_token(&state.cas_url()))
            }
            Route::WhoAmI => json(api::who_am_i(self.user.ok_or_else(Refusal::anonymous)?)),
            Route::XetToken { .. } | Route::Unknown => Err(Refusal::route()),
        }
    }

    fn is_readable(&self, repo: &Repo) -> bool {
        match &repo.access {
            Access::Private(users) => self.user.is_some_and(|user| users.contains(user)),
            Access::Public | Access::Gated(_) => true,
        }
    }

    fn repo(&self, id: &RepoId) -> Result<&'a Repo, Refusal> {
        let repo = self.repos.get(id).filter(|repo| self.is_readable(repo));
        repo.ok_or_else(|| Refusal::repo(self.user.is_some()))
    }

    fn find(&self, id: &RepoId, revision: &str) -> Result<(&'a Repo, &'a Arc<Snapshot>), Refusal> {
        let repo = self.repo(id)?;
        Ok((repo, repo.find(revision).ok_or_else(|| Refusal::revision(revision))?))
    }

    fn find_granted(&self, id: &RepoId, revision: &str) -> Result<(&'a Repo, &'a Arc<Snapshot>), Refusal> {
        let (repo, snapshot) = self.find(id, revision)?;
        self.check_gate(id, repo)?;
        Ok((repo, snapshot))
    }

    fn check_gate(&self, id: &RepoId, repo: &Repo) -> Result<(), Refusal> {
        match &repo.access {
            Access::Gated(users) if !self.user.is_some_and(|user| users.contains(user)) => {
                let name = format!("{}{}", prefix(id.kind), id.name);
                Err(Refusal::gated(&name, &self.state.hub_url, self.user.is_some()))
            }
            _ => Ok(()),
        }
    }

    fn list(&self, kind: RepoKind) -> Response<Reply> {
        let all = self.repos.iter().filter(|(id, repo)| id.kind == kind && self.is_readable(repo));
        let entries = all
            .filter(|(id, _)| api::is_listed(id, self.query))
            .filter_map(|(id, repo)| Some(api::listed(id, repo, repo.find("main")?, self.query.is_on("full"))));
        api::page(entries.collect(), self.state.config.page_size, &self.url(), self.query)
    }

    fn tree(&self, id: &RepoId, revision: &str, folder: &str) -> Result<Response<Reply>, Refusal> {
        let (_, snapshot) = self.find(id, revision)?;
        let shown = self.shown(self.query.is_on("recursive"), self.query.is_on("expand"));
        let entries = api::tree(snapshot, folder, shown).ok_or_else(|| Refusal::entry(snapshot.commit.as_str()))?;
        Ok(api::page(entries, self.state.config.page_size, &self.url(), self.query))
    }

    /// The address under which the request was sent, without its query.
    fn url(&self) -> String {
        let host = self.get.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let url = host.map_or_else(|| self.state.hub_url.clone(), |host| format!("http://{host}"));
        format!("{url}{}", self.path)
    }

    fn shown(&self, recursive: bool, expand: bool) -> Shown {
        Shown { recursive, expand, xet: self.state.config.xet }
    }
}

/// The body of a paths-info request.
struct Form {
    paths: Vec<String>,
    expand: bool,
}

async fn form(headers: &HeaderMap, body: Incoming) -> Option<Form> {
    let bytes = Limited::new(body, FORM_LIMIT).collect().await.ok()?.to_bytes();
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind.starts_with("application/json") {
        let value: serde_json::Value = serde_json::from_slice(&bytes).ok()?;
        let paths = value.get("paths")?.as_array()?;
        let paths = paths.iter().filter_map(|path| path.as_str().map(str::to_owned)).collect();
        return Some(Form { paths, expand: value.get("expand").is_some_and(|expand| expand == true) });
    }
    let query = Query::parse(std::str::from_utf8(&bytes).ok()?);
    Some(Form { paths: query.all("paths"), expand: query.is_on("expand") })
}
