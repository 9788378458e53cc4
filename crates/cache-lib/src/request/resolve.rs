//! [`Resolution::resolve`]: the version as its source resolves it, or the store where that is as good.

use cache_core::RetryBudget;

use crate::request::gguf_headers;
use crate::request::resolution::Resolution;
use crate::request::resolution_errors::read_only;
use crate::request::spec::FetchSpec;
use crate::sources::source_set::Sources;
use crate::task::blocking;
use crate::{Cache, Error, ErrorKind, Manifest, Result, Version, visibility};

/// A source's answer.
struct SourceAnswer {
    manifest: Manifest,
    /// The request, with what GGUF headers say of its files.
    spec: FetchSpec,
    /// Warning that names the mirror that answered instead of the source.
    warning: Option<String>,
}

impl Resolution {
    /// Resolves a request: from the store where no question is needed, else from its source.
    ///
    /// While the source is unreachable or silent, the cached version is used.
    pub(crate) async fn resolve(cache: &Cache, spec: &FetchSpec) -> Result<Self> {
        if let Some(resolution) = Self::without_question(cache, spec).await? {
            return Ok(resolution);
        }
        let remote = Sources::is_remote(&spec.reference.model);
        let mut asking = Box::pin(ask(cache, spec));
        let waited = tokio::select! {
            biased;
            answer = &mut asking => Err(answer),
            error = spec.source_wait.end(), if remote => Ok(error),
        };
        let answer = match waited {
            Err(answer) => answer,
            Ok(error) => {
                let (own, own_spec) = (cache.clone(), spec.clone());
                match blocking(move || Self::stale_fallback(&own, &own_spec, error)).await {
                    Ok(resolution) => return Ok(resolution),
                    Err(_) => asking.await,
                }
            }
        };
        let own = cache.clone();
        match answer {
            // Time in the store is not the source's.
            Ok(SourceAnswer { manifest, spec, warning }) => {
                blocking(move || {
                    let mut resolution = Self::from_source(&own, &spec, manifest)?;
                    resolution.warnings.extend(warning);
                    Ok(resolution)
                })
                .await
            }
            Err(error) if remote && error.kind() == ErrorKind::Network => {
                let spec = spec.clone();
                blocking(move || Self::stale_fallback(&own, &spec, error)).await
            }
            Err(error) => Err(error),
        }
    }

    /// The version in the store, where its source need not or cannot be asked.
    async fn without_question(cache: &Cache, spec: &FetchSpec) -> Result<Option<Self>> {
        let remote = Sources::is_remote(&spec.reference.model);
        let store_only = remote && (cache.is_offline() || cache.store().read_only().is_some());
        let (own, own_spec) = (cache.clone(), spec.clone());
        let pinned = blocking(move || Self::pinned(&own, &own_spec, store_only)).await;
        let pinned = match (pinned, cache.store().read_only()) {
            (Err(error), Some(reason)) if error.kind() == ErrorKind::NotCached && !cache.is_offline() => {
                return Err(read_only(&spec.reference, reason));
            }
            (pinned, _) => pinned?,
        };
        let Some(resolution) = pinned else { return Ok(None) };
        let complete = resolution.missing().next().is_none();
        match cache.store().read_only() {
            _ if complete || !store_only => Ok(Some(resolution)),
            Some(reason) if !cache.is_offline() => Err(read_only(&spec.reference, reason)),
            _ => {
                let (own, own_spec) = (cache.clone(), spec.clone());
                blocking(move || Err(resolution.not_cached(&own, &own_spec))).await
            }
        }
    }
}

/// The source's answer, or while it is down that of a trusted mirror.
async fn ask(cache: &Cache, spec: &FetchSpec) -> Result<SourceAnswer> {
    #[cfg(feature = "http")]
    if Sources::is_remote(&spec.reference.model) {
        crate::task::check_io()?;
    }
    let (manifest, warning) = match ask_authority(cache, spec).await {
        Err(error) if error.kind() == ErrorKind::Network => ask_trusted(cache, spec, error).await?,
        manifest => (manifest?, None),
    };
    let spec = gguf_headers::with_header_quants(cache, spec, &manifest).await?;
    Ok(SourceAnswer { manifest, spec, warning })
}

/// The answer of the first trusted mirror that has one; else the authority's error.
async fn ask_trusted(cache: &Cache, spec: &FetchSpec, error: Error) -> Result<(Manifest, Option<String>)> {
    let model = &spec.reference.model;
    for mirror in cache.0.sources.trusted(model)? {
        match mirror.resolve(model, &spec.revision, &RetryBudget::new(1)).await {
            Ok(manifest) => {
                let warning = format!("{error}; using the file list of {model} from the trusted mirror {mirror}");
                return Ok((manifest, Some(warning)));
            }
            Err(other) => tracing::debug!(%mirror, error = %other, "a trusted mirror does not answer"),
        }
    }
    Err(error)
}

/// The authority's answer. The visibility is recorded before the listing.
async fn ask_authority(cache: &Cache, spec: &FetchSpec) -> Result<Manifest> {
    let answer = ask_listing(cache, spec).await;
    if let Err(error) = &answer {
        visibility::record_refusal(cache, &spec.reference.model, error).await?;
    }
    answer
}

/// Asks for the commit first, where that is a smaller request, and for the listing only if the commit is new.
async fn ask_listing(cache: &Cache, spec: &FetchSpec) -> Result<Manifest> {
    let (model, mut revision) = (&spec.reference.model, spec.revision.clone());
    let sources = &cache.0.sources;
    let mut listed = None;
    let asked = cache.store().now();
    if revision.as_commit().is_none()
        && let Some((commit, seen)) = sources.pin(model, &revision, &spec.budget).await?
    {
        visibility::record(cache, model, seen, asked).await?;
        revision = commit.as_str().parse()?;
        let version = Version { model: model.clone(), commit };
        let own = cache.clone();
        listed = blocking(move || own.store().manifest(&version)).await?;
    }
    match listed.filter(|manifest| !manifest.partial) {
        Some(manifest) => Ok(manifest),
        None => sources.of(model, spec.digests)?.resolve(model, &revision, &spec.budget).await,
    }
}
