//! [`Mirror`]: another source for the files of models. Bytes from it are checked against the authority's digests.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use cache_core::{OpenOptions, Opened, RetryBudget};
use globset::{Glob, GlobMatcher};
use tokio::sync::Mutex;

use crate::{
    Error, ErrorKind, FileEntry, Manifest, ModelId, ModelRef, ModelUrl, Result, Revision, Source, Version, redact_text,
};

/// What stands for the model's name in a mirror's address.
const MODEL: &str = "{model}";

/// Another source for the files of some models: a mirror of the Hub, a bucket, a folder, a web server.
///
/// It need not be trusted: bytes are taken from it only for files whose digest the authority gave, and checked. A mirror
/// that sends wrong bytes is named and not asked again.
#[derive(Clone)]
pub struct Mirror {
    /// May hold a secret parameter: `Display` shows it without.
    address: String,
    models: Vec<GlobMatcher>,
    preference: i32,
    trusted: bool,
    token: Option<String>,
    allow_http: bool,
}

impl Mirror {
    /// A mirror by its address:
    ///
    /// - `https://mirror.example`: a Hub, for models of the Hub;
    /// - `https://host/models/{model}`: a web server with the files of a model under that address;
    /// - `s3://bucket/models/{model}`, `gs://…`, `az://…`: a bucket;
    /// - `/mnt/models/{model}`, `./dir`: a folder.
    ///
    /// `{model}` stands for the model's name, such as `org/name`; without it the address is that of the one model.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when it is none of these.
    pub fn new(address: impl Into<String>) -> Result<Self> {
        let address = address.into();
        let sample: ModelRef = address
            .replace(MODEL, "org/name")
            .parse()
            .map_err(|error: crate::RefError| refused(&address, &error.to_string()))?;
        if let ModelId::Hub { .. } = sample.model {
            return Err(refused(&address, "it is the name of a model"));
        }
        Ok(Self { address, models: Vec::new(), preference: 0, trusted: false, token: None, allow_http: false })
    }

    /// Only for models whose name matches one of these patterns; all when there is none.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when one is no pattern.
    pub fn models<'a>(mut self, patterns: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        for pattern in patterns {
            let glob = Glob::new(pattern).map_err(|error| refused(&self.address, &error.to_string()))?;
            self.models.push(glob.compile_matcher());
        }
        Ok(self)
    }

    /// Places of the highest preference are used first, side by side, and the others only when none of those is left.
    /// The authority has 0.
    #[must_use]
    pub fn preference(mut self, preference: i32) -> Self {
        self.preference = preference;
        self
    }

    /// Whether it may also list a model's files while the authority is down.
    #[must_use]
    pub fn trusted(mut self, trusted: bool) -> Self {
        self.trusted = trusted;
        self
    }

    /// The token for a mirror of the Hub. The Hub's own is never sent to a mirror.
    #[must_use]
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// The address with its secret parameters. Never print or store it.
    pub(crate) fn expose(&self) -> &str {
        &self.address
    }

    pub(crate) fn preferred(&self) -> i32 {
        self.preference
    }

    /// Whether its token may be sent over plain http to other machines.
    #[must_use]
    pub fn allow_http(mut self, allow: bool) -> Self {
        self.allow_http = allow;
        self
    }

    #[cfg(feature = "hf")]
    pub(crate) fn allows_http(&self) -> bool {
        self.allow_http
    }

    pub(crate) fn is_trusted(&self) -> bool {
        self.trusted
    }

    #[cfg(feature = "hf")]
    pub(crate) fn own_token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// The address of a model on this mirror, if the mirror is for it.
    pub(crate) fn address_of(&self, model: &ModelId) -> Result<Option<MirrorAddress>> {
        let name = model.to_string();
        if !self.models.is_empty() && !self.models.iter().any(|glob| glob.is_match(&name)) {
            return Ok(None);
        }
        let web = self.address.starts_with("http://") || self.address.starts_with("https://");
        if let (ModelId::Hub { .. }, true, false) = (model, web, self.address.contains(MODEL)) {
            return Ok(Some(MirrorAddress::Hub(self.address.clone())));
        }
        let ModelId::Hub { name, .. } = model else {
            // A name with slashes and colons is no part of an address.
            return (!self.address.contains(MODEL)).then(|| self.plain(web, &self.address)).transpose();
        };
        self.plain(web, &self.address.replace(MODEL, name.as_str())).map(Some)
    }

    fn plain(&self, web: bool, address: &str) -> Result<MirrorAddress> {
        if web {
            return Ok(MirrorAddress::Web(address.to_owned()));
        }
        let reference: ModelRef =
            address.parse().map_err(|error: crate::RefError| refused(&self.address, &error.to_string()))?;
        Ok(MirrorAddress::Model(reference.model))
    }
}

fn refused(address: &str, why: &str) -> Error {
    Error::new(ErrorKind::Usage, format!("{:?} is not a mirror address: {why}", redact_text(address))).with_hint(
        "write https://mirror.example, s3://bucket/{model}, https://host/{model}, or a folder such as ./{model}",
    )
}

impl fmt::Display for Mirror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&redact_text(&self.address))
    }
}

impl fmt::Debug for Mirror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mirror({self})")
    }
}

/// Address of one model on a mirror.
#[derive(Debug, PartialEq)]
pub(crate) enum MirrorAddress {
    /// A Hub with this endpoint; the model has the same name there.
    Hub(String),
    /// The files lie below this URL, or it is the one file.
    Web(String),
    /// Another model, in a bucket or a folder.
    Model(ModelId),
}

/// The files of a model as another one in a bucket or a folder, found by digest, else by path.
pub(crate) struct OtherModel {
    inner: Arc<dyn Source>,
    model: ModelId,
    /// Asked for once, and again after a file was not as listed.
    listing: Mutex<Option<Arc<Manifest>>>,
}

impl OtherModel {
    pub(crate) fn new(inner: Arc<dyn Source>, model: ModelId) -> Self {
        Self { inner, model, listing: Mutex::default() }
    }

    async fn listing(&self, budget: &RetryBudget) -> Result<Arc<Manifest>> {
        let mut known = self.listing.lock().await;
        if let Some(listing) = &*known {
            return Ok(Arc::clone(listing));
        }
        let listing = Arc::new(self.inner.resolve(&self.model, &Revision::main(), budget).await?);
        *known = Some(Arc::clone(&listing));
        Ok(listing)
    }
}

/// The entry of the same bytes: by a digest both know, else by the path, if nothing speaks against it.
fn same<'a>(listing: &'a Manifest, file: &FileEntry) -> Option<&'a FileEntry> {
    let sha256 = file.blob_name();
    let by_digest = sha256.and_then(|name| listing.files.iter().find(|other| other.blob_name() == Some(name)));
    let by_path = || listing.file(&file.path).filter(|other| other.size.is_none() || other.size == file.size);
    by_digest.or_else(by_path)
}

#[async_trait]
impl Source for OtherModel {
    async fn resolve(&self, model: &ModelId, revision: &Revision, budget: &RetryBudget) -> Result<Manifest> {
        let listing = self.inner.resolve(&self.model, revision, budget).await?;
        let version = Version { model: model.clone(), commit: listing.version.commit };
        Manifest::new(version, listing.files)
    }

    async fn open(&self, _version: &Version, file: &FileEntry, options: OpenOptions) -> Result<Opened> {
        let listing = self.listing(&options.budget).await?;
        let Some(entry) = same(&listing, file) else {
            return Err(Error::new(ErrorKind::NotFound, format!("the mirror {self} has no file {}", file.path)));
        };
        let opened = self.inner.open(&listing.version, entry, options).await;
        if opened.as_ref().is_err_and(|error| matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Integrity)) {
            *self.listing.lock().await = None;
        }
        opened
    }

    fn is_local(&self) -> bool {
        self.inner.is_local()
    }
}

impl fmt::Display for OtherModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.model.fmt(f)
    }
}

impl fmt::Debug for OtherModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OtherModel({self})")
    }
}

/// Files of one model on a web server, each at its path below a URL.
pub(crate) struct WebMirror {
    inner: Arc<dyn Source>,
    base: String,
}

#[cfg_attr(not(feature = "http"), expect(dead_code, reason = "only for web servers"))]
impl WebMirror {
    pub(crate) fn new(inner: Arc<dyn Source>, base: String) -> Self {
        Self { inner, base }
    }

    /// The URL of a file: below the base, or, of a URL that ends in the file's name, that itself.
    fn url(&self, version: &Version, file: &FileEntry) -> Result<ModelUrl> {
        let invalid = |error: &dyn fmt::Display| refused(&self.base, &error.to_string());
        let mut url = url::Url::parse(&self.base).map_err(|error| invalid(&error))?;
        let one_file = matches!(version.model, ModelId::Url(_)) && !self.base.ends_with('/');
        if !one_file && let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(file.path.segments());
        }
        ModelUrl::parse(url.as_str()).map_err(|error| invalid(&error))
    }
}

#[async_trait]
impl Source for WebMirror {
    async fn resolve(&self, model: &ModelId, _: &Revision, _: &RetryBudget) -> Result<Manifest> {
        Err(Error::new(ErrorKind::Unsupported, format!("{self} cannot list the files of {model}")))
    }

    async fn open(&self, version: &Version, file: &FileEntry, options: OpenOptions) -> Result<Opened> {
        let url = self.url(version, file)?;
        let name = url.public().path_segments().and_then(|mut segments| segments.next_back()).unwrap_or_default();
        let name = percent_encoding::percent_decode_str(name).decode_utf8_lossy().parse()?;
        let entry = FileEntry { path: name, etag: None, ..file.clone() };
        let there = Version { model: ModelId::Url(url), commit: version.commit.clone() };
        self.inner.open(&there, &entry, options).await
    }
}

impl fmt::Display for WebMirror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match ModelUrl::parse(&self.base) {
            Ok(url) => url.fmt(f),
            Err(_) => f.write_str("web"),
        }
    }
}

impl fmt::Debug for WebMirror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebMirror({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(address: &str, model: &str) -> Option<MirrorAddress> {
        let model = model.parse::<ModelRef>().unwrap().model;
        Mirror::new(address).unwrap().address_of(&model).unwrap()
    }

    #[test]
    fn mirror_kind_follows_from_its_address() {
        let model = |text: &str| Some(MirrorAddress::Model(text.parse::<ModelRef>().unwrap().model));
        let web = |text: &str| Some(MirrorAddress::Web(text.to_owned()));
        assert_eq!(place("https://m.example", "org/name"), Some(MirrorAddress::Hub("https://m.example".to_owned())));
        assert_eq!(place("https://m.example/x/{model}", "org/name"), web("https://m.example/x/org/name"));
        assert_eq!(place("s3://b/m/{model}", "org/name"), model("s3://b/m/org/name"));
        assert_eq!(place("s3://b/m", "org/name"), model("s3://b/m"));
        assert_eq!(place("/mnt/{model}", "org/name"), model("/mnt/org/name"));
        assert_eq!(place("https://m.example/f.gguf", "https://h/f.gguf"), web("https://m.example/f.gguf"));
        assert_eq!(place("https://m.example/{model}", "https://h/f.gguf"), None);
        for nonsense in ["org/name", "ftp://x/y", "", "s3://"] {
            assert_eq!(Mirror::new(nonsense).unwrap_err().kind(), ErrorKind::Usage, "{nonsense}");
        }
    }

    #[test]
    fn mirror_can_be_limited_to_models() {
        let mirror = Mirror::new("https://m.example").unwrap().models(["org/*"]).unwrap();
        let place = |name: &str| mirror.address_of(&ModelId::hub(name).unwrap()).unwrap();
        assert!(place("org/name").is_some());
        assert_eq!(place("other/name"), None);
    }
}
