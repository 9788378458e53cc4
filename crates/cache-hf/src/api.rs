//! The Hub's API: the commit of a revision, the files of a version, the user of a token.

use std::time::Duration;

use cache_core::{
    Commit, Error, ErrorKind, FileEntry, ListingSize, RepoKind, Result, Retry, RetryBudget, Revision, Visibility,
};
use cache_net::{HttpClient, HttpRequest, HttpResponse, RedirectPolicy};
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use crate::HfConfig;
use crate::error::{HubErrorResponse, RequestTarget, bad_token, error_of};
use crate::routes::{RepoRoute, Routes};
use crate::tree::{TreePage, next_page};

/// Longest reply of the API that is read, in bytes: a page lists 1,000 files in some 300 kB.
pub(crate) const MAX_REPLY: usize = 32 << 20;

/// Longest wait for the body of a small reply.
const MAX_WAIT: Duration = Duration::from_secs(60);

/// Most pages of one listing: a million entries, folders among them. A listing without an end must have one.
const MAX_PAGES: usize = 1_000;

/// Most bytes of one listing, all pages together: a thousand for each file that is taken.
const MAX_LISTING: usize = 256 << 20;

/// Hub metadata of a revision.
#[derive(Deserialize)]
struct RepoInfo {
    sha: Option<String>,
    private: Option<bool>,
    /// `false`, or how access is granted: `"auto"`, `"manual"`.
    gated: Option<serde_json::Value>,
}

/// Hub metadata of a user.
#[derive(Deserialize)]
struct User {
    name: String,
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
}

impl Api {
    pub(crate) fn new(config: HfConfig, http: HttpClient) -> Self {
        let routes = Routes::new(&config.endpoint);
        Self { config, http, routes }
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

    /// The commit that a revision names now, and the visibility: one request.
    pub(crate) async fn pin(&self, repo: RepoRoute<'_>, revision: &Revision, budget: &RetryBudget) -> Result<Pinned> {
        let asked = RequestTarget { repo, revision: revision.as_str(), path: None };
        let info = self.info(&self.routes.info(repo, revision)?, asked, budget).await?;
        let commit = info.sha.as_deref().and_then(git_commit).ok_or_else(|| {
            self.network(format!("look up {}@{revision}: the response has no commit", repo.name))
                .with_hint("the endpoint is not a Hub, or a faulty mirror; check HF_ENDPOINT")
        })?;
        Ok(Pinned { commit, visibility: info.visibility(repo.kind) })
    }

    /// The visibility of a repository: one request.
    pub(crate) async fn visibility(&self, repo: RepoRoute<'_>, budget: &RetryBudget) -> Result<Visibility> {
        let asked = RequestTarget { repo, revision: "main", path: None };
        Ok(self.info(&self.routes.about(repo)?, asked, budget).await?.visibility(repo.kind))
    }

    /// Metadata of a repository. A reply that breaks off is requested again, within the budget.
    async fn info(&self, url: &Url, asked: RequestTarget<'_>, budget: &RetryBudget) -> Result<RepoInfo> {
        loop {
            match self.read_json(self.get(url, asked, budget).await?).await {
                Err(error) if error.is_retryable() && budget.take().is_some() => {}
                info => return info,
            }
        }
    }

    async fn read_json<T: DeserializeOwned>(&self, response: HttpResponse) -> Result<T> {
        let reply = tokio::time::timeout(MAX_WAIT, response.json(MAX_REPLY)).await;
        reply.unwrap_or_else(|_| {
            let text = format!("timed out: response not complete within {} s", MAX_WAIT.as_secs());
            Err(self.network(text).with_retry(Retry::Backoff))
        })
    }

    /// The name of the user whose token this is: one request.
    pub(crate) async fn whoami(&self, budget: &RetryBudget) -> Result<String> {
        let response = self.http.send(self.request(self.routes.whoami()?, budget)).await?;
        match response.status() {
            status if status.is_success() => Ok(self.read_json::<User>(response).await?.name),
            StatusCode::UNAUTHORIZED => Err(bad_token(&self.config, &self.routes)),
            status => Err(self
                .network(format!("look up the user of the token: the host answered {status}"))
                .with_hint("a mirror may not know its users; the token can be right all the same")),
        }
    }

    pub(crate) fn network(&self, message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Network, message)
            .with_host(self.config.endpoint.host_str().unwrap_or_default())
            .with_hint("check the network, HF_ENDPOINT and the proxy variables, or try again later")
    }

    /// The files of a version: one request for each 1,000.
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
        let response = self.http.send(self.request(url.clone(), budget)).await?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(error_of(&self.config, &self.routes, asked, &reply_of(response).await))
    }

    fn request(&self, url: Url, budget: &RetryBudget) -> HttpRequest {
        HttpRequest::get(url)
            .header(header::ACCEPT, HeaderValue::from_static("application/json"))
            .budget(budget.clone())
            .redirects(RedirectPolicy::FollowRelative)
    }
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

/// A commit of git. Longer ones name versions of sources that have no commits.
pub(crate) fn git_commit(text: &str) -> Option<Commit> {
    Commit::parse(text).ok().filter(|commit| commit.as_str().len() == 40)
}
