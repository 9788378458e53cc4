//! The Hub's metadata: what a revision is, through hf-hub, and what a version consists of.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use cache_core::{
    Commit, Error, ErrorKind, FileEntry, ListingSize, RepoKind, Result, Retry, RetryBudget, Revision, Visibility,
};
use cache_net::{HttpClient, HttpRequest, HttpResponse, Origin, Proxies, RedirectPolicy};
use hf_hub::{HFClient, HFError, HFResult};
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;
use tokio::sync::OnceCell;
use url::Url;

use crate::HfConfig;
use crate::error::{HubErrorResponse, RequestTarget, bad_token, error_of};
use crate::routes::{RepoRoute, Routes, fields};
use crate::same_origin::{LeftOrigin, same_origin_only, with_proxies};
use crate::tree::{TreePage, next_page};

/// No header can carry this, so hf-hub sends none. Given no token at all, it would look for one in the environment and
/// in the token file, which the configuration excludes or has read already.
const NO_TOKEN: &str = "\n";

/// Longest reply of the API that is read, in bytes: a page lists 1,000 files in some 300 kB.
pub(crate) const MAX_REPLY: usize = 32 << 20;

/// Most pages of one listing: a million entries, folders among them. A listing without an end must have one.
const MAX_PAGES: usize = 1_000;

/// Most bytes of one listing, all pages together: a thousand for each file that is taken.
const MAX_LISTING: usize = 256 << 20;

/// Longest wait for an answer of hf-hub, whose replies are small.
const MAX_WAIT: Duration = Duration::from_secs(60);

/// Result of an hf-hub call.
enum ApiAnswer<T> {
    /// A success.
    Yes(T),
    /// Too many requests; hf-hub does not tell until when.
    Limited,
    /// A definite no.
    No(HubErrorResponse),
}

/// Hub metadata of a revision.
#[derive(Deserialize)]
struct RepoInfo {
    sha: Option<String>,
    private: Option<bool>,
    /// `false`, or how access is granted: `"auto"`, `"manual"`.
    gated: Option<serde_json::Value>,
}

impl RepoInfo {
    fn visibility(&self, kind: RepoKind) -> Visibility {
        let gated = match &self.gated {
            // Spaces have no gate.
            None => (kind == RepoKind::Space).then_some(false),
            Some(gated) => Some(!matches!(gated, serde_json::Value::Bool(false) | serde_json::Value::Null)),
        };
        Visibility::of_fields(self.private, gated)
    }
}

/// The commit of a revision, and the visibility of its repository.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pinned {
    /// The commit.
    pub commit: Commit,
    /// By the fields `private` and `gated` of the same answer.
    pub visibility: Visibility,
}

/// Asks the Hub's API.
#[derive(Debug)]
pub(crate) struct Api {
    config: HfConfig,
    http: HttpClient,
    routes: Routes,
    client: OnceCell<HFClient>,
    /// The connections of hf-hub's client, shared by the sources of one endpoint.
    connections: Arc<OnceCell<reqwest::Client>>,
}

impl Api {
    pub(crate) fn new(config: HfConfig, http: HttpClient) -> Self {
        let routes = Routes::new(&config.endpoint);
        Self { config, http, routes, client: OnceCell::new(), connections: Arc::default() }
    }

    /// The same over the connections of another one, if both ask the same endpoint.
    pub(crate) fn sharing(mut self, other: &Self) -> Self {
        if self.config.endpoint == other.config.endpoint {
            self.connections = Arc::clone(&other.connections);
        }
        self
    }

    pub(crate) fn config(&self) -> &HfConfig {
        &self.config
    }

    pub(crate) fn http(&self) -> &HttpClient {
        &self.http
    }

    pub(crate) fn routes(&self) -> &Routes {
        &self.routes
    }

    /// hf-hub's client, made at the first question: it reads certificates, which a hit in the store must not wait for.
    async fn client(&self) -> Result<&HFClient> {
        self.client
            .get_or_try_init(|| async {
                let connections = self.connections.get_or_try_init(|| async {
                    let (config, http) = (self.config.clone(), self.http.clone());
                    let connect = move || connect(&http, &config);
                    tokio::task::spawn_blocking(connect).await.map_err(|error| unusable(&error))?
                });
                let (client, config) = (connections.await?.clone(), self.config.clone());
                let base = self.routes.base().to_owned();
                // hf-hub makes a second client of its own, which reads the certificates again.
                let build = move || build(client, &config, base);
                tokio::task::spawn_blocking(build).await.map_err(|error| unusable(&error))?
            })
            .await
    }

    /// The commit that a revision names now, and the visibility: one request.
    pub(crate) async fn pin(&self, repo: RepoRoute<'_>, revision: &Revision, budget: &RetryBudget) -> Result<Pinned> {
        let client = self.client().await?;
        let what = format!("look up {}@{revision}", repo.name);
        let answer = self.ask(&what, budget, || info(client, repo, revision)).await?;
        let asked = RequestTarget { repo, revision: revision.as_str(), path: None };
        let info = match answer {
            ApiAnswer::Yes(info) => info,
            ApiAnswer::No(reply) => return Err(error_of(&self.config, &self.routes, asked, &reply)),
            // Our own stack sees the `ratelimit` header and waits as long as it says.
            ApiAnswer::Limited => {
                let response = self.get(&self.routes.info(repo, revision)?, asked, budget).await?;
                response.json::<RepoInfo>(MAX_REPLY).await?
            }
        };
        let commit = info.sha.as_deref().and_then(git_commit).ok_or_else(|| {
            self.network(format!("{what}: the response has no commit"))
                .with_hint("the endpoint is not a Hub, or a faulty mirror; check HF_ENDPOINT")
        })?;
        Ok(Pinned { commit, visibility: info.visibility(repo.kind) })
    }

    /// The visibility of a repository: one request.
    pub(crate) async fn visibility(&self, repo: RepoRoute<'_>, budget: &RetryBudget) -> Result<Visibility> {
        let asked = RequestTarget { repo, revision: "main", path: None };
        let response = self.get(&self.routes.about(repo)?, asked, budget).await?;
        Ok(response.json::<RepoInfo>(MAX_REPLY).await?.visibility(repo.kind))
    }

    /// The name of the user whose token this is: one request.
    pub(crate) async fn whoami(&self, budget: &RetryBudget) -> Result<String> {
        let client = self.client().await?;
        let what = "look up whose token this is";
        match self.ask(what, budget, || async { client.whoami().send().await.map(|user| user.username) }).await? {
            ApiAnswer::Yes(name) => Ok(name),
            ApiAnswer::Limited => Err(self.network(format!("{what}: too many requests")).with_hint("try again later")),
            ApiAnswer::No(reply) if reply.status == StatusCode::UNAUTHORIZED.as_u16() => {
                Err(bad_token(&self.config, &self.routes))
            }
            ApiAnswer::No(reply) => Err(self
                .network(format!("{what}: the host answered {}", reply.status))
                .with_hint("a mirror may not know its users; the token can be right all the same")),
        }
    }

    /// Runs a call of hf-hub behind our layers. Only trouble on the way is an error there, and repeated.
    async fn ask<T, F>(&self, what: &str, budget: &RetryBudget, call: impl Fn() -> F + Sync) -> Result<ApiAnswer<T>>
    where
        T: Send,
        F: Future<Output = HFResult<T>> + Send,
    {
        let origin = Origin::of(&self.config.endpoint)?;
        let call = &call;
        let attempt = || async move {
            let answer = match tokio::time::timeout(MAX_WAIT, call()).await {
                Ok(Ok(answer)) => Ok(ApiAnswer::Yes(answer)),
                Ok(Err(error)) => self.judge(error),
                Err(_) => Err(self
                    .network(format!("timed out: no response within {} s", MAX_WAIT.as_secs()))
                    .with_retry(Retry::Backoff)),
            };
            answer.map_err(|error| error.context(what))
        };
        self.http.guard(&origin, what, budget, attempt).await
    }

    /// Classifies an error of hf-hub: a definite answer or a network failure.
    fn judge<T>(&self, error: HFError) -> Result<ApiAnswer<T>> {
        let context = match error {
            HFError::RateLimited { .. } => return Ok(ApiAnswer::Limited),
            HFError::Http { context }
            | HFError::AuthRequired { context }
            | HFError::Forbidden { context }
            | HFError::Conflict { context } => Some(context),
            HFError::RepoNotFound { context, .. }
            | HFError::RevisionNotFound { context, .. }
            | HFError::EntryNotFound { context, .. } => context,
            HFError::Request { source, .. } => return Err(self.broken(source)),
            HFError::Json(error) => return Err(self.network(format!("invalid response: {error}"))),
            // The rest concerns uploads, caches and Xet, which are never asked for here.
            other => return Err(self.network(format!("hf-hub: {other}"))),
        };
        let Some(context) = context else {
            return Ok(ApiAnswer::No(HubErrorResponse {
                status: StatusCode::NOT_FOUND.as_u16(),
                ..HubErrorResponse::default()
            }));
        };
        let status = context.status;
        let cannot = matches!(status, StatusCode::NOT_IMPLEMENTED | StatusCode::HTTP_VERSION_NOT_SUPPORTED);
        if (status.is_server_error() && !cannot) || status == StatusCode::REQUEST_TIMEOUT {
            return Err(self.network(format!("the host answered {status}")).with_retry(Retry::Backoff));
        }
        Ok(ApiAnswer::No(HubErrorResponse {
            status: status.as_u16(),
            code: context.error_code,
            message: context.server_message,
        }))
    }

    fn broken(&self, source: reqwest::Error) -> Error {
        // The address is left off: a redirect's may be signed.
        let source = source.without_url();
        if let Some(left) = cause::<LeftOrigin>(&source) {
            return self.network(left.to_string()).with_hint("the endpoint is not a Hub, or a proxy intercepts it");
        }
        if cause::<serde_json::Error>(&source).is_some() {
            return self.network(format!("invalid response: {}", innermost(&source))).with_hint(
                "the endpoint is not a Hub, or a sign-in page answers instead; check HF_ENDPOINT and the network",
            );
        }
        if source.is_redirect() {
            return self.network(innermost(&source)).with_source(source);
        }
        match Origin::of(&self.config.endpoint) {
            Ok(origin) => self.http.diagnose(&origin, source),
            Err(error) => error,
        }
    }

    pub(crate) fn network(&self, message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Network, message)
            .with_host(self.config.endpoint.host_str().unwrap_or_default())
            .with_hint("check the network, HF_ENDPOINT and the proxy variables, or try again later")
    }

    /// The files of a version: one request for each 1,000.
    ///
    /// Not through hf-hub: its type for an entry has no field for the digest that the tree sends (`lfs.oid`), and
    /// without that no large file could be verified.
    pub(crate) async fn files(
        &self,
        repo: RepoRoute<'_>,
        commit: &Commit,
        budget: &RetryBudget,
    ) -> Result<Vec<FileEntry>> {
        let asked = RequestTarget { repo, revision: commit.as_str(), path: None };
        let mut files = Vec::new();
        let (mut size, mut left) = (ListingSize::default(), MAX_LISTING);
        let mut page = Some(self.routes.tree(repo, commit)?);
        let mut pages = 0;
        while let Some(url) = page {
            pages += 1;
            let response = self.get(&url, asked, budget).await?;
            let link = response.headers().get(header::LINK).and_then(|value| value.to_str().ok());
            page = next_page(&url, link)?;
            if page.as_ref() == Some(&url) || pages > MAX_PAGES {
                return Err(self.network(format!("the listing of {} has no end", repo.name)));
            }
            let reply = response.bytes(MAX_REPLY.min(left)).await?;
            left -= reply.len();
            let TreePage(entries) = serde_json::from_slice(&reply).map_err(|error| {
                self.network(format!("invalid listing of {}: {error}", repo.name)).with_source(error)
            })?;
            for entry in entries {
                let Some(file) = entry.into_file()? else { continue };
                size.add(&file.path)?;
                files.push(file);
            }
        }
        Ok(files)
    }

    /// Asks the API through our own stack and gives the reply if it is a success.
    pub(crate) async fn get(&self, url: &Url, asked: RequestTarget<'_>, budget: &RetryBudget) -> Result<HttpResponse> {
        let request = HttpRequest::get(url.clone())
            .header(header::ACCEPT, HeaderValue::from_static("application/json"))
            .budget(budget.clone())
            .redirects(RedirectPolicy::FollowRelative);
        let response = self.http.send(request).await?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(error_of(&self.config, &self.routes, asked, &reply_of(response).await))
    }
}

async fn info(client: &HFClient, repo: RepoRoute<'_>, revision: &Revision) -> HFResult<RepoInfo> {
    let (owner, name) = hf_hub::split_id(repo.name.as_str());
    let revision = revision.as_str();
    // Without this the reply holds the whole model card.
    let only: Vec<String> = fields(repo.kind).map(str::to_owned).collect();
    Ok(match repo.kind {
        RepoKind::Model => {
            let info = client.model(owner, name).info().revision(revision).expand(only).send().await?;
            RepoInfo { sha: info.sha, private: info.private, gated: info.gated }
        }
        RepoKind::Dataset => {
            let info = client.dataset(owner, name).info().revision(revision).expand(only).send().await?;
            RepoInfo { sha: info.sha, private: info.private, gated: info.gated }
        }
        RepoKind::Space => {
            let info = client.space(owner, name).info().revision(revision).expand(only).send().await?;
            RepoInfo { sha: info.sha, private: info.private, gated: info.gated }
        }
    })
}

/// Reads the code and message of an error response.
pub(crate) async fn reply_of(response: HttpResponse) -> HubErrorResponse {
    const MAX_BODY: usize = 64 << 10;
    #[derive(Deserialize)]
    struct ErrorBody {
        error: String,
    }
    let text = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (status, code, message) = (response.status().as_u16(), text("x-error-code"), text("x-error-message"));
    let message = match message {
        Some(message) => Some(message),
        None => response.json::<ErrorBody>(MAX_BODY).await.ok().map(|body| body.error),
    };
    HubErrorResponse { status, code, message }
}

fn connect(http: &HttpClient, config: &HfConfig) -> Result<reqwest::Client> {
    let mut builder = same_origin_only(http.client_builder()?, &config.endpoint);
    if http.config().proxies == Proxies::Environment {
        builder = with_proxies(builder, &|name| std::env::var(name).ok());
    }
    builder.build().map_err(|error| unusable(&error))
}

fn build(client: reqwest::Client, config: &HfConfig, base: String) -> Result<HFClient> {
    HFClient::builder()
        .client(client)
        .endpoint(base)
        .token(config.token.as_ref().map_or(NO_TOKEN, |token| token.expose()))
        .cache_enabled(false)
        .retry_max_attempts(0)
        .build()
        .map_err(|error| unusable(&error))
}

fn unusable(error: &dyn std::error::Error) -> Error {
    Error::new(ErrorKind::Usage, format!("the client for the Hub cannot be made: {}", innermost(error)))
        .with_hint("check the certificates (SSL_CERT_FILE) and the proxy variables")
}

/// A commit of git. Longer ones name versions of sources that have no commits.
pub(crate) fn git_commit(text: &str) -> Option<Commit> {
    Commit::parse(text).ok().filter(|commit| commit.as_str().len() == 40)
}

fn cause<'a, T: std::error::Error + 'static>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a T> {
    std::iter::successors(Some(error), |error| error.source()).find_map(|error| error.downcast_ref())
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut last = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        last = error.to_string();
        next = error.source();
    }
    last
}
