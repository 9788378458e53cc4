//! The Hub's metadata: what a revision is, through hf-hub, and what a version consists of.

use std::future::Future;
use std::time::Duration;

use cache_core::{Commit, Error, ErrorKind, FileEntry, RepoKind, Result, Retry, RetryBudget, Revision};
use cache_net::{HttpClient, HttpRequest, HttpResponse, Origin, Proxies, RedirectPolicy};
use hf_hub::{HFClient, HFError, HFResult};
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;
use tokio::sync::OnceCell;
use url::Url;

use crate::HfConfig;
use crate::fence::{Left, fenced, with_proxies};
use crate::refusal::{Asked, Reply, bad_token, refused};
use crate::routes::{Repo, Routes};
use crate::tree::{Entry, next_page};

/// No header can carry this, so hf-hub sends none. Given no token at all, it would look for one in the environment and
/// in the token file, where we were told not to look or have looked already.
const NO_TOKEN: &str = "\n";

/// Longest reply of the API that is read, in bytes: a page lists 1,000 files in some 300 kB.
pub(crate) const MAX_REPLY: usize = 32 << 20;

/// Most pages of one listing: ten million files. A listing without an end must have one.
const MAX_PAGES: usize = 10_000;

/// Longest wait for an answer of hf-hub, whose replies are small.
const MAX_WAIT: Duration = Duration::from_secs(60);

/// What hf-hub brought back.
enum Answer<T> {
    /// A success.
    Yes(T),
    /// Too many requests; hf-hub does not tell until when.
    Limited,
    /// A definite no.
    No(Reply),
}

#[derive(Deserialize)]
struct Info {
    sha: Option<String>,
}

/// Asks the Hub's API.
#[derive(Debug)]
pub(crate) struct Api {
    config: HfConfig,
    http: HttpClient,
    routes: Routes,
    client: OnceCell<HFClient>,
}

impl Api {
    pub(crate) fn new(config: HfConfig, http: HttpClient) -> Self {
        let routes = Routes::new(&config.endpoint);
        Self { config, http, routes, client: OnceCell::new() }
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
                let (config, http) = (self.config.clone(), self.http.clone());
                let base = self.routes.base().to_owned();
                let build = move || build(&http, &config, base);
                tokio::task::spawn_blocking(build).await.map_err(|error| unusable(&error))?
            })
            .await
    }

    /// The commit that a revision names now: one request.
    pub(crate) async fn commit(&self, repo: Repo<'_>, revision: &Revision, budget: &RetryBudget) -> Result<Commit> {
        let client = self.client().await?;
        let what = format!("look up {}@{revision}", repo.name);
        let answer = self.ask(&what, budget, || sha(client, repo, revision)).await?;
        let asked = Asked { repo, revision: revision.as_str(), path: None };
        let sha = match answer {
            Answer::Yes(sha) => sha,
            Answer::No(reply) => return Err(refused(&self.config, &self.routes, asked, &reply)),
            // Our own stack sees the `ratelimit` header and waits as long as it says.
            Answer::Limited => {
                let response = self.get(&self.routes.info(repo, revision)?, asked, budget).await?;
                response.json::<Info>(MAX_REPLY).await?.sha
            }
        };
        sha.as_deref().and_then(git_commit).ok_or_else(|| {
            self.network(format!("{what}: the reply names no commit"))
                .with_hint("the endpoint is no Hub, or a faulty mirror of it; check HF_ENDPOINT")
        })
    }

    /// The name of the user whose token this is: one request.
    pub(crate) async fn whoami(&self, budget: &RetryBudget) -> Result<String> {
        let client = self.client().await?;
        let what = "look up whose token this is";
        match self.ask(what, budget, || async { client.whoami().send().await.map(|user| user.username) }).await? {
            Answer::Yes(name) => Ok(name),
            Answer::Limited => Err(self.network(format!("{what}: too many requests")).with_hint("try again later")),
            Answer::No(reply) if reply.status == StatusCode::UNAUTHORIZED.as_u16() => {
                Err(bad_token(&self.config, &self.routes))
            }
            Answer::No(reply) => Err(self
                .network(format!("{what}: the host answered {}", reply.status))
                .with_hint("a mirror may not know its users; the token can be right all the same")),
        }
    }

    /// Runs a call of hf-hub behind our layers. Only trouble on the way is an error there, and repeated.
    async fn ask<T, F>(&self, what: &str, budget: &RetryBudget, call: impl Fn() -> F + Sync) -> Result<Answer<T>>
    where
        T: Send,
        F: Future<Output = HFResult<T>> + Send,
    {
        let origin = Origin::of(&self.config.endpoint)?;
        let call = &call;
        let attempt = || async move {
            let answer = match tokio::time::timeout(MAX_WAIT, call()).await {
                Ok(Ok(answer)) => Ok(Answer::Yes(answer)),
                Ok(Err(error)) => self.judge(error),
                Err(_) => {
                    Err(self.network(format!("no answer within {} s", MAX_WAIT.as_secs())).with_retry(Retry::Backoff))
                }
            };
            answer.map_err(|error| error.context(what))
        };
        self.http.guard(&origin, what, budget, attempt).await
    }

    /// What an error of hf-hub means: a definite answer, or trouble on the way.
    fn judge<T>(&self, error: HFError) -> Result<Answer<T>> {
        let context = match error {
            HFError::RateLimited { .. } => return Ok(Answer::Limited),
            HFError::Http { context }
            | HFError::AuthRequired { context }
            | HFError::Forbidden { context }
            | HFError::Conflict { context } => Some(context),
            HFError::RepoNotFound { context, .. }
            | HFError::RevisionNotFound { context, .. }
            | HFError::EntryNotFound { context, .. } => context,
            HFError::Request { source, .. } => return Err(self.broken(source)),
            HFError::Json(error) => return Err(self.network(format!("the reply is not what a Hub sends: {error}"))),
            // The rest concerns uploads, caches and Xet, which are never asked for here.
            other => return Err(self.network(format!("hf-hub: {other}"))),
        };
        let Some(context) = context else {
            return Ok(Answer::No(Reply { status: StatusCode::NOT_FOUND.as_u16(), ..Reply::default() }));
        };
        let status = context.status;
        let cannot = matches!(status, StatusCode::NOT_IMPLEMENTED | StatusCode::HTTP_VERSION_NOT_SUPPORTED);
        if (status.is_server_error() && !cannot) || status == StatusCode::REQUEST_TIMEOUT {
            return Err(self.network(format!("the host answered {status}")).with_retry(Retry::Backoff));
        }
        Ok(Answer::No(Reply { status: status.as_u16(), code: context.error_code, message: context.server_message }))
    }

    fn broken(&self, source: reqwest::Error) -> Error {
        // The address is left off: a redirect's may be signed.
        let source = source.without_url();
        if let Some(left) = cause::<Left>(&source) {
            return self
                .network(left.to_string())
                .with_hint("the endpoint is no Hub, or something on the way intercepts it");
        }
        if cause::<serde_json::Error>(&source).is_some() {
            return self.network(format!("the reply is not what a Hub sends: {}", innermost(&source))).with_hint(
                "the endpoint is no Hub, or a sign-in page is in the way; check HF_ENDPOINT and the network",
            );
        }
        let retry = if source.is_builder() || source.is_redirect() { Retry::Never } else { Retry::Backoff };
        self.network(innermost(&source)).with_retry(retry).with_source(source)
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
    pub(crate) async fn files(&self, repo: Repo<'_>, commit: &Commit, budget: &RetryBudget) -> Result<Vec<FileEntry>> {
        let asked = Asked { repo, revision: commit.as_str(), path: None };
        let mut files = Vec::new();
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
            for entry in response.json::<Vec<Entry>>(MAX_REPLY).await? {
                files.extend(entry.into_file()?);
            }
        }
        Ok(files)
    }

    /// Asks the API through our own stack and gives the reply if it is a success.
    pub(crate) async fn get(&self, url: &Url, asked: Asked<'_>, budget: &RetryBudget) -> Result<HttpResponse> {
        let request = HttpRequest::get(url.clone())
            .header(header::ACCEPT, HeaderValue::from_static("application/json"))
            .budget(budget.clone())
            .redirects(RedirectPolicy::FollowRelative);
        let response = self.http.send(request).await?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(refused(&self.config, &self.routes, asked, &reply_of(response).await))
    }
}

async fn sha(client: &HFClient, repo: Repo<'_>, revision: &Revision) -> HFResult<Option<String>> {
    let (owner, name) = hf_hub::split_id(repo.name.as_str());
    let revision = revision.as_str();
    // Without this the reply holds the whole model card.
    let only = vec!["sha".to_owned()];
    match repo.kind {
        RepoKind::Model => client.model(owner, name).info().revision(revision).expand(only).send().await.map(|i| i.sha),
        RepoKind::Dataset => {
            client.dataset(owner, name).info().revision(revision).expand(only).send().await.map(|i| i.sha)
        }
        RepoKind::Space => client.space(owner, name).info().revision(revision).expand(only).send().await.map(|i| i.sha),
    }
}

/// What a refusal says of itself.
pub(crate) async fn reply_of(response: HttpResponse) -> Reply {
    const MAX_BODY: usize = 64 << 10;
    #[derive(Deserialize)]
    struct Body {
        error: String,
    }
    let text = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (status, code, message) = (response.status().as_u16(), text("x-error-code"), text("x-error-message"));
    let message = match message {
        Some(message) => Some(message),
        None => response.json::<Body>(MAX_BODY).await.ok().map(|body| body.error),
    };
    Reply { status, code, message }
}

fn build(http: &HttpClient, config: &HfConfig, base: String) -> Result<HFClient> {
    let mut builder = fenced(http.client_builder()?, &config.endpoint);
    if http.config().proxies == Proxies::Environment {
        builder = with_proxies(builder, &|name| std::env::var(name).ok());
    }
    let client = builder.build().map_err(|error| unusable(&error))?;
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
