//! The variants of a model, and the use of another one where a policy allows it.

use crate::request::fallback::{Attempts, FallbackKind, is_fallback_eligible};
use crate::request::fallback_policy::Fallback;
use crate::request::get::Get;
use crate::request::resolution::Resolution;
use crate::request::snapshot::Snapshot;
use crate::request::spec::FetchSpec;
use crate::request::{download, gguf_headers};
use crate::{Cache, Error, ErrorKind, ModelId, ModelRef, Result};
use cache_formats::variants::{self, QuantByPath, Variant};

impl Cache {
    /// The variants of a version, the largest first.
    ///
    /// Where names do not say, headers are read: those of files in the store, and by a request for a few kilobytes those
    /// of the others.
    ///
    /// # Errors
    /// When the store cannot be read. A header that cannot be read leaves a variant without its name.
    pub async fn variants(&self, resolution: &Resolution) -> Result<Vec<Variant>> {
        let reference = ModelRef::of(resolution.version().model.clone());
        let spec = self.get(reference).spec()?;
        let quants = match gguf_headers::read_all(self, &spec, resolution.manifest()).await {
            Err(error) if error.kind() == ErrorKind::Storage => return Err(error),
            quants => quants.unwrap_or_default(),
        };
        Ok(variants::variants(resolution.manifest(), &quants))
    }
}

/// Gets the requested variant, or the first that the policy allows. All are of one version, resolved once.
pub(crate) async fn run(get: &Get, spec: &FetchSpec, fallback: &Fallback) -> Result<Snapshot> {
    let cache = &get.cache;
    if spec.selection.path.is_some() || matches!(spec.reference.model, ModelId::Url(_)) {
        return Err(Error::new(ErrorKind::Usage, format!("{} is one file and has no variants", spec.reference))
            .with_hint("leave out the file, or give a URL as fallback: https://host/file"));
    }
    let listing = Resolution::resolve(cache, &spec.for_listing()).await?;
    let quants = match gguf_headers::read_all(cache, spec, listing.manifest()).await {
        // Variants with a name of their own may be available all the same.
        Err(error) if is_fallback_eligible(&error) => QuantByPath::new(),
        quants => quants?,
    };
    let all = variants::variants(listing.manifest(), &quants);
    let model = &listing.version().model;
    let requested = spec.selection.variant.clone();
    let mut attempts = Attempts::new(format!("no variant of {model} is available"));
    for (name, refused) in fallback.plan(requested.as_deref(), &all)? {
        let result = match refused {
            Some(error) => Err(error),
            None => {
                let spec = for_variant(spec, &name, &quants);
                download::run(cache, spec, &get.progress, Some(&listing)).await
            }
        };
        match result {
            Ok(snapshot) => {
                return Ok(snapshot.with_fallback(attempts.report(FallbackKind::Variant, requested, name)));
            }
            Err(error) => attempts.skip(name, error)?,
        };
    }
    if all.is_empty() {
        return Err(Error::new(ErrorKind::NotFound, format!("{model} has no GGUF variants"))
            .with_hint("leave out the fallback")
            .with_reason(crate::Reason::NoVariants));
    }
    Err(attempts.into_error())
}

fn for_variant(spec: &FetchSpec, name: &str, quants: &QuantByPath) -> FetchSpec {
    let mut spec = spec.clone();
    spec.selection.variant = Some(name.to_owned());
    spec.selection.header_quants.clone_from(quants);
    spec.reference.variant = Some(name.to_owned());
    spec
}
