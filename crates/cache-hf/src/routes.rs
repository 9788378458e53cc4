//! The Hub's addresses, each part percent-encoded.

use cache_core::{Commit, Error, ErrorKind, ModelId, RepoKind, RepoName, RepoPath, Result, Revision};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

/// All but RFC 3986's unreserved characters, as Python's `quote(text, safe="")`.
const PART: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A repository on the Hub.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RepoRoute<'a> {
    pub(crate) kind: RepoKind,
    pub(crate) name: &'a RepoName,
}

impl<'a> RepoRoute<'a> {
    /// The repository of a model.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] when the model is not one of the Hub.
    pub(crate) fn of(model: &'a ModelId) -> Result<Self> {
        match model {
            ModelId::Hub { kind, name } => Ok(Self { kind: *kind, name }),
            other => Err(Error::new(ErrorKind::Unsupported, format!("{other} is not a repository on the Hub"))),
        }
    }

    fn prefix(self) -> &'static str {
        match self.kind {
            RepoKind::Model => "",
            RepoKind::Dataset => "datasets/",
            RepoKind::Space => "spaces/",
        }
    }
}

/// Builds addresses below one endpoint.
#[derive(Debug, Clone)]
pub(crate) struct Routes {
    base: String,
}

impl Routes {
    pub(crate) fn new(endpoint: &Url) -> Self {
        Self { base: endpoint.as_str().trim_end_matches('/').to_owned() }
    }

    /// The endpoint without a trailing slash.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// The bytes of a file at a commit.
    pub(crate) fn resolve(&self, repo: RepoRoute<'_>, commit: &Commit, path: &RepoPath) -> Result<Url> {
        let mut text = format!("{}/{}{}/resolve/{commit}", self.base, repo.prefix(), repo.name);
        for segment in path.segments() {
            text.push('/');
            text.extend(utf8_percent_encode(segment, PART));
        }
        parse(&text)
    }

    /// The listing of a version, all folders in one.
    pub(crate) fn tree(&self, repo: RepoRoute<'_>, commit: &Commit) -> Result<Url> {
        let plural = repo.kind.plural();
        parse(&format!("{}/api/{plural}/{}/tree/{commit}?recursive=true&expand=false", self.base, repo.name))
    }

    /// Address of a revision's metadata, reduced to few fields.
    pub(crate) fn info(&self, repo: RepoRoute<'_>, revision: &Revision) -> Result<Url> {
        let revision = utf8_percent_encode(revision.as_str(), PART);
        self.metadata(repo, &format!("/revision/{revision}"))
    }

    /// Address of a repository's metadata, reduced to few fields.
    pub(crate) fn about(&self, repo: RepoRoute<'_>) -> Result<Url> {
        self.metadata(repo, "")
    }

    /// Without a choice of fields the reply holds the whole model card.
    fn metadata(&self, repo: RepoRoute<'_>, rest: &str) -> Result<Url> {
        let mut url = parse(&format!("{}/api/{}/{}{rest}", self.base, repo.kind.plural(), repo.name))?;
        url.query_pairs_mut().extend_pairs(fields(repo.kind).map(|field| ("expand", field)));
        Ok(url)
    }

    /// Address of the user whose token is sent.
    pub(crate) fn whoami(&self) -> Result<Url> {
        parse(&format!("{}/api/whoami-v2", self.base))
    }

    /// A list of models, so many on a page.
    pub(crate) fn models(&self, author: Option<&str>, words: Option<&str>, limit: usize) -> Result<Url> {
        let mut url = parse(&format!("{}/api/models", self.base))?;
        let mut query = url.query_pairs_mut();
        query.extend_pairs(author.map(|author| ("author", author)));
        query.extend_pairs(words.map(|words| ("search", words)));
        query.append_pair("limit", &limit.to_string());
        drop(query);
        Ok(url)
    }

    /// The repository's page, for people.
    pub(crate) fn page(&self, repo: RepoRoute<'_>) -> String {
        format!("{}/{}{}", self.base, repo.prefix(), repo.name)
    }

    /// Web page where tokens are created.
    pub(crate) fn tokens_page(&self) -> String {
        format!("{}/settings/tokens", self.base)
    }
}

fn parse(text: &str) -> Result<Url> {
    Url::parse(text).map_err(|error| Error::new(ErrorKind::Usage, format!("{text}: {error}")))
}

/// The fields that are asked for. The Hub refuses a name that a kind does not have.
fn fields(kind: RepoKind) -> impl Iterator<Item = &'static str> {
    let gated = (kind != RepoKind::Space).then_some("gated");
    ["sha", "private"].into_iter().chain(gated)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(text: &str) -> ModelId {
        text.parse::<cache_core::ModelRef>().unwrap().model
    }

    #[test]
    fn each_part_is_encoded() {
        let routes = Routes::new(&Url::parse("https://hub.example/hf/").unwrap());
        let commit = Commit::parse(&"ab".repeat(20)).unwrap();
        let path = RepoPath::parse("sub dir/ä#?%2e%2e+x.bin").unwrap();
        let (gpt2, data) = (model("gpt2"), model("hf://datasets/org/name"));
        let (gpt2, data) = (RepoRoute::of(&gpt2).unwrap(), RepoRoute::of(&data).unwrap());
        assert_eq!(
            routes.resolve(data, &commit, &path).unwrap().as_str(),
            format!(
                "https://hub.example/hf/datasets/org/name/resolve/{commit}/sub%20dir/%C3%A4%23%3F%252e%252e%2Bx.bin"
            )
        );
        assert_eq!(
            routes.tree(gpt2, &commit).unwrap().as_str(),
            format!("https://hub.example/hf/api/models/gpt2/tree/{commit}?recursive=true&expand=false")
        );
        assert_eq!(
            routes.info(data, &Revision::parse("refs/pr/1").unwrap()).unwrap().as_str(),
            "https://hub.example/hf/api/datasets/org/name/revision/refs%2Fpr%2F1?expand=sha&expand=private&expand=gated"
        );
        assert_eq!(routes.page(data), "https://hub.example/hf/datasets/org/name");
    }

    #[test]
    fn other_models_are_not_ours() {
        assert_eq!(RepoRoute::of(&model("/data")).unwrap_err().kind(), ErrorKind::Unsupported);
    }
}
