//! Looking for models on the Hub.

use cache_core::{Commit, ModelId, Result, RetryBudget, Revision};
use cache_net::{HttpRequest, RedirectPolicy};
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;

use crate::HfSource;
use crate::api::{Api, MAX_REPLY, git_commit};
use crate::error::{RequestTarget, bad_token};
use crate::routes::RepoRoute;
use crate::tree::next_page;

/// Most models asked for in one page; the Hub gives no more than 1,000.
const PAGE: usize = 100;

/// Current commit of a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LatestCommit {
    /// The commit.
    pub commit: Commit,
    /// Time of the last change, as the Hub writes it (RFC 3339).
    pub changed: Option<String>,
}

/// A model that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SearchResult {
    /// The model.
    pub model: ModelId,
    /// Downloads in the last thirty days, as the Hub counts them.
    pub downloads: Option<u64>,
}

#[derive(Deserialize)]
struct ModelInfo {
    sha: Option<String>,
    #[serde(rename = "lastModified")]
    changed: Option<String>,
}

#[derive(Deserialize)]
struct ListedModel {
    id: String,
    downloads: Option<u64>,
}

impl HfSource {
    /// The commit that a revision is now and when the repository was last changed: one small request.
    ///
    /// # Errors
    /// As [`HfSource::pin`].
    pub async fn newest(&self, model: &ModelId, revision: &Revision, budget: &RetryBudget) -> Result<LatestCommit> {
        let repo = RepoRoute::of(model)?;
        self.online(&format_args!("{model}@{revision}"))?;
        self.api().newest(repo, revision, budget).await
    }

    /// Models by author, by words, or by both, the Hub's own order, at most `limit`. What it lists under a name that
    /// no model can have is left out.
    ///
    /// # Errors
    /// [`NotCached`](cache_core::ErrorKind::NotCached) when the network may not be asked, [`Unauthorized`](cache_core::ErrorKind::Unauthorized) when the token is no
    /// good, [`Network`](cache_core::ErrorKind::Network) when the Hub does not answer.
    pub async fn search(
        &self,
        author: Option<&str>,
        words: Option<&str>,
        limit: usize,
        budget: &RetryBudget,
    ) -> Result<Vec<SearchResult>> {
        self.online(&"which models there are")?;
        self.api().search(author, words, limit, budget).await
    }
}

impl Api {
    async fn newest(&self, repo: RepoRoute<'_>, revision: &Revision, budget: &RetryBudget) -> Result<LatestCommit> {
        let asked = RequestTarget { repo, revision: revision.as_str(), path: None };
        let mut url = self.routes().info(repo, revision)?;
        // Without this the reply holds the whole model card.
        url.query_pairs_mut().append_pair("expand", "sha").append_pair("expand", "lastModified");
        let info = self.get(&url, asked, budget).await?.json::<ModelInfo>(MAX_REPLY).await?;
        let commit = info.sha.as_deref().and_then(git_commit).ok_or_else(|| {
            self.network(format!("look up {}@{revision}: the response has no commit", repo.name))
                .with_hint("the endpoint is not a Hub, or a faulty mirror; check HF_ENDPOINT")
        })?;
        // It is shown on terminals: nothing but a date can be in it.
        let is_date = |text: &String| text.len() <= 40 && text.chars().all(|c| c.is_ascii_graphic());
        Ok(LatestCommit { commit, changed: info.changed.filter(is_date) })
    }

    async fn search(
        &self,
        author: Option<&str>,
        words: Option<&str>,
        limit: usize,
        budget: &RetryBudget,
    ) -> Result<Vec<SearchResult>> {
        let mut page = Some(self.routes().models(author, words, limit.clamp(1, PAGE))?);
        let mut found = Vec::new();
        while let Some(url) = page {
            let request = HttpRequest::get(url.clone())
                .header(header::ACCEPT, HeaderValue::from_static("application/json"))
                .budget(budget.clone())
                .redirects(RedirectPolicy::FollowRelative);
            let response = self.http().send(request).await?;
            match response.status() {
                status if status.is_success() => {}
                StatusCode::UNAUTHORIZED => return Err(bad_token(self.config(), self.routes())),
                status => return Err(self.network(format!("search for models: the host answered {status}"))),
            }
            let link = response.headers().get(header::LINK).and_then(|value| value.to_str().ok());
            page = next_page(&url, link)?.filter(|next| *next != url);
            let listed = response.json::<Vec<ListedModel>>(MAX_REPLY).await?;
            if listed.is_empty() {
                break;
            }
            for ListedModel { id, downloads } in listed {
                if found.len() >= limit {
                    return Ok(found);
                }
                found.extend(ModelId::hub(&id).ok().map(|model| SearchResult { model, downloads }));
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use cache_net::{HttpClient, HttpConfig};
    use cache_testkit::{Content, Hub, HubConfig};

    use super::*;
    use crate::HfConfig;

    fn source(hub: &Hub) -> HfSource {
        let config = HfConfig::default().with_endpoint(hub.url()).unwrap();
        HfSource::new(config, HttpClient::new(HttpConfig::default()).unwrap()).unwrap()
    }

    #[tokio::test]
    async fn models_are_found_over_several_pages() {
        let hub = Hub::spawn(HubConfig::default().page_size(2)).unwrap();
        for name in ["org/llama-1", "org/llama-2", "org/qwen", "org/Llama-3", "other/llama"] {
            hub.add_model(name, [("x", Content::bytes("x"))]);
        }
        hub.add_dataset("org/llama-data", [("x", Content::bytes("x"))]);
        let (source, budget) = (source(&hub), RetryBudget::new(0));
        let names = async |author: Option<&str>, words: Option<&str>, limit: usize| {
            let found = source.search(author, words, limit, &budget).await.unwrap();
            found.iter().map(|found| found.model.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(names(Some("org"), Some("llama"), 10).await, ["org/Llama-3", "org/llama-1", "org/llama-2"]);
        assert_eq!(names(None, Some("llama"), 10).await.len(), 4);
        assert_eq!(names(Some("org"), None, 3).await.len(), 3);
        assert!(names(Some("nobody"), None, 3).await.is_empty());
    }

    #[tokio::test]
    async fn the_newest_commit_comes_with_its_date() {
        let hub = Hub::spawn(HubConfig::default()).unwrap();
        let commit = hub.add_model("org/name", [("x", Content::bytes("x"))]);
        let newest = source(&hub)
            .newest(&ModelId::hub("org/name").unwrap(), &Revision::main(), &RetryBudget::new(0))
            .await
            .unwrap();
        assert_eq!(newest.commit, commit);
        assert!(newest.changed.unwrap().starts_with("20"));
    }
}
