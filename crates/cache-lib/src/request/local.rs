//! Requests that the store alone answers: [`Get::peek`] and [`Get::try_local`].

use crate::Result;
use crate::request::fallback::{Attempts, fallback_warning};
use crate::request::finalize::{Finalize, finalize, retry_if_evicted};
use crate::request::get::Get;
use crate::request::resolution::Resolution;
use crate::request::snapshot::Snapshot;
use crate::request::usage;
use crate::sources::source_set::Sources;

impl Get {
    /// The stored snapshot of the request, without the network. Reads the disk.
    ///
    /// # Errors
    /// [`ErrorKind::NotCached`](crate::ErrorKind::NotCached) when a requested file is not in the store.
    pub fn peek(self) -> Result<Snapshot> {
        self.first_local(Self::peek_one, Snapshot::warn)
    }

    /// The stored snapshot if no request is needed: the revision is a commit, or the cache is offline.
    ///
    /// `None` when the network has to be asked. Reads the disk.
    ///
    /// # Errors
    /// [`ErrorKind::NotCached`](crate::ErrorKind::NotCached) when a requested file is not in the store and the cache is
    /// offline.
    pub fn try_local(&self) -> Result<Option<Snapshot>> {
        self.first_local(Self::try_local_one, |found, text| {
            if let Some(snapshot) = found {
                snapshot.warn(text);
            }
        })
    }

    /// The answer for the request, or for the first fallback of its registry entry that has one.
    fn first_local<T>(&self, answer: impl Fn(&Self) -> Result<T>, warn: impl Fn(&mut T, String)) -> Result<T> {
        self.spec()?;
        let mut attempts = Attempts::new(format!("{} is not available", self.name()));
        let mut reason = match answer(self) {
            Err(error) => attempts.skip(self.name(), error)?.to_string(),
            found => return found,
        };
        for other in self.model_fallbacks() {
            match answer(&other) {
                Ok(mut found) => {
                    warn(&mut found, fallback_warning(&self.name(), &reason, &other.name()));
                    return Ok(found);
                }
                // A fallback that cannot be used hides none of the others.
                Err(error) => {
                    if let Ok(error) = attempts.skip(other.name(), error) {
                        reason = error.to_string();
                    }
                }
            }
        }
        Err(attempts.into_error())
    }

    fn peek_one(&self) -> Result<Snapshot> {
        let spec = self.spec()?;
        retry_if_evicted(|| {
            let resolution = Resolution::cached(&self.cache, &spec)?;
            match resolution.missing().next() {
                None => finalize(&self.cache, &Finalize::hit(&spec, &resolution)),
                Some(_) => Err(resolution.not_cached(&self.cache, &spec)),
            }
        })
    }

    fn try_local_one(&self) -> Result<Option<Snapshot>> {
        let spec = self.spec()?;
        let answer = retry_if_evicted(|| {
            let offline = self.cache.is_offline() && Sources::is_remote(&spec.reference.model);
            if !self.alternatives.is_empty() {
                return Ok(None);
            }
            let Some(resolution) = Resolution::pinned(&self.cache, &spec, offline)? else { return Ok(None) };
            if resolution.missing().next().is_none() && resolution.check_policy(&self.cache).is_ok() {
                return finalize(&self.cache, &Finalize::hit(&spec, &resolution)).map(Some);
            }
            if offline { Err(resolution.not_cached(&self.cache, &spec)) } else { Ok(None) }
        });
        match &answer {
            Ok(Some(snapshot)) => usage::record_hit(self.cache.store(), &spec.reference, snapshot),
            Ok(None) => {}
            Err(error) => usage::record_failure(self.cache.store(), &spec.reference, error),
        }
        answer
    }
}
