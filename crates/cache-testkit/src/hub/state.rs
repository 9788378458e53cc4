//! What a Hub knows, and how it answers one request.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use tokio::sync::watch;

use super::api::{self, Query, Shown};
use super::reply::{self, Refusal};
use super::repo::{Access, Repo, Snapshot};
use super::resolve::{self, CdnFile, Get};
use super::route::{RepoId, Route, decode, route};
use super::trouble::{Gate, Trouble, Troubles};
use super::{HubConfig, Origin, Seen};
use crate::listen::{Connection, Counts, Serve};
use crate::serve::Reply;

/// Largest form that is read.
const FORM_LIMIT: usize = 4 << 20;

#[derive(Debug)]
pub(super) struct State {
    pub(super) config: HubConfig,
    pub(super) hub_url: String,
    pub(super) cdn_url: String,
    pub(super) repos: RwLock<BTreeMap<RepoId, Repo>>,
    /// Tokens and whose they are.
    pub(super) users: RwLock<BTreeMap<String, String>>,
    pub(super) cdn: RwLock<HashMap<u64, Arc<CdnFile>>>,
    /// Large files whose redirect leads somewhere else.
    pub(super) elsewhere: RwLock<HashMap<(RepoId, String), String>>,
    pub(super) next_id: AtomicU64,
    /// Changes when all links expire.
    pub(super) epoch: AtomicU64,
    pub(super) rate: AtomicU64,
    pub(super) troubles: Troubles,
    pub(super) gate: Gate,
    pub(super) log: Mutex<Vec<Seen>>,
    pub(super) seen: watch::Sender<u64>,
    pub(super) hub_counts: Counts,
    pub(super) cdn_counts: Counts,
}

/// One of the Hub's two origins.
pub(super) struct Face {
    pub(super) state: Arc<State>,
    pub(super) origin: Origin,
}

impl Serve for Face {
    async fn serve(&self, request: Request<Incoming>, connection: Connection) -> Option<Response<Reply>> {
        self.state.serve(self.origin, request, connection).await
    }

    fn counts(&self) -> &Counts {
        match self.origin {
            Origin::Hub => &self.state.hub_counts,
            Origin::Cdn => &self.state.cdn_counts,
        }
    }
}

impl State {
    async fn serve(
        &self,
        origin: Origin,
        request: Request<Incoming>,
        connection: Connection,
    ) -> Option<Response<Reply>> {
        if !self.config.latency.is_zero() {
            tokio::time::sleep(self.config.latency).await;
        }
        let (head, body) = request.into_parts();
        let path = head.uri.path();
        let named = match origin {
            Origin::Hub => decode(path),
            Origin::Cdn => resolve::cdn_file(self, path).map_or_else(|| decode(path), |file| file.path.clone()),
        };
        let trouble = self.troubles.next(origin, head.method.as_str(), &named);
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
            Some(Trouble::Silence) => {
                self.note(seen(None));
                self.gate.clone().wait().await;
                return None;
            }
            Some(Trouble::Hangup) => None,
            Some(Trouble::TooMany { reset }) => Some(reply::too_many(*reset)),
            Some(Trouble::RetryAfter { seconds }) => Some(reply::retry_after(*seconds)),
            Some(Trouble::Status(status)) => {
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
                    Origin::Cdn => resolve::cdn(self, path, &query, &get),
                    Origin::Hub => {
                        let form = if head.method == Method::POST { form(&head.headers, body).await } else { None };
                        self.answer(path, &query, form, &get).unwrap_or_else(|refusal| refusal.reply())
                    }
                })
            }
        };
        self.note(seen(reply.as_ref().map(|reply| reply.status().as_u16())));
        reply
    }

    fn note(&self, seen: Seen) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        if log.len() < self.config.log_limit {
            log.push(seen);
        }
        drop(log);
        self.seen.send_modify(|seen| *seen += 1);
    }

    fn answer(&self, path: &str, query: &Query, form: Option<Form>, get: &Get<'_>) -> Result<Response<Reply>, Refusal> {
        let route = route(path);
        let posted = matches!(route, Route::PathsInfo { .. });
        if posted != (get.method == Method::POST) || !matches!(*get.method, Method::GET | Method::HEAD | Method::POST) {
            return Err(Refusal::method());
        }
        let user = self.user(get.headers)?;
        let user = user.as_deref();
        let repos = super::read(&self.repos);
        let repo = |id: &RepoId| {
            let repo = repos.get(id).filter(|repo| match &repo.access {
                Access::Private(users) => user.is_some_and(|user| users.contains(user)),
                Access::Public | Access::Gated(_) => true,
            });
            repo.ok_or_else(|| Refusal::repo(user.is_some()))
        };
        let find = |id: &RepoId, revision: &str| -> Result<(&Repo, &Arc<Snapshot>), Refusal> {
            let repo = repo(id)?;
            Ok((repo, repo.find(revision).ok_or_else(|| Refusal::revision(revision))?))
        };
        let granted = |id: &RepoId, repo: &Repo| match &repo.access {
            Access::Gated(users) if !user.is_some_and(|user| users.contains(user)) => {
                Err(Refusal::gated(&format!("{}{}", resolve::prefix(id.kind), id.name), &self.hub_url, user.is_some()))
            }
            _ => Ok(()),
        };
        let json = |value| Ok(reply::json(&value));
        match route {
            Route::Resolve { repo: id, revision, path } => {
                let (repo, snapshot) = find(&id, &revision)?;
                granted(&id, repo)?;
                resolve::resolve(self, &id, snapshot, &path, get)
            }
            Route::Cached { repo: id, revision, path } => {
                let (repo, snapshot) = find(&id, &revision)?;
                granted(&id, repo)?;
                let file = snapshot.files.get(&path).filter(|file| file.lfs.is_none());
                let file = file.ok_or_else(|| Refusal::entry(snapshot.commit.as_str()))?;
                Ok(resolve::direct(self, snapshot.commit.as_str(), &path, file, get))
            }
            Route::List { kind } => {
                let readable = |repo: &Repo| match &repo.access {
                    Access::Private(users) => user.is_some_and(|user| users.contains(user)),
                    Access::Public | Access::Gated(_) => true,
                };
                let all = repos.iter().filter(|(id, repo)| id.kind == kind && readable(repo));
                let entries = all
                    .filter(|(id, _)| api::is_listed(id, query))
                    .filter_map(|(id, repo)| Some(api::listed(id, repo, repo.find("main")?, query.is_on("full"))));
                let host = get.headers.get(header::HOST).and_then(|host| host.to_str().ok());
                let url = host.map_or_else(|| self.hub_url.clone(), |host| format!("http://{host}"));
                Ok(api::page(entries.collect(), self.config.page_size, &format!("{url}{path}"), query))
            }
            Route::Info { repo: id, revision } => {
                let (repo, snapshot) = find(&id, revision.as_deref().unwrap_or("main"))?;
                json(api::info(&id, repo, snapshot, query.is_on("blobs")))
            }
            Route::Tree { repo: id, revision, path: folder } => {
                let (_, snapshot) = find(&id, &revision)?;
                let shown = self.shown(query.is_on("recursive"), query.is_on("expand"));
                let entries =
                    api::tree(snapshot, &folder, shown).ok_or_else(|| Refusal::entry(snapshot.commit.as_str()))?;
                let host = get.headers.get(header::HOST).and_then(|host| host.to_str().ok());
                let url = host.map_or_else(|| self.hub_url.clone(), |host| format!("http://{host}"));
                Ok(api::page(entries, self.config.page_size, &format!("{url}{path}"), query))
            }
            Route::PathsInfo { repo: id, revision } => {
                let (_, snapshot) = find(&id, &revision)?;
                let form = form.ok_or_else(|| Refusal::request("a form or JSON with paths is needed"))?;
                json(api::paths_info(snapshot, &form.paths, self.shown(true, form.expand)))
            }
            Route::Refs { repo: id } => json(api::refs(repo(&id)?, query.is_on("include_prs"))),
            Route::Commits { repo: id, revision } => {
                let (repo, snapshot) = find(&id, &revision)?;
                json(api::commits(repo, snapshot))
            }
            Route::AuthCheck { repo: id } => {
                granted(&id, repo(&id)?)?;
                Ok(reply::text(StatusCode::OK, "text/plain", "OK"))
            }
            Route::XetToken { repo: id, revision } if self.config.xet => {
                let (repo, _) = find(&id, &revision)?;
                granted(&id, repo)?;
                Ok(api::xet_token(&self.cas_url()))
            }
            Route::WhoAmI => json(api::who_am_i(user.ok_or_else(Refusal::anonymous)?)),
            Route::XetToken { .. } | Route::Unknown => Err(Refusal::route()),
        }
    }

    fn shown(&self, recursive: bool, expand: bool) -> Shown {
        Shown { recursive, expand, xet: self.config.xet }
    }

    pub(super) fn cas_url(&self) -> String {
        format!("{}/cas", self.cdn_url)
    }

    /// Who asks: nobody without a token, an error with a wrong one.
    fn user(&self, headers: &HeaderMap) -> Result<Option<String>, Refusal> {
        let Some(header) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
        let token = header.to_str().ok().and_then(|text| text.strip_prefix("Bearer "));
        let user = token.and_then(|token| super::read(&self.users).get(token).cloned());
        user.map(Some).ok_or_else(Refusal::credentials)
    }

    /// Counts connections of both origins.
    pub(super) fn counts(&self, pick: impl Fn(&Counts) -> &AtomicU64) -> (u64, u64) {
        (pick(&self.hub_counts).load(Ordering::Relaxed), pick(&self.cdn_counts).load(Ordering::Relaxed))
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
