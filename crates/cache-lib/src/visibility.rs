//! Visibility of models: reported by the source, recorded in the store before the first byte.
//!
//! Only the Hub reports it. Buckets, folders and web addresses are unknown: that this machine can read them says nothing
//! of clients outside its network, account or permissions.

use std::time::SystemTime;

#[cfg(feature = "hf")]
use std::time::Duration;

#[cfg(feature = "hf")]
use cache_core::RetryBudget;
use cache_store::{BlobAccess, VisibilityRecord};

#[cfg(feature = "hf")]
use crate::sources::source_set::Sources;
use crate::task::blocking;
use crate::{Cache, Error, Evidence, ModelId, Result, Visibility};

/// Longest wait for an optional answer.
#[cfg(feature = "hf")]
const OPTIONAL_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an answer without a token confirms one with a token.
#[cfg(feature = "hf")]
const CONFIRMED: Duration = Duration::from_secs(24 * 3600);

impl Cache {
    /// The recorded visibility of a model. Reads the disk; what cannot be read is unknown.
    #[must_use]
    pub fn visibility(&self, model: &ModelId) -> Visibility {
        let recorded = self.store().visibility(model).inspect_err(|error| tracing::warn!(%error, "visibility unknown"));
        recorded.ok().flatten().map_or(Visibility::Unknown, |record| record.visibility)
    }

    /// Readers of a model's blobs on this machine. A model of unknown visibility that takes a token may be private.
    pub(crate) async fn blob_access(&self, model: &ModelId) -> BlobAccess {
        let (cache, of) = (self.clone(), model.clone());
        let visibility = blocking(move || Ok(cache.visibility(&of))).await.unwrap_or_default();
        match visibility {
            Visibility::Public => BlobAccess::Shared,
            Visibility::Unknown if !self.0.sources.sends_token(model) => BlobAccess::Shared,
            Visibility::Private | Visibility::Gated | Visibility::Unknown => BlobAccess::Restricted,
        }
    }

    /// Records a visibility that the Hub reported to a request that began at `asked`.
    ///
    /// "Public", reported to a token by an endpoint other than Hugging Face's, is confirmed by a request without one.
    ///
    /// # Errors
    /// A storage error where the store has the model as public and cannot be changed.
    #[cfg(feature = "hf")]
    pub async fn record_visibility(
        &self,
        model: &ModelId,
        visibility: Visibility,
        evidence: Evidence,
        asked: SystemTime,
    ) -> Result<()> {
        let (cache, of) = (self.clone(), model.clone());
        let known = blocking(move || cache.store().visibility(&of)).await.ok().flatten();
        let visibility = match (visibility, evidence) {
            // A Hub answers strangers about what is public or says that it is gated.
            (Visibility::Unknown, Evidence::Anonymous) => Visibility::Public,
            (reported, _) => reported,
        };
        let reported = VisibilityRecord::new(visibility, evidence, asked);
        let news = |record: &VisibilityRecord| known.is_none_or(|known| record.replaces(&known));
        let Some(record) = self.confirmed(model, reported, known).await?.filter(news) else { return Ok(()) };
        let (cache, of) = (self.clone(), model.clone());
        blocking(move || put(&cache, &of, &record)).await
    }

    /// The record to write. `None`: the existing one stays.
    #[cfg(feature = "hf")]
    async fn confirmed(
        &self,
        model: &ModelId,
        reported: VisibilityRecord,
        known: Option<VisibilityRecord>,
    ) -> Result<Option<VisibilityRecord>> {
        let to_token = reported.visibility.is_public() && reported.evidence == Evidence::Token;
        if !to_token || self.0.sources.hub()?.is_hugging_face() {
            return Ok(Some(reported));
        }
        let age = |record: &VisibilityRecord| reported.seen.duration_since(record.seen).unwrap_or_default();
        if known.is_some_and(|known| known_well(&known) && age(&known) < CONFIRMED) {
            return Ok(None);
        }
        let source = self.0.sources.anonymous()?;
        let budget = RetryBudget::none();
        Ok(match tokio::time::timeout(OPTIONAL_TIMEOUT, source.visibility(model, &budget)).await {
            Ok(Ok(visibility)) => Some(VisibilityRecord::new(visibility, Evidence::Anonymous, reported.seen)),
            Ok(Err(error)) if error.is_denied() => {
                Some(VisibilityRecord::new(Visibility::Unknown, Evidence::Refused, reported.seen))
            }
            _ => None,
        })
    }
}

/// Whether a record needs no second question.
#[cfg(feature = "hf")]
fn known_well(record: &VisibilityRecord) -> bool {
    record.visibility.is_public() && record.evidence == Evidence::Anonymous
}

/// Records a visibility that the configured Hub reported.
pub(crate) async fn record(cache: &Cache, model: &ModelId, visibility: Visibility, asked: SystemTime) -> Result<()> {
    #[cfg(feature = "hf")]
    if let ModelId::Hub { .. } = model {
        let evidence = cache.0.sources.hub()?.evidence();
        return cache.record_visibility(model, visibility, evidence, asked).await;
    }
    let _ = (cache, model, visibility, asked);
    Ok(())
}

/// Records the visibility of a model about to be fetched, if there is no record. Without an answer it stays unknown.
pub(crate) async fn ensure_recorded(cache: &Cache, model: &ModelId) {
    #[cfg(feature = "hf")]
    if let ModelId::Hub { .. } = model
        && Sources::is_remote(model)
        && !cache.is_offline()
    {
        let (own, of) = (cache.clone(), model.clone());
        let known = blocking(move || own.store().visibility(&of)).await;
        if cache.store().read_only().is_some() || !matches!(known, Ok(None)) {
            return;
        }
        let asked = cache.store().now();
        let asking = async {
            let visibility = cache.0.sources.hub()?.visibility(model, &RetryBudget::none()).await?;
            record(cache, model, visibility, asked).await
        };
        match tokio::time::timeout(OPTIONAL_TIMEOUT, asking).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%model, %error, "visibility stays unknown"),
            Err(_) => tracing::debug!(%model, "visibility stays unknown: no answer in time"),
        }
    }
    let _ = (cache, model);
}

/// Withdraws "public" when the source refuses the model.
///
/// # Errors
/// A storage error where that cannot be recorded.
pub(crate) async fn record_refusal(cache: &Cache, model: &ModelId, error: &Error) -> Result<()> {
    if !error.is_denied() {
        return Ok(());
    }
    let (cache, model) = (cache.clone(), model.clone());
    blocking(move || {
        if !cache.visibility(&model).is_public() {
            return Ok(());
        }
        put(&cache, &model, &VisibilityRecord::new(Visibility::Unknown, Evidence::Refused, cache.store().now()))
    })
    .await
}

/// Writes a record. One that cannot be written is an error only where it would have closed a public model.
pub(crate) fn put(cache: &Cache, model: &ModelId, record: &VisibilityRecord) -> Result<()> {
    let store = cache.store();
    match store.put_visibility(model, record) {
        Ok(_) => Ok(()),
        Err(error) if record.visibility.is_public() || matches!(store.visibility(model), Ok(None)) => {
            tracing::debug!(%model, %error, "visibility was not recorded");
            Ok(())
        }
        Err(error) => Err(error),
    }
}
