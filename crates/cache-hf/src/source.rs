//! [`HfSource`]: the Hub as a source.

use std::fmt;

use async_trait::async_trait;
use cache_core::{
    ByteRange, Commit, Error, ErrorKind, FileEntry, Manifest, ModelId, OpenOptions, Opened, Result, Retry, RetryBudget,
    Revision, Source, Version,
};
use cache_net::{Credentials, HttpClient, HttpRequest, HttpResponse, Origin, RedirectPolicy, body_of};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use url::Url;

use crate::HfConfig;
use crate::api::{Api, git_commit, reply_of};
use crate::location::{Place, Places};
use crate::refusal::{Asked, offline, refused};
use crate::routes::{Repo, Routes};

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
    places: Places,
}

/// A reply to a request for bytes, and what the Hub said of the file on the way, if it was asked.
struct Reached {
    response: HttpResponse,
    /// The tag of the content as the Hub states it.
    tag: Option<String>,
}

impl HfSource {
    /// A source for one endpoint. Cheap: nothing is read and nobody is asked.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when the endpoint has no host.
    pub fn new(config: HfConfig, http: HttpClient) -> Result<Self> {
        let http = match &config.token {
            Some(token) => http.with_credentials(Credentials::new().add(Origin::of(&config.endpoint)?, token.clone())),
            None => http,
        };
        Ok(Self { api: Api::new(config, http), places: Places::default() })
    }

    /// The configuration in use.
    #[must_use]
    pub fn config(&self) -> &HfConfig {
        self.api.config()
    }

    /// The commit that a revision is now, in one small request. A whole commit is itself and costs none.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when there is no such model or revision; as [`Source::resolve`] otherwise.
    pub async fn commit(&self, model: &ModelId, revision: &Revision, budget: &RetryBudget) -> Result<Commit> {
        let repo = Repo::of(model)?;
        if let Some(commit) = git_commit(revision.as_str()) {
            return Ok(commit);
        }
        self.online(&format_args!("{model}@{revision}"))?;
        self.api.commit(repo, revision, budget).await
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

    pub(crate) fn api(&self) -> &Api {
        &self.api
    }

    fn routes(&self) -> &Routes {
        self.api.routes()
    }

    /// Fails before any packet when the network may not be asked.
    pub(crate) fn online(&self, what: &dyn fmt::Display) -> Result<()> {
        let off = self.config().offline || self.api.http().config().offline;
        if off { Err(offline(self.config(), &what.to_string())) } else { Ok(()) }
    }

    /// Gets a file's bytes from where they lie.
    async fn reach(
        &self,
        address: &Url,
        asked: Asked<'_>,
        range: Option<ByteRange>,
        budget: &RetryBudget,
    ) -> Result<Reached> {
        let slot = self.places.slot(address);
        let mut known = slot.lock().await;
        match known.clone() {
            Place::Unknown => {}
            Place::Hub => {
                drop(known);
                return self.ask_hub(address, asked, range, budget).await.map(|(reached, _)| reached);
            }
            Place::Elsewhere(url) => {
                drop(known);
                let response = match self.get(&url, range, budget, RedirectPolicy::Follow).await {
                    Ok(response) => response,
                    Err(error) => {
                        // The Hub may know a better place by the time somebody tries again.
                        let mut known = slot.lock().await;
                        if *known == Place::Elsewhere(url) {
                            *known = Place::Unknown;
                        }
                        return Err(error);
                    }
                };
                if !expired(response.status()) {
                    return self.elsewhere(response, None);
                }
                // It holds one of the places at the CDN, which whoever asks again needs while we wait for them.
                drop(response);
                known = slot.lock().await;
                if let Place::Elsewhere(newer) = known.clone()
                    && newer != url
                {
                    // Another range has asked again meanwhile.
                    drop(known);
                    let response = self.get(&newer, range, budget, RedirectPolicy::Follow).await?;
                    return self.elsewhere(response, None);
                }
            }
        }
        *known = Place::Unknown;
        let (reached, place) = self.ask_hub(address, asked, range, budget).await?;
        *known = place;
        Ok(reached)
    }

    /// Asks the Hub for a file and follows it to the bytes.
    async fn ask_hub(
        &self,
        address: &Url,
        asked: Asked<'_>,
        range: Option<ByteRange>,
        budget: &RetryBudget,
    ) -> Result<(Reached, Place)> {
        let response = self.get(address, range, budget, RedirectPolicy::Follow).await?;
        let home = self.config().endpoint.origin();
        let direct = response.url().origin() == home;
        let mut tag = None;
        let on_the_way = response.hops().iter().filter(|hop| hop.url.origin() == home).map(|hop| &hop.headers);
        for headers in on_the_way.chain(direct.then(|| response.headers())) {
            self.check_commit(headers, asked)?;
            tag = tag.or_else(|| tag_of(headers));
        }
        if !direct {
            let place = Place::Elsewhere(response.url().clone());
            return self.elsewhere(response, tag).map(|reached| (reached, place));
        }
        if !response.status().is_success() {
            return Err(self.refusal(response, asked).await);
        }
        Ok((Reached { response, tag }, Place::Hub))
    }

    async fn get(
        &self,
        url: &Url,
        range: Option<ByteRange>,
        budget: &RetryBudget,
        redirects: RedirectPolicy,
    ) -> Result<HttpResponse> {
        let mut request = HttpRequest::get(url.clone())
            .header(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"))
            .budget(budget.clone())
            .redirects(redirects);
        if let Some(range) = range {
            request = request.range(range);
        }
        self.api.http().send(request).await
    }

    /// A reply of the CDN, which knows nothing of repositories: whatever it refuses, the Hub has allowed.
    fn elsewhere(&self, response: HttpResponse, tag: Option<String>) -> Result<Reached> {
        let status = response.status();
        if status.is_success() {
            return Ok(Reached { response, tag });
        }
        if status == StatusCode::RANGE_NOT_SATISFIABLE {
            return Err(beyond(&response));
        }
        Err(Error::new(ErrorKind::Network, format!("the storage behind the Hub answered {status} to a fresh link"))
            .with_host(response.url().host_str().unwrap_or_default())
            .with_retry(Retry::Backoff)
            .with_hint(
                "check this machine's clock, because the links are signed for a short time; else try again later",
            ))
    }

    async fn refusal(&self, response: HttpResponse, asked: Asked<'_>) -> Error {
        if response.status() == StatusCode::RANGE_NOT_SATISFIABLE {
            return beyond(&response);
        }
        refused(self.config(), self.routes(), asked, &reply_of(response).await)
    }

    /// The Hub says of which commit the bytes are.
    fn check_commit(&self, headers: &HeaderMap, asked: Asked<'_>) -> Result<()> {
        let Some(stated) = headers.get("x-repo-commit") else { return Ok(()) };
        if stated.as_bytes().eq_ignore_ascii_case(asked.revision.as_bytes()) {
            return Ok(());
        }
        let stated = stated.to_str().unwrap_or("something else");
        let path = asked.path.map(ToString::to_string).unwrap_or_default();
        Err(Error::new(
            ErrorKind::Integrity,
            format!("{path}: asked for commit {}, the host sends another one: {stated:.64}", asked.revision),
        )
        .with_host(self.config().endpoint.host_str().unwrap_or_default())
        .with_hint("the endpoint is a faulty mirror or a cache in the way that ignores commits"))
    }
}

/// What a CDN answers to a link that is no longer valid; Google's answers 400.
fn expired(status: StatusCode) -> bool {
    use StatusCode as S;
    matches!(status, S::BAD_REQUEST | S::UNAUTHORIZED | S::FORBIDDEN | S::NOT_FOUND | S::GONE)
}

fn beyond(response: &HttpResponse) -> Error {
    Error::new(ErrorKind::Integrity, "the file ends before the bytes that were asked for")
        .with_host(response.url().host_str().unwrap_or_default())
        .with_hint("the host has another file than its listing says")
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
        let repo = Repo::of(model)?;
        self.online(&format_args!("{model}@{revision}"))?;
        let commit = match git_commit(revision.as_str()) {
            Some(commit) => commit,
            None => self.api.commit(repo, revision, budget).await?,
        };
        let files = self.api.files(repo, &commit, budget).await?;
        Manifest::new(Version { model: model.clone(), commit }, files)
    }

    async fn open(&self, version: &Version, file: &FileEntry, options: OpenOptions) -> Result<Opened> {
        let repo = Repo::of(&version.model)?;
        self.online(&format_args!("{version}/{}", file.path))?;
        let asked = Asked { repo, revision: version.commit.as_str(), path: Some(&file.path) };
        let address = self.routes().resolve(repo, &version.commit, &file.path)?;
        let known = file.tag();
        let changed = |tag: &Option<String>| options.if_range.is_some() && tag.is_some() && options.if_range != *tag;
        let mut range = options.range.filter(|range| !range.is_empty() && !changed(&known));
        let mut reached = self.reach(&address, asked, range, &options.budget).await?;
        if known.is_none() && range.is_some() && changed(&reached.tag) {
            range = None;
            drop(reached);
            reached = self.reach(&address, asked, range, &options.budget).await?;
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
