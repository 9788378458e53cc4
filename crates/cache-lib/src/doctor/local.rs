//! [`Cache::doctor`]: problems of this installation, and how to fix them.

use std::path::Path;

use serde::Serialize;

use crate::env::environment;
use crate::task::blocking;
use crate::units::Size;
use crate::{Cache, Result, Writers};

/// Severity of a [`Finding`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// No problem.
    Ok,
    /// It works, but not as well as it could.
    Warn,
    /// It does not work.
    Bad,
}

/// Result of one check.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// Area of the check: `store`, `access`, `links`, `locks`, `disk`, `view`, `proxy`, `token`, `endpoint`; on the way to a host
    /// also `name`, `connect`, `tls`, `answer`, `clock` and `limits`.
    pub area: &'static str,
    /// Severity.
    pub level: Severity,
    /// Result.
    pub text: String,
    /// How to fix it.
    #[serde(rename = "mend", skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

/// Finding about a store that is writable by all.
const WRITABLE_BY_ALL: &str = "every user of this machine can change the store's files";

impl Finding {
    pub(crate) fn new(area: &'static str, level: Severity, text: impl Into<String>) -> Self {
        Self { area, level, text: text.into(), fix: None }
    }

    pub(crate) fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }
}

impl Cache {
    /// Looks at the store, links, locks, disk, proxy, token and endpoint. Asks the endpoint once, unless offline.
    pub async fn doctor(&self) -> Vec<Finding> {
        let cache = self.clone();
        let local = blocking(move || Ok(cache.examine())).await;
        let mut findings = local.unwrap_or_else(|error| vec![Finding::new("store", Severity::Bad, error.to_string())]);
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
            return Finding::new("store", Severity::Warn, format!("{root} is read-only: {reason}"))
                .fix("cached models can be used; to download, choose a writable store with MODEL_CACHE_DIR");
        }
        let count = || -> Result<(usize, usize)> { Ok((store.models()?.len(), store.quarantined()?.len())) };
        match count() {
            Ok((models, 0)) => Finding::new("store", Severity::Ok, format!("{root}, models: {models}")),
            Ok((models, bad)) => Finding::new(
                "store",
                Severity::Warn,
                format!("{root}, models: {models}, files in quarantine: {bad}"),
            )
            .fix("run `model-cache quarantine ls` for the reasons, `model-cache quarantine rm --all` to delete them"),
            Err(error) => {
                let finding = Finding::new("store", Severity::Bad, error.to_string());
                match error.hint() {
                    Some(hint) => finding.fix(hint),
                    None => finding,
                }
            }
        }
    }

    fn writers(&self) -> Finding {
        let root = self.store().root().display();
        match self.store().writers() {
            Ok(Writers::Owner) => Finding::new("access", Severity::Ok, "only the owner can write the store"),
            Ok(Writers::Group(group)) => Finding::new(
                "access",
                Severity::Warn,
                format!("group {group} can write the store: its members are trusted"),
            )
            .fix(format!("fine for a store shared by a group; else run `chmod -R g-w {root}`")),
            Ok(Writers::Everyone) => Finding::new("access", Severity::Bad, WRITABLE_BY_ALL)
                .fix(format!("run `chmod -R o-w {root}`, also for the folders above it; then `model-cache verify`")),
            Ok(_) => Finding::new("access", Severity::Warn, "others can write the store"),
            Err(error) => Finding::new("access", Severity::Bad, error.to_string()),
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
            return Finding::new("links", Severity::Ok, "not tried: the store is read-only");
        }
        match try_links(self.store().root()) {
            Ok((true, clones)) => {
                let clones = if clones { "files can be cloned too" } else { "files cannot be cloned" };
                Finding::new("links", Severity::Ok, format!("hard links and symbolic links work; {clones}"))
            }
            Ok((false, _)) => Finding::new("links", Severity::Warn, "hard links do not work on this file system")
                .fix("symbolic links are used instead; better put the store on ext4, XFS, btrfs or APFS"),
            Err(error) => Finding::new("links", Severity::Bad, format!("links cannot be made: {error}"))
                .fix("put the store on a file system with links, with MODEL_CACHE_DIR"),
        }
    }

    fn locks(&self) -> Finding {
        if self.store().locks_work() {
            return Finding::new("locks", Severity::Ok, "file locking works");
        }
        Finding::new("locks", Severity::Warn, "file locking does not work on this file system")
            .fix("downloads stay correct, but two processes may download the same file; put the store on a local disk")
    }

    fn disk(&self) -> Finding {
        let space = match self.store().recount().and_then(|_| self.store().disk_space()) {
            Ok(space) => space,
            Err(error) => return Finding::new("disk", Severity::Bad, error.to_string()),
        };
        let quota = self.quota().map_or_else(|| "no quota".to_owned(), |quota| format!("quota {}", Size(quota)));
        let text = format!(
            "{} free of {}, {} used by the store, {quota}",
            Size(space.free),
            Size(space.total),
            Size(space.used)
        );
        if space.free < 1 << 30 {
            return Finding::new("disk", Severity::Warn, text)
                .fix("run `model-cache gc --max-size SIZE` to evict least recently used models");
        }
        Finding::new("disk", Severity::Ok, text)
    }

    fn view(&self) -> Finding {
        let hub = self.store().hub_dir();
        match environment("HF_HUB_CACHE").or_else(|| environment("HUGGINGFACE_HUB_CACHE")) {
            Some(other) if Path::new(&other) != hub => Finding::new(
                "view",
                Severity::Warn,
                format!("HF_HUB_CACHE is {other}: other programs do not see this store"),
            )
            .fix("run eval \"$(model-cache env)\" to make Hugging Face programs use it"),
            Some(_) => Finding::new("view", Severity::Ok, "Hugging Face programs use this store"),
            None => Finding::new(
                "view",
                Severity::Ok,
                "run eval \"$(model-cache env)\" to make Hugging Face programs use it",
            ),
        }
    }

    #[cfg(feature = "hf")]
    async fn hub(&self) -> Vec<Finding> {
        let config = match self.0.sources.hub_config() {
            Ok(config) => config,
            Err(error) => {
                return vec![
                    Finding::new("endpoint", Severity::Bad, error.to_string())
                        .fix(error.hint().unwrap_or("check HF_ENDPOINT and HF_TOKEN")),
                ];
            }
        };
        let endpoint = self.endpoint(&config.endpoint).await;
        let token = match &config.token {
            None => Finding::new("token", Severity::Ok, "none set; public models need none")
                .fix("for gated and private models: HF_TOKEN, or `hf auth login`"),
            Some(_) if self.is_offline() || endpoint.level == Severity::Bad => {
                Finding::new("token", Severity::Ok, "set, not checked")
            }
            Some(_) => self.token().await,
        };
        vec![token, endpoint]
    }

    #[cfg(feature = "hf")]
    pub(crate) async fn token(&self) -> Finding {
        let asked = async { self.0.sources.hub()?.whoami().await };
        match asked.await {
            Ok(Some(user)) => Finding::new("token", Severity::Ok, format!("valid, of user {user}")),
            Ok(None) => Finding::new("token", Severity::Ok, "none"),
            Err(error) if error.kind() == crate::ErrorKind::Unauthorized => {
                Finding::new("token", Severity::Bad, "token not valid at the endpoint")
                    .fix("renew it with `hf auth login`, or unset HF_TOKEN: public models need none")
            }
            Err(error) => Finding::new("token", Severity::Warn, format!("token could not be checked: {error}")),
        }
    }

    #[cfg(feature = "hf")]
    async fn endpoint(&self, endpoint: &url::Url) -> Finding {
        let origin = endpoint.origin().ascii_serialization();
        if self.is_offline() {
            return Finding::new("endpoint", Severity::Ok, format!("{origin}, not checked: offline"));
        }
        let asked = async {
            let client = self.0.sources.http()?;
            let request = cache_net::HttpRequest::head(endpoint.clone());
            client.send(request.budget(cache_core::RetryBudget::new(0))).await
        };
        let fix = "check the network, the proxy variables and HF_ENDPOINT";
        match tokio::time::timeout(std::time::Duration::from_secs(10), asked).await {
            Ok(Ok(_)) => Finding::new("endpoint", Severity::Ok, format!("{origin} answers")),
            Ok(Err(error)) if !matches!(error.kind(), crate::ErrorKind::Network | crate::ErrorKind::Usage) => {
                Finding::new("endpoint", Severity::Ok, format!("{origin} answers"))
            }
            Ok(Err(error)) => {
                Finding::new("endpoint", Severity::Bad, format!("{origin} unreachable: {error}")).fix(fix)
            }
            Err(_) => Finding::new("endpoint", Severity::Bad, format!("{origin} timed out after 10 s")).fix(fix),
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
    Finding::new("proxy", Severity::Bad, format!("{name}: the proxy's URL is not valid"))
        .fix("write http://host:port, with `/`, `?`, `#` and `@` of a password percent-encoded, or unset it")
}

fn proxy() -> Vec<Finding> {
    let names = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
    let set: Vec<(&str, String)> = names.iter().filter_map(|&name| Some((name, environment(name)?))).collect();
    if set.is_empty() {
        return vec![Finding::new("proxy", Severity::Ok, "none set")];
    }
    set.into_iter()
        .map(|(name, value)| match cache_core::proxy_url(&value) {
            Some(url) => Finding::new(
                "proxy",
                Severity::Ok,
                format!("{name} is {}://{}", url.scheme(), url.host_str().unwrap_or_default()),
            ),
            None => invalid_proxy(name),
        })
        .collect()
}
