//! Fallbacks: when another candidate is used, and the report of which one was.
//!
//! Variants of a model, other sources of a file, fallbacks of a registry entry and the candidates of
//! [`Cache::ensure_any`](crate::Cache::ensure_any) are all used in turn, under one rule: [`is_fallback_eligible`].

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::request::fallback_policy::Fallback;
use crate::{Error, ErrorKind, ModelRef, Reason, Result, Sha256};

/// Whether the next candidate is used after this error.
///
/// Yes where another candidate can succeed: it is missing, out of reach, too large, corrupted, or access to it is
/// denied. Wrong bytes are never used: they are kept in quarantine, and the mismatch is in the report. A gated candidate
/// is like a missing one to this caller. No where the request, the machine, the store or the time is the cause, because
/// the next candidate would meet it too: a stored file that was changed is repaired, not replaced.
pub(crate) fn is_fallback_eligible(error: &Error) -> bool {
    use ErrorKind as K;
    if matches!(error.reason(), Some(Reason::ModelChanged | Reason::NoDigest)) {
        return false;
    }
    matches!(error.kind(), K::NotFound | K::NotCached | K::Integrity | K::Network | K::NoSpace | K::Unauthorized)
}

/// Fallbacks that the caller of a [`Get`](crate::Get) allows.
#[derive(Debug, Clone, Default)]
pub(crate) struct Alternatives {
    pub(crate) variants: Option<Fallback>,
    pub(crate) sources: Vec<Candidate>,
}

impl Alternatives {
    pub(crate) fn is_empty(&self) -> bool {
        self.variants.is_none() && self.sources.is_empty()
    }
}

/// One source of a file, and the digest and size that its bytes must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Reference to one file.
    pub reference: ModelRef,
    /// Expected SHA-256.
    pub sha256: Option<Sha256>,
    /// Expected size in bytes.
    pub size: Option<u64>,
}

impl Candidate {
    /// A candidate without a digest and a size.
    #[must_use]
    pub fn new(reference: ModelRef) -> Self {
        Self { reference, sha256: None, size: None }
    }
}

/// Parses `https://host/file#sha256=…&size=…`, both optional; the size in bytes.
impl FromStr for Candidate {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (reference, claims) = text.split_once('#').unwrap_or((text, ""));
        let mut candidate = Self::new(reference.parse()?);
        for claim in claims.split('&').filter(|claim| !claim.is_empty()) {
            let nonsense = || {
                Error::new(
                    ErrorKind::Usage,
                    format!("{:?} is not understood", claim.split('=').next().unwrap_or_default()),
                )
                .with_hint("write https://host/file#sha256=DIGEST&size=BYTES")
            };
            match claim.split_once('=') {
                Some(("sha256", digest)) => candidate.sha256 = Some(digest.parse().map_err(|_| nonsense())?),
                Some(("size", size)) => candidate.size = Some(size.parse().map_err(|_| nonsense())?),
                _ => return Err(nonsense()),
            }
        }
        Ok(candidate)
    }
}

/// Kind of the candidates of a [`FallbackReport`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum FallbackKind {
    /// Variants of one model.
    Variant,
    /// Sources of one file.
    Source,
    /// Models that a registry entry names.
    Model,
}

/// The candidate that was used, and why those before it were skipped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FallbackReport {
    /// Kind of the candidates.
    #[serde(skip)]
    pub kind: FallbackKind,
    /// The requested candidate; `None` where a policy was free to choose.
    #[serde(rename = "wanted")]
    pub requested: Option<String>,
    /// The candidate that was used.
    #[serde(rename = "taken")]
    pub used: String,
    /// The candidates before it, in order.
    #[serde(rename = "passed")]
    pub skipped: Vec<Skipped>,
}

impl FallbackReport {
    /// Whether another candidate than the first was used.
    #[must_use]
    pub fn is_fallback(&self) -> bool {
        !self.skipped.is_empty()
    }
}

/// Formats as `using Q4_K_S; skipped Q4_K_M: …`.
impl fmt::Display for FallbackReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "using {}", self.used)?;
        self.skipped.iter().try_for_each(|skipped| write!(f, "; skipped {}: {}", skipped.name, skipped.reason))
    }
}

/// A candidate that was skipped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Skipped {
    /// The variant or the reference.
    pub name: String,
    /// Message of the error.
    pub reason: String,
    /// Kind of the error.
    pub kind: ErrorKind,
}

/// Warning that another model is used.
pub(crate) fn fallback_warning(requested: &str, reason: &str, used: &str) -> String {
    format!("{requested} is not available ({reason}); using {used} instead")
}

/// The candidates of one request that were tried and failed.
#[derive(Debug)]
pub(crate) struct Attempts {
    /// Beginning of the error when all fail: `org/name is not available`.
    subject: String,
    skipped: Vec<(String, Error)>,
}

impl Attempts {
    pub(crate) fn new(subject: impl Into<String>) -> Self {
        Self { subject: subject.into(), skipped: Vec::new() }
    }

    /// Skips a candidate that failed.
    ///
    /// # Errors
    /// Its error where no other candidate is used after it.
    pub(crate) fn skip(&mut self, name: impl Into<String>, error: Error) -> Result<&Error> {
        if !is_fallback_eligible(&error) {
            return Err(error);
        }
        self.skipped.push((name.into(), error));
        Ok(&self.skipped[self.skipped.len() - 1].1)
    }

    pub(crate) fn report(&self, kind: FallbackKind, requested: Option<String>, used: String) -> FallbackReport {
        let skipped = self.skipped.iter().map(|(name, error)| Skipped {
            name: name.clone(),
            reason: error.to_string(),
            kind: error.kind(),
        });
        FallbackReport { kind, requested, used, skipped: skipped.collect() }
    }

    /// The errors of the skipped candidates, in order.
    pub(crate) fn into_errors(self) -> Vec<Error> {
        self.skipped.into_iter().map(|(_, error)| error).collect()
    }

    /// The error of the only candidate, or one that names each: of the kind of the first that is more than missing.
    pub(crate) fn into_error(mut self) -> Error {
        if self.skipped.len() == 1 {
            return self.skipped.swap_remove(0).1;
        }
        let missing = |error: &Error| matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotCached);
        let worst = self.skipped.iter().map(|(_, error)| error).find(|error| !missing(error));
        let Some(worst) = worst.or_else(|| self.skipped.first().map(|(_, error)| error)) else {
            return Error::new(ErrorKind::NotFound, format!("{}: there is none to try", self.subject));
        };
        let reasons: Vec<String> = self.skipped.iter().map(|(name, error)| format!("{name}: {error}")).collect();
        let mut error = Error::new(worst.kind(), format!("{}: {}", self.subject, reasons.join("; ")));
        error = worst.hint().map_or(error.clone(), |hint| error.with_hint(hint));
        error = worst.reason().map_or(error.clone(), |reason| error.with_reason(reason));
        worst.subject().map_or(error.clone(), |subject| error.with_subject(subject))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_bytes_and_denied_access_are_skipped() {
        let mut attempts = Attempts::new("m is not available");
        for kind in [ErrorKind::NotFound, ErrorKind::Integrity, ErrorKind::Unauthorized, ErrorKind::NoSpace] {
            attempts.skip(kind.as_str(), Error::new(kind, "no")).unwrap();
        }
        for reason in [Reason::ModelChanged, Reason::NoDigest] {
            let error = Error::new(ErrorKind::Integrity, "no").with_reason(reason);
            assert_eq!(attempts.skip("x", error).unwrap_err().reason(), Some(reason));
        }
        for kind in [ErrorKind::Usage, ErrorKind::Storage, ErrorKind::Interrupted, ErrorKind::TimedOut] {
            assert_eq!(attempts.skip("x", Error::new(kind, "no")).unwrap_err().kind(), kind);
        }
        let report = attempts.report(FallbackKind::Source, None, "d".to_owned());
        assert_eq!(report.skipped.len(), 4);
        let error = attempts.into_error();
        assert_eq!(error.kind(), ErrorKind::Integrity, "the first that is more than missing");
        assert!(error.message().starts_with("m is not available: not-found: no; integrity: no; "), "{error}");
    }
}
