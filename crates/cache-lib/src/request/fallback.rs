//! What is taken instead when what is wanted cannot be had: another variant, or the file from another place.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use cache_formats::variants::{self, QuantByPath, Variant};
use serde::Serialize;

use crate::request::fallback_policy::Fallback;
use crate::request::get::Wanted;
use crate::request::gguf_headers as headers;
use crate::request::resolution::Look;
use crate::{Cache, Error, ErrorKind, Get, ModelId, ModelRef, Result, Sha256, Snapshot};

/// What a [`Get`] may take instead of what it wants.
#[derive(Debug, Clone, Default)]
pub(crate) struct Instead {
    variants: Option<Fallback>,
    places: Vec<Candidate>,
}

impl Instead {
    pub(crate) fn is_empty(&self) -> bool {
        self.variants.is_none() && self.places.is_empty()
    }
}

/// One place of a file, and what its bytes must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Where it is: a reference to one file.
    pub reference: ModelRef,
    /// The digest it must have.
    pub sha256: Option<Sha256>,
    /// Its size in bytes.
    pub size: Option<u64>,
}

impl Candidate {
    /// A file of which only the place is known.
    #[must_use]
    pub fn new(reference: ModelRef) -> Self {
        Self { reference, sha256: None, size: None }
    }
}

/// Written as `https://host/file#sha256=…&size=…`, both optional; the size in bytes.
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

/// What there was to choose from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Chosen {
    /// Variants of one model.
    Variant,
    /// Places of one file.
    Source,
}

/// Which of several was taken, and why none of those before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Choice {
    /// Whether variants or places were chosen from.
    #[serde(skip)]
    pub of: Chosen,
    /// What was wanted in the first place; `None` where a policy was free to choose.
    pub wanted: Option<String>,
    /// What was taken.
    pub taken: String,
    /// What came before it and was passed over, in order.
    pub passed: Vec<Passed>,
}

impl Choice {
    /// Whether it is another one than was wanted.
    #[must_use]
    pub fn is_other(&self) -> bool {
        !self.passed.is_empty()
    }
}

/// For people: `using Q4_K_S; skipped Q4_K_M: …`.
impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "using {}", self.taken)?;
        self.passed.iter().try_for_each(|passed| write!(f, "; skipped {}: {}", passed.name, passed.reason))
    }
}

/// Something that was passed over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Passed {
    /// The variant, or the reference.
    pub name: String,
    /// Why, for people.
    pub reason: String,
    /// The kind of trouble.
    pub kind: ErrorKind,
}

impl Get {
    /// Takes another variant when the wanted one is absent, fails, or does not fit. [`Snapshot::choice`] says which.
    /// [`Get::peek`] knows no fallback.
    pub fn fallback(mut self, fallback: Fallback) -> Self {
        self.instead.variants = Some(fallback);
        self
    }

    /// Takes the file from another place when it is absent, fails, or is not what it should be. May be said several
    /// times. A place without a digest of its own must have the digest of [`Get::sha256`], if that is given.
    pub fn or_from(mut self, candidate: Candidate) -> Self {
        self.instead.places.push(candidate);
        self
    }

    /// Also files that belong to the wanted ones: `mmproj` for the projector of a model that sees or hears, else a
    /// pattern as for [`Get::include`].
    pub fn with(mut self, companion: impl Into<String>) -> Self {
        self.with.push(companion.into());
        self
    }

    /// The bytes that the one wanted file must have, where its source tells.
    pub fn size(mut self, bytes: u64) -> Self {
        self.size = Some(bytes);
        self
    }
}

impl Cache {
    /// The variants of a version, the largest first. Where names do not tell, headers are asked: those of files in
    /// the store, and by a request for a few kilobytes those of the others.
    ///
    /// # Errors
    /// When the store cannot be read. A header that cannot be had leaves a variant without its name.
    pub async fn variants(&self, look: &Look) -> Result<Vec<Variant>> {
        let reference = ModelRef::of(look.version().model.clone());
        let wanted = self.get(reference).wanted()?;
        let told = match headers::all(self, &wanted, look.manifest()).await {
            Err(error) if error.kind() == ErrorKind::Storage => return Err(error),
            told => told.unwrap_or_default(),
        };
        Ok(variants::variants(look.manifest(), &told))
    }
}

/// Whether something else may be tried after this. Not when the user or the store is what is wrong.
pub(crate) fn goes_on(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NotFound | ErrorKind::NotCached | ErrorKind::Integrity | ErrorKind::Network | ErrorKind::NoSpace
    )
}

/// Gets what is wanted, or what may be taken instead.
pub(crate) async fn run(get: &Get, wanted: Wanted) -> Result<Snapshot> {
    let name = wanted.reference.to_string();
    let sha256 = wanted.told.sha256;
    let first = match &get.instead.variants {
        Some(fallback) => another_variant(get, wanted, fallback).await,
        None => get.run_for(wanted, None).await,
    };
    let places = &get.instead.places;
    let mut passed = match first {
        Err(error) if goes_on(&error) && !places.is_empty() => vec![(name.clone(), error)],
        Ok(snapshot) if get.instead.variants.is_none() => {
            return Ok(chosen(snapshot, Chosen::Source, Some(name.clone()), name, &[]));
        }
        other => return other,
    };
    for place in places {
        let taken = place.reference.to_string();
        match from(get, place, sha256).await {
            Ok(snapshot) => return Ok(chosen(snapshot, Chosen::Source, Some(name), taken, &passed)),
            Err(error) if goes_on(&error) => passed.push((taken, error)),
            Err(error) => return Err(error),
        }
    }
    Err(none_left(&format!("{name} is not available from any source"), &passed))
}

async fn from(get: &Get, place: &Candidate, sha256: Option<Sha256>) -> Result<Snapshot> {
    let mut other = get.cache.get(&place.reference).progress(Arc::clone(&get.progress));
    if let Some(sha256) = place.sha256.or(sha256) {
        other = other.sha256(sha256);
    }
    other.size = place.size;
    let snapshot = other.await?;
    if !matches!(place.reference.model, ModelId::Url(_)) && snapshot.files().len() != 1 {
        let files = snapshot.files().len();
        return Err(Error::new(ErrorKind::Usage, format!("{} has {files} files, expected one", place.reference))
            .with_hint("name the file: org/name/path, or a URL"));
    }
    check_size(&snapshot, &place.reference, place.size)?;
    Ok(snapshot)
}

/// What a source did not tell beforehand.
pub(crate) fn check_size(snapshot: &Snapshot, reference: &dyn fmt::Display, size: Option<u64>) -> Result<()> {
    match size {
        Some(size) if size != snapshot.size() => Err(Error::new(
            ErrorKind::Integrity,
            format!("{reference}: wrong size: expected {size} bytes, the source has {}", snapshot.size()),
        )),
        _ => Ok(()),
    }
}

/// All variants are looked at in one version, so that one request for the listing does.
async fn another_variant(get: &Get, wanted: Wanted, fallback: &Fallback) -> Result<Snapshot> {
    let cache = &get.cache;
    if wanted.selection.path.is_some() || matches!(wanted.reference.model, ModelId::Url(_)) {
        return Err(Error::new(ErrorKind::Usage, format!("{} is one file and has no variants", wanted.reference))
            .with_hint("leave out the file, or give a URL as fallback: https://host/file"));
    }
    let listing = Look::resolve(cache, &listing(&wanted)).await?;
    let told = match headers::all(cache, &wanted, listing.manifest()).await {
        // Those that names tell of may be had all the same.
        Err(error) if goes_on(&error) => QuantByPath::new(),
        told => told?,
    };
    let all = variants::variants(listing.manifest(), &told);
    let model = &listing.version().model;
    let plan = fallback.plan(wanted.selection.variant.as_deref(), &all)?;
    let mut passed = Vec::new();
    for (name, refused) in plan {
        let tried = match refused {
            Some(error) => Err(error),
            None => get.run_for(of_variant(&wanted, &name, &told), Some(&listing)).await,
        };
        match tried {
            Ok(snapshot) => {
                return Ok(chosen(snapshot, Chosen::Variant, wanted.selection.variant.clone(), name, &passed));
            }
            Err(error) if goes_on(&error) => passed.push((name, error)),
            Err(error) => return Err(error),
        }
    }
    if all.is_empty() {
        return Err(Error::new(ErrorKind::NotFound, format!("{model} has no GGUF variants"))
            .with_hint("leave out the fallback")
            .with_reason(crate::Reason::NoVariants));
    }
    Err(none_left(&format!("no variant of {model} is available"), &passed))
}

fn listing(wanted: &Wanted) -> Wanted {
    let mut wish = wanted.clone();
    wish.selection.listing = true;
    wish.selection.variant = None;
    wish.told.sha256 = None;
    wish
}

fn of_variant(wanted: &Wanted, name: &str, told: &QuantByPath) -> Wanted {
    let mut wish = wanted.clone();
    wish.selection.variant = Some(name.to_owned());
    wish.selection.told.clone_from(told);
    wish.reference.variant = Some(name.to_owned());
    wish
}

fn chosen(
    snapshot: Snapshot,
    of: Chosen,
    wanted: Option<String>,
    taken: String,
    passed: &[(String, Error)],
) -> Snapshot {
    let told =
        |(name, error): &(String, Error)| Passed { name: name.clone(), reason: error.to_string(), kind: error.kind() };
    snapshot.chosen(Choice { of, wanted, taken, passed: passed.iter().map(told).collect() })
}

/// One error for all that was tried, each with its reason: of the kind of the first that is more than absent.
pub(crate) fn none_left(what: &str, passed: &[(String, Error)]) -> Error {
    let absent = |error: &Error| matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotCached);
    let worst = passed.iter().map(|(_, error)| error).find(|error| !absent(error));
    let Some(worst) = worst.or_else(|| passed.first().map(|(_, error)| error)) else {
        return Error::new(ErrorKind::NotFound, format!("{what}: there is none to try"));
    };
    let reasons: Vec<String> = passed.iter().map(|(name, error)| format!("{name}: {error}")).collect();
    let error = Error::new(worst.kind(), format!("{what}: {}", reasons.join("; ")));
    match worst.hint() {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}
