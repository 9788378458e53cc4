//! Running a request: [`Get::run`] with its fallbacks, [`Get::execute`] alone.

use std::sync::Arc;
use std::time::Instant;

use crate::request::fallback::{Attempts, Candidate, FallbackKind, fallback_warning};
use crate::request::get::Get;
use crate::request::resolution::Resolution;
use crate::request::snapshot::Snapshot;
use crate::request::usage::UsageRecorder;
use crate::request::{download, variant_fallback};
use crate::task::blocking;
use crate::{Event, Result, Sha256};

impl Get {
    /// Runs the request, then its fallbacks in turn until one succeeds. One deadline bounds all of them.
    pub(crate) async fn run(self) -> Result<Snapshot> {
        if self.alternatives.sources.is_empty() && self.constraints.fallbacks.is_empty() {
            return self.execute(None).await;
        }
        // A contradiction in the request is its own error: no fallback may replace what cannot be requested.
        self.spec()?;
        let digest = self.digest()?;
        let fallbacks: Vec<(FallbackKind, Self)> = self
            .source_fallbacks(digest)
            .map(|get| (FallbackKind::Source, get))
            .chain(self.model_fallbacks().map(|get| (FallbackKind::Model, get)))
            .collect();
        let (began, limit) = (Instant::now(), self.time_limit());
        let (name, progress) = (self.name(), Arc::clone(&self.progress));
        let requested = self.reference.as_ref().map_or_else(|_| self.name(), ToString::to_string);
        let sources_only = self.alternatives.variants.is_none() && !self.alternatives.sources.is_empty();
        let mut attempts = Attempts::new(format!("{requested} is not available"));
        let mut reason = match self.execute(None).await {
            Ok(snapshot) if sources_only => {
                let report = attempts.report(FallbackKind::Source, Some(requested.clone()), requested);
                return Ok(snapshot.with_fallback(report));
            }
            Ok(snapshot) => return Ok(snapshot),
            Err(error) => attempts.skip(&requested, error)?.to_string(),
        };
        for (kind, mut get) in fallbacks {
            get.deadline = limit.map(|limit| limit.saturating_sub(began.elapsed()));
            let warning = (kind == FallbackKind::Model).then(|| fallback_warning(&name, &reason, &get.name()));
            if let Some(warning) = &warning {
                progress.event(&Event::Warning(warning));
            }
            let (used, size) = (get.name(), get.size);
            let checked = |snapshot: Snapshot| match kind {
                FallbackKind::Source => snapshot.single_file(&used, size).map(drop).map(|()| snapshot),
                _ => Ok(snapshot),
            };
            match get.execute(None).await.and_then(checked) {
                Ok(mut snapshot) => {
                    warning.into_iter().for_each(|warning| snapshot.warn(warning));
                    return Ok(snapshot.with_fallback(attempts.report(kind, Some(requested), used)));
                }
                Err(error) => reason = attempts.skip(used, error)?.to_string(),
            }
        }
        Err(attempts.into_error())
    }

    /// Runs the request alone: resolves it unless it is resolved, downloads what is missing, and records the usage.
    pub(crate) async fn execute(mut self, resolution: Option<Resolution>) -> Result<Snapshot> {
        let mut recorder = UsageRecorder::new(self.cache.store(), &self.reference, Arc::clone(&self.progress));
        self.progress = recorder.progress();
        let snapshot = async {
            let spec = self.spec()?;
            match &self.alternatives.variants {
                Some(fallback) if resolution.is_none() => variant_fallback::run(&self, &spec, fallback).await,
                _ => download::run(&self.cache, spec, &self.progress, resolution.as_ref()).await,
            }
        };
        let result = recorder.within(self.time_limit(), snapshot).await;
        recorder.ended(&result);
        blocking(move || {
            recorder.record();
            result
        })
        .await
    }

    /// Requests for the other sources of the one file, in order. `digest` holds where a source has none of its own.
    fn source_fallbacks(&self, digest: Option<Sha256>) -> impl Iterator<Item = Self> {
        self.alternatives.sources.iter().map(move |Candidate { reference, sha256, size }| {
            let mut get = self.cache.get(reference).progress(Arc::clone(&self.progress));
            if let Some(digest) = sha256.or(digest) {
                get = get.sha256(digest);
            }
            (get.digests.keep, get.size, get.priority) = (self.digests.keep, *size, self.priority);
            get
        })
    }

    /// Requests for the fallbacks of the registry entry, in order. They have no fallbacks of their own.
    pub(crate) fn model_fallbacks(&self) -> impl Iterator<Item = Self> {
        self.constraints.fallbacks.iter().map(|fallback| {
            let mut get = Self::new(self.cache.clone(), Ok(fallback.clone()));
            get.include.clone_from(&self.include);
            get.exclude.clone_from(&self.exclude);
            get.progress = Arc::clone(&self.progress);
            // The caller's digest and size hold for each fallback; those of the entry are its reference's.
            (get.digests, get.size, get.priority) = (self.digests, self.size, self.priority);
            get
        })
    }
}
