//! What is wrong with this installation, and how to mend it.

use std::path::Path;

use serde::Serialize;

use crate::env::environment;
use crate::task::blocking;
use crate::units::Size;
use crate::{Cache, Result, Writers};

/// How bad a [`Finding`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// All is well.
    Ok,
    /// It works, but not as well as it could.
    Warn,
    /// It does not work.
    Bad,
}

/// One thing that was looked at.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// What was looked at: `store`, `access`, `links`, `locks`, `disk`, `view`, `proxy`, `token`, `endpoint`; on the way to a host
    /// also `name`, `connect`, `tls`, `answer`, `clock` and `limits`.
    pub area: &'static str,
    /// How bad it is.
    pub level: Level,
    /// What was found.
    pub text: String,
    /// How to mend it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mend: Option<String>,
}

/// Finding about a store that is writable by all.
const WRITABLE_BY_ALL: &str = "every user of this machine can change the store's files";

impl Finding {
    pub(crate) fn new(area: &'static str, level: Level, text: impl Into<String>) -> Self {
        Self { area, level, text: text.into(), mend: None }
    }

    pub(crate) fn mend(mut self, mend: impl Into<String>) -> Self {
        self.mend = Some(mend.into());
        self
    }
}

impl Cache {
    /// Looks at the store, links, locks, disk, proxy, token and endpoint. Asks the endpoint once, unless offline.
    pub async fn doctor(&self) -> Vec<Finding> {
        let cache = self.clone();
        let local = blocking(move || Ok(cache.examine())).await;
        let mut findings = local.unwrap_or_else(|error| vec![Finding::new("store", Level::Bad, error.to_string())]);
        findings.extend(proxy());
        #[cfg(feature = "hf")]
        findings.extend(self.hub().await);
        findings
    }

    fn examine(&self) -> Vec<Finding> {
        vec![self.store_finding(), self.writers(), self.links(), self.locks(), self.disk(), self.view()]
    }

    fn store_finding(&self) -> Finding {
        let store = self.store();
        let root = store.root().display().to_string();
        if let Some(reason) = store.read_only() {
            return Finding::new("store", Level::Warn, format!("{root} is read-only: {reason}"))
                .mend("cached models can be used; to download, choose a writable store with MODEL_CACHE_DIR");
        }
        let count = || -> Result<(usize, usize)> { Ok((store.models()?.len(), store.quarantined()?.len())) };
        match count() {
            Ok((models, 0)) => Finding::new("store", Level::Ok, format!("{root}, models: {models}")),
            Ok((models, bad)) => Finding::new(
                "store",
                Level::Warn,
                format!("{root}, models: {models}, files in quarantine: {bad}"),
            )
            .mend("run `model-cache quarantine ls` for the reasons, `model-cache quarantine rm --all` to delete them"),
            Err(error) => {
                let finding = Finding::new("store", Level::Bad, error.to_string());
                match error.hint() {
                    Some(hint) => finding.mend(hint),
                    None => finding,
                }
            }
        }
    }

    fn writers(&self) -> Finding {
        let root = self.store().root().display();
        match self.store().writers() {
            Ok(Writers::Owner) => Finding::new("access", Level::Ok, "only the owner can write the store"),
            Ok(Writers::Group(group)) => Finding::new(
                "access",
                Level::Warn,
                format!("group {group} can write the store: its members are trusted"),
            )
            .mend(format!("fine for a store shared by a group; else run `chmod -R g-w {root}`")),
            Ok(Writers::Everyone) => Finding::new("access", Level::Bad, WRITABLE_BY_ALL)
                .mend(format!("run `chmod -R o-w {root}`, also for the folders above it; then `model-cache verify`")),
            Ok(_) => Finding::new("access", Level::Warn, "others can write the store"),
            Err(error) => Finding::new("access", Level::Bad, error.to_string()),
        }
    }

    /// A warning to show before the store is used: all users of this machine may write it.
    #[must_use]
    pub fn store_warning(&self) -> Option<String> {
        let everyone = self.store().writers().is_ok_and(|writers| writers == Writers::Everyone);
        everyone.then(|| format!("{}: {WRITABLE_BY_ALL}; run `model-cache doctor`", self.store().root().display()))
    }

    fn links(&self) -> Finding {
        if self.store().read_only().is_some() {
            return Finding::new("links", Level::Ok, "not tried: the store is read-only");
        }
        match try_links(self.store().root()) {
            Ok((true, clones)) => {
                let clones = if clones { "files can be cloned too" } else { "files cannot be cloned" };
                Finding::new("links", Level::Ok, format!("hard links and symbolic links work; {clones}"))
            }
            Ok((false, _)) => Finding::new("links", Level::Warn, "hard links do not work on this file system")
                .mend("symbolic links are used instead; better put the store on ext4, XFS, btrfs or APFS"),
            Err(error) => Finding::new("links", Level::Bad, format!("links cannot be made: {error}"))
                .mend("put the store on a file system with links, with MODEL_CACHE_DIR"),
        }
    }

    fn locks(&self) -> Finding {
        if self.store().locks_work() {
            return Finding::new("locks", Level::Ok, "file locking works");
        }
        Finding::new("locks", Level::Warn, "file locking does not work on this file system")
            .mend("downloads stay correct, but two processes may download the same file; put the store on a local disk")
    }

    fn disk(&self) -> Finding {
        let space = match self.store().recount().and_then(|_| self.store().disk_space()) {
            Ok(space) => space,
            Err(error) => return Finding::new("disk", Level::Bad, error.to_string()),
        };
        let quota = self.quota().map_or_else(|| "no quota".to_owned(), |quota| format!("quota {}", Size(quota)));
        let text = format!(
            "{} free of {}, {} used by the store, {quota}",
            Size(space.free),
            Size(space.total),
            Size(space.used)
        );
        if space.free < 1 << 30 {
            return Finding::new("disk", Level::Warn, text)
                .mend("run `model-cache gc --max-size SIZE` to evict least recently used models");
        }
        Finding::new("disk", Level::Ok, text)
    }

    fn view(&self) -> Finding {
        let hub = self.store().hub_dir();
        match environment("HF_HUB_CACHE").or_else(|| environment("HUGGINGFACE_HUB_CACHE")) {
            Some(other) if Path::new(&other) != hub => Finding::new(
                "view",
                Level::Warn,
                format!("HF_HUB_CACHE is {other}: other programs do not see this store"),
            )
            .mend("run eval \"$(model-cache env)\" to make Hugging Face programs use it"),
            Some(_) => Finding::new("view", Level::Ok, "Hugging Face programs use this store"),
            None => {
                Finding::new("view", Level::Ok, "run eval \"$(model-cache env)\" to make Hugging Face programs use it")
            }
        }
    }

    #[cfg(feature = "hf")]
    async fn hub(&self) -> Vec<Finding> {
        let config = match self.0.sources.hub_config() {
            Ok(config) => config,
            Err(error) => {
                return vec![
                    Finding::new("endpoint", Level::Bad, error.to_string())
                        .mend(error.hint().unwrap_or("check HF_ENDPOINT and HF_TOKEN")),
                ];
            }
        };
        let endpoint = self.endpoint(&config.endpoint).await;
        let token = match &config.token {
            None => Finding::new("token", Level::Ok, "none set; public models need none")
                .mend("for gated and private models: HF_TOKEN, or `hf auth login`"),
            Some(_) if self.is_offline() || endpoint.level == Level::Bad => {
                Finding::new("token", Level::Ok, "set, not checked")
            }
            Some(_) => self.token().await,
        };
        vec![token, endpoint]
    }

    #[cfg(feature = "hf")]
    pub(crate) async fn token(&self) -> Finding {
        let asked = async { self.0.sources.hub()?.whoami().await };
        match asked.await {
            Ok(Some(user)) => Finding::new("token", Level::Ok, format!("valid, of user {user}")),
            Ok(None) => Finding::new("token", Level::Ok, "none"),
            Err(error) if error.kind() == crate::ErrorKind::Unauthorized => {
                Finding::new("token", Level::Bad, "token not valid at the endpoint")
                    .mend("renew it with `hf auth login`, or unset HF_TOKEN: public models need none")
            }
            Err(error) => Finding::new("token", Level::Warn, format!("token could not be checked: {error}")),
        }
    }

    #[cfg(feature = "hf")]
    async fn endpoint(&self, endpoint: &url::Url) -> Finding {
        let origin = endpoint.origin().ascii_serialization();
        if self.is_offline() {
            return Finding::new("endpoint", Level::Ok, format!("{origin}, not checked: offline"));
        }
        let asked = async {
            let client = self.0.sources.http()?;
            let request = cache_net::HttpRequest::head(endpoint.clone());
            client.send(request.budget(cache_core::RetryBudget::new(0))).await
        };
        let mend = "check the network, the proxy variables and HF_ENDPOINT";
        match tokio::time::timeout(std::time::Duration::from_secs(10), asked).await {
            Ok(Ok(_)) => Finding::new("endpoint", Level::Ok, format!("{origin} answers")),
            Ok(Err(error)) if !matches!(error.kind(), crate::ErrorKind::Network | crate::ErrorKind::Usage) => {
                Finding::new("endpoint", Level::Ok, format!("{origin} answers"))
            }
            Ok(Err(error)) => Finding::new("endpoint", Level::Bad, format!("{origin} unreachable: {error}")).mend(mend),
            Err(_) => Finding::new("endpoint", Level::Bad, format!("{origin} timed out after 10 s")).mend(mend),
        }
    }
}

/// Whether hard links work, and whether clones do. An error when not even symbolic links do.
fn try_links(root: &Path) -> std::io::Result<(bool, bool)> {
    let folder = tempfile::Builder::new().prefix(".doctor-").tempdir_in(root)?;
    let file = folder.path().join("file");
    fs_err::write(&file, b"doctor")?;
    #[cfg(unix)]
    fs_err::os::unix::fs::symlink("file", folder.path().join("symbolic"))?;
    let hard = fs_err::hard_link(&file, folder.path().join("hard")).is_ok();
    let clones = reflink_copy::reflink(&file, folder.path().join("clone")).is_ok();
    Ok((hard, clones))
}

/// A proxy's variable that cannot be read. It is not repeated: it may hold a password.
pub(crate) fn invalid_proxy(name: &str) -> Finding {
    Finding::new("proxy", Level::Bad, format!("{name}: the proxy's URL is not valid"))
        .mend("write http://host:port, with `/`, `?`, `#` and `@` of a password percent-encoded, or unset it")
}

fn proxy() -> Vec<Finding> {
    let names = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
    let set: Vec<(&str, String)> = names.iter().filter_map(|&name| Some((name, environment(name)?))).collect();
    if set.is_empty() {
        return vec![Finding::new("proxy", Level::Ok, "none set")];
    }
    set.into_iter()
        .map(|(name, value)| match cache_core::proxy_url(&value) {
            Some(url) => Finding::new(
                "proxy",
                Level::Ok,
                format!("{name} is {}://{}", url.scheme(), url.host_str().unwrap_or_default()),
            ),
            None => invalid_proxy(name),
        })
        .collect()
}
