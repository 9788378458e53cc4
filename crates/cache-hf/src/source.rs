//! [`HfSource`]: the Hub as a source.

use std::fmt;

use async_trait::async_trait;
use cache_core::{
    ByteRange, Error, ErrorKind, Evidence, FileEntry, Manifest, ModelId, OpenOptions, Opened, Result, Retry,
    RetryBudget, Revision, Source, Version, Visibility,
};
use cache_net::{Credentials, HttpClient, HttpRequest, HttpResponse, Origin, Reach, RedirectPolicy, body_of};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use url::Url;

use crate::HfConfig;
use crate::api::{Api, Pinned, git_commit, reply_of};
use crate::error::{RequestTarget, error_of, offline, words};
use crate::redirect_cache::{RedirectCache, RedirectTarget};
use crate::routes::{RepoRoute, Routes};

/// The Hugging Face Hub, or a mirror of it, for [`ModelId::Hub`].
///
/// - Resolving a moving revision costs two requests (more only above 1,000 files), a commit one.
/// - Bytes come from an address that names the commit, so they cannot change: an entity tag given to
///   [`OpenOptions::if_range`] is compared with the file's here and never sent. The CDN, which knows the file by another
///   tag, would take it for a change every time.
/// - Where the Hub redirected to is remembered: many ranges of one file cost the Hub one request. A signed address that
///   has expired is asked for again, once.
/// - The token goes to the endpoint's scheme, host and port and nowhere else.
#[derive(Debug)]
pub struct HfSource {
    api: Api,
    redirects: RedirectCache,
}

/// A reply to a request for bytes, and what the Hub said of the file on the way, if it was asked.
struct Reached {
    response: HttpResponse,
    /// The tag of the content as the Hub states it.
    tag: Option<String>,
}

impl HfSource {
    /// A source for one endpoint. Cheap: no file is read and no request sent.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when the endpoint has no host.
    pub fn new(config: HfConfig, http: HttpClient) -> Result<Self> {
        let http = match &config.token {
            Some(token) => http.with_credentials(Credentials::new().add(Origin::of(&config.endpoint)?, token.clone())),
            None => http,
        };
        Ok(Self { api: Api::new(config, http), redirects: RedirectCache::default() })
    }

    /// A source with another configuration, such as another token, over the same connections. What this one has learned
    /// of where files lie is not shared.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when the endpoint has no host.
    pub fn with_config(&self, config: HfConfig) -> Result<Self> {
        let http = self.api.http().clone().with_credentials(Credentials::new());
        Self::new(config, http)
    }

    /// The configuration in use.
    #[must_use]
    pub fn config(&self) -> &HfConfig {
        self.api.config()
    }

    /// The commit that a revision is now, and the visibility, in one small request. `None` for a whole commit, without a
    /// request.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when there is no such model or revision; as [`Source::resolve`] otherwise.
    pub async fn pin(&self, model: &ModelId, revision: &Revision, budget: &RetryBudget) -> Result<Option<Pinned>> {
        let repo = RepoRoute::of(model)?;
        if git_commit(revision.as_str()).is_some() {
            return Ok(None);
        }
        self.online(&format_args!("{model}@{revision}"))?;
        self.api.pin(repo, revision, budget).await.map(Some)
    }

    /// The visibility of a repository, as reported to this source's token: one small request.
    ///
    /// # Errors
    /// An error that [is denied](Error::is_denied) when the repository is not shown; as [`Source::resolve`] otherwise.
    pub async fn visibility(&self, model: &ModelId, budget: &RetryBudget) -> Result<Visibility> {
        let repo = RepoRoute::of(model)?;
        self.online(&format_args!("the visibility of {model}"))?;
        self.api.visibility(repo, budget).await
    }

    /// The user whose token this is: one request. `None` without a token.
    ///
    /// # Errors
    /// [`ErrorKind::Unauthorized`] when the Hub does not know the token, [`ErrorKind::NotCached`] when the network may
    /// not be asked, [`ErrorKind::Network`] when the Hub does not answer.
    pub async fn whoami(&self) -> Result<Option<String>> {
        if self.config().token.is_none() {
            return Ok(None);
        }
        self.online(&"whose token this is")?;
        self.api.whoami(&RetryBudget::new(self.config().retries)).await.map(Some)
    }

    /// The evidence that an answer to this source is: with or without a token.
    #[must_use]
    pub fn evidence(&self) -> Evidence {
        if self.config().token.is_some() { Evidence::Token } else { Evidence::Anonymous }
    }

    /// The page of a repository, for people; `None` for a model that is none of the Hub's.
    #[must_use]
    pub fn page(&self, model: &ModelId) -> Option<String> {
        RepoRoute::of(model).ok().map(|repo| self.routes().page(repo))
    }

    /// Whether the endpoint is Hugging Face's own, whose fields `private` and `gated` mean what they say to any token.
    /// What another one calls public may be for those alone whom it lets in.
    #[must_use]
    pub fn is_hugging_face(&self) -> bool {
        let endpoint = &self.config().endpoint;
        endpoint.scheme() == "https" && endpoint.host_str() == Some("huggingface.co")
    }

    pub(crate) fn api(&self) -> &Api {
        &self.api
    }

    fn routes(&self) -> &Routes {
        self.api.routes()
    }

    /// Fails before any packet when the network may not be asked.
    pub(crate) fn online(&self, what: &dyn fmt::Display) -> Result<()> {
        let off = self.config().offline || self.api.http().config().offline;
        if off { Err(offline(self.config(), &what.to_string())) } else { self.check_token(what) }
    }

    /// Refuses to send the token where everyone on the way could read it.
    fn check_token(&self, what: &dyn fmt::Display) -> Result<()> {
        let config = self.config();
        let origin = Origin::of(&config.endpoint)?;
        if config.token.is_none() || config.allow_http || origin.scheme() != "http" || origin.is_loopback() {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Usage, format!("{what}: the token is not sent over plain http"))
            .with_host(origin.authority())
            .with_hint("use an https endpoint or no token; on a trusted network set MODEL_CACHE_HUB_ALLOW_HTTP=1 (hub.allow-http)"))
    }

    /// Gets a file's bytes from where they lie.
    async fn reach(
        &self,
        address: &Url,
        asked: RequestTarget<'_>,
        range: Option<ByteRange>,
        options: &OpenOptions,
    ) -> Result<Reached> {
        let slot = self.redirects.slot(address);
        let mut known = slot.lock().await;
        let mut renewed = false;
        match known.clone() {
            RedirectTarget::Unknown => {}
            RedirectTarget::Hub => {
                drop(known);
                return self.ask_hub(address, asked, range, options).await.map(|(reached, _)| reached);
            }
            RedirectTarget::Elsewhere(url, reach) => {
                drop(known);
                let response = match self.get(&url, reach, range, options).await {
                    Ok(response) => response,
                    Err(error) => {
                        // The Hub may know a better place by the time somebody tries again.
                        let mut known = slot.lock().await;
                        if *known == RedirectTarget::Elsewhere(url, reach) {
                            *known = RedirectTarget::Unknown;
                        }
                        return Err(error);
                    }
                };
                if !expired(response.status()) {
                    return self.elsewhere(response, None).await;
                }
                renewed = true;
                // It holds one of the places at the CDN, which whoever asks again needs while we wait for them.
                drop(response);
                known = slot.lock().await;
                if let RedirectTarget::Elsewhere(newer, reach) = known.clone()
                    && newer != url
                {
                    // Another range has asked again meanwhile.
                    drop(known);
                    let response = self.get(&newer, reach, range, options).await?;
                    return self.elsewhere(response, None).await;
                }
            }
        }
        *known = RedirectTarget::Unknown;
        let (reached, place) = match self.ask_hub(address, asked, range, options).await {
            // The link may have come out of a cache on the way, used up.
            Err(error) if !renewed && is_denied(&error) => self.ask_hub(address, asked, range, options).await?,
            other => other?,
        };
        *known = place;
        Ok(reached)
    }

    /// Asks the Hub for a file and follows it to the bytes.
    async fn ask_hub(
        &self,
        address: &Url,
        asked: RequestTarget<'_>,
        range: Option<ByteRange>,
        options: &OpenOptions,
    ) -> Result<(Reached, RedirectTarget)> {
        let response = self.get(address, Reach::Named, range, options).await?;
        let home = self.config().endpoint.origin();
        let direct = response.url().origin() == home;
        let mut tag = None;
        let on_the_way = response.hops().iter().filter(|hop| hop.url.origin() == home).map(|hop| &hop.headers);
        for headers in on_the_way.chain(direct.then(|| response.headers())) {
            self.check_commit(headers, asked)?;
            tag = tag.or_else(|| tag_of(headers));
        }
        if !direct {
            let place = RedirectTarget::Elsewhere(response.url().clone(), response.reach());
            return self.elsewhere(response, tag).await.map(|reached| (reached, place));
        }
        if !response.status().is_success() {
            return Err(self.refusal(response, asked).await);
        }
        Ok((Reached { response, tag }, RedirectTarget::Hub))
    }

    async fn get(
        &self,
        url: &Url,
        reach: Reach,
        range: Option<ByteRange>,
        options: &OpenOptions,
    ) -> Result<HttpResponse> {
        let mut request = HttpRequest::get(url.clone())
            .header(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"))
            .budget(options.budget.clone())
            .fresh(options.fresh)
            .reach(reach)
            .redirects(RedirectPolicy::Follow);
        if let Some(range) = range {
            request = request.range(range);
        }
        self.api.http().send(request).await
    }

    /// A reply of the storage host, which knows nothing of repositories: whatever it refuses, the Hub has allowed.
    async fn elsewhere(&self, response: HttpResponse, tag: Option<String>) -> Result<Reached> {
        let status = response.status();
        if status.is_success() {
            return Ok(Reached { response, tag });
        }
        if status == StatusCode::RANGE_NOT_SATISFIABLE {
            return Err(beyond(&response));
        }
        let host = response.host();
        if !matches!(status, StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            let message = format!("the storage host answered {status} to a fresh link");
            return Err(Error::new(ErrorKind::Network, message)
                .with_host(host)
                .with_retry(Retry::Backoff)
                .with_hint("try again later"));
        }
        let said = words(self.config(), reason(response).await.as_deref());
        Err(Error::new(ErrorKind::Unauthorized, format!("access denied by the storage host: {status}{said}"))
            .with_hint(format!(
                "check this machine's clock (a link is valid for a short time only), whether {host} serves this region, \
                 and whether a proxy changes requests"
            ))
            .with_host(host)
            .with_unreachable())
    }

    async fn refusal(&self, response: HttpResponse, asked: RequestTarget<'_>) -> Error {
        if response.status() == StatusCode::RANGE_NOT_SATISFIABLE {
            return beyond(&response);
        }
        error_of(self.config(), self.routes(), asked, &reply_of(response).await)
    }

    /// The Hub says of which commit the bytes are.
    fn check_commit(&self, headers: &HeaderMap, asked: RequestTarget<'_>) -> Result<()> {
        let Some(stated) = headers.get("x-repo-commit") else { return Ok(()) };
        if stated.as_bytes().eq_ignore_ascii_case(asked.revision.as_bytes()) {
            return Ok(());
        }
        let stated = stated.to_str().unwrap_or("something else");
        let path = asked.path.map(ToString::to_string).unwrap_or_default();
        Err(Error::new(
            ErrorKind::Integrity,
            format!("{path}: requested commit {}, the host sent another one: {stated:.64}", asked.revision),
        )
        .with_host(self.config().endpoint.host_str().unwrap_or_default())
        .with_hint("the endpoint is a faulty mirror, or a proxy cache that ignores commits"))
    }
}

/// Whether a storage host refuses what the Hub has allowed.
fn is_denied(error: &Error) -> bool {
    error.kind() == ErrorKind::Unauthorized && error.is_unreachable()
}

/// The reason that S3, CloudFront and Google Cloud Storage give in the body of a refusal.
async fn reason(response: HttpResponse) -> Option<String> {
    const MAX_BODY: usize = 64 << 10;
    let body = response.bytes(MAX_BODY).await.ok()?;
    let text = String::from_utf8_lossy(&body);
    let (_, rest) = text.split_once("<Message>")?;
    rest.split_once("</Message>").map(|(message, _)| message.to_owned())
}

/// What a CDN answers to a link that is no longer valid; Google's answers 400.
fn expired(status: StatusCode) -> bool {
    use StatusCode as S;
    matches!(status, S::BAD_REQUEST | S::UNAUTHORIZED | S::FORBIDDEN | S::NOT_FOUND | S::GONE)
}

fn beyond(response: &HttpResponse) -> Error {
    Error::new(ErrorKind::Integrity, "the file ends before the requested bytes")
        .with_host(response.url().host_str().unwrap_or_default())
        .with_retry(Retry::Backoff)
        .with_hint("the file differs from its listing")
}

/// The tag of the content: of a redirect it is the linked one, because the target has another.
fn tag_of(headers: &HeaderMap) -> Option<String> {
    let value = headers.get("x-linked-etag").or_else(|| headers.get(header::ETAG))?.to_str().ok()?.trim();
    let value = value.strip_prefix("W/").unwrap_or(value).trim_matches('"');
    (!value.is_empty()).then(|| value.to_owned())
}

#[async_trait]
impl Source for HfSource {
    async fn resolve(&self, model: &ModelId, revision: &Revision, budget: &RetryBudget) -> Result<Manifest> {
        let repo = RepoRoute::of(model)?;
        self.online(&format_args!("{model}@{revision}"))?;
        let commit = match git_commit(revision.as_str()) {
            Some(commit) => commit,
            None => self.api.pin(repo, revision, budget).await?.commit,
        };
        let files = self.api.files(repo, &commit, budget).await?;
        Manifest::new(Version { model: model.clone(), commit }, files)
    }

    async fn open(&self, version: &Version, file: &FileEntry, options: OpenOptions) -> Result<Opened> {
        let repo = RepoRoute::of(&version.model)?;
        self.online(&format_args!("{version}/{}", file.path))?;
        let asked = RequestTarget { repo, revision: version.commit.as_str(), path: Some(&file.path) };
        let address = self.routes().resolve(repo, &version.commit, &file.path)?;
        let known = file.tag();
        let changed = |tag: &Option<String>| options.if_range.is_some() && tag.is_some() && options.if_range != *tag;
        let mut range = options.range.filter(|range| !range.is_empty() && !changed(&known));
        let mut reached = self.reach(&address, asked, range, &options).await?;
        if known.is_none() && range.is_some() && changed(&reached.tag) {
            range = None;
            drop(reached);
            reached = self.reach(&address, asked, range, &options).await?;
        }
        let mut body = body_of(reached.response, range)?;
        // The CDN's own tag is of no use: the next request may go to another CDN.
        body.etag = known.or(reached.tag);
        Ok(Opened::Stream(body))
    }
}

/// `hf(huggingface.co)`: with the port where it is not the usual one.
impl fmt::Display for HfSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let endpoint = &self.config().endpoint;
        write!(f, "hf({}", endpoint.host_str().unwrap_or_default())?;
        if let Some(port) = endpoint.port() {
            write!(f, ":{port}")?;
        }
        f.write_str(")")
    }
}
