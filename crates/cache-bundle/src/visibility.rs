//! Visibility of bundled models, on its way into the store.

use std::collections::{BTreeMap, BTreeSet};

use cache_core::{Evidence, ModelId, Result, Sha256, Visibility};
use cache_lib::Cache;
use cache_store::{BlobAccess, VisibilityRecord};

use crate::index::{Contents, Index};

/// Readers of a bundle's blobs on this machine. What belongs to private and gated models alone is restricted.
pub(crate) fn access(index: &Index) -> BTreeMap<Sha256, BlobAccess> {
    let mut access = BTreeMap::new();
    for version in &index.versions {
        let closed = matches!(version.visibility, Some(Visibility::Private | Visibility::Gated));
        for (_, blob) in version.files() {
            let readers = access.entry(blob).or_insert(BlobAccess::Restricted);
            if !closed {
                *readers = BlobAccess::Shared;
            }
        }
    }
    access
}

/// Records the visibilities that a bundle states, before its models are visible. Returns warnings on disagreements.
///
/// "Private" and "gated" always count. "Public" counts with a checked signature, or for a model new to the store: no
/// bundle opens what is stored already.
pub(crate) fn record(cache: &Cache, contents: &Contents) -> Result<Vec<String>> {
    let store = cache.store();
    let mut warnings = Vec::new();
    let fresh = fresh(cache, &contents.index)?;
    for version in &contents.index.versions {
        let (model, Some(said)) = (&version.manifest.version.model, version.visibility) else { continue };
        let known = store.visibility(model)?.map(|record| record.visibility);
        let believed = contents.verified || fresh.contains(model);
        match (said, known) {
            (Visibility::Unknown, _) => {}
            (said, Some(known)) if said == known => {}
            (Visibility::Public, None) if believed => put(cache, model, said)?,
            (Visibility::Public, Some(known)) => {
                warnings
                    .push(format!("{model}: public in the bundle, {known} in the store; it stays closed to strangers"));
            }
            (Visibility::Public, None) => {
                warnings.push(format!("{model}: public in a bundle without a checked signature, unknown in the store"));
            }
            (said, known) => {
                if known == Some(Visibility::Public) {
                    warnings
                        .push(format!("{model}: {said} in the bundle, public in the store; it is closed to strangers"));
                }
                put(cache, model, said)?;
            }
        }
    }
    Ok(warnings)
}

/// The models of which the store has nothing.
fn fresh<'a>(cache: &Cache, index: &'a Index) -> Result<BTreeSet<&'a ModelId>> {
    let mut fresh = BTreeSet::new();
    for version in &index.versions {
        let model = &version.manifest.version.model;
        if cache.store().versions(model)?.is_empty() {
            fresh.insert(model);
        }
    }
    Ok(fresh)
}

fn put(cache: &Cache, model: &ModelId, said: Visibility) -> Result<()> {
    cache.put_visibility(model, &VisibilityRecord::new(said, Evidence::Bundle, cache.store().now()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stop::Stop;
    use crate::tests::{COMMIT, NEWER, Place, model};
    use crate::{Output, export};

    fn bundle(said: Option<Visibility>, commit: &str) -> Vec<u8> {
        let place = Place::new();
        place.fill(commit, &model(), |_| true);
        if let Some(said) = said {
            put(&place.cache, &Place::model(), said).unwrap();
        }
        place.bundle()
    }

    #[test]
    fn bundle_of_a_private_model_is_its_owners() {
        use std::os::unix::fs::PermissionsExt as _;
        let place = Place::with_model();
        put(&place.cache, &Place::model(), Visibility::Private).unwrap();
        let path = place.path("private.tar");
        let (export, stop) = (export(&place.cache, [Place::model().to_string()]), Stop::default());
        export.run(Output::file(&path), &stop).unwrap();
        assert_eq!(fs_err::metadata(&path).unwrap().permissions().mode() & 0o077, 0);
    }

    #[test]
    fn bundle_carries_visibility() {
        for said in [Visibility::Public, Visibility::Private, Visibility::Gated] {
            let place = Place::new();
            let imported = place.import(&bundle(Some(said), COMMIT)).unwrap();
            assert_eq!((place.cache.visibility(&Place::model()), imported.warnings), (said, Vec::new()));
        }
        let place = Place::new();
        place.import(&bundle(None, COMMIT)).unwrap();
        assert_eq!(place.cache.store().visibility(&Place::model()).unwrap(), None);
    }

    #[test]
    fn unsigned_bundle_opens_nothing_that_is_there() {
        for (known, commit) in [(None, COMMIT), (None, NEWER), (Some(Visibility::Private), NEWER)] {
            let place = Place::with_model();
            if let Some(known) = known {
                put(&place.cache, &Place::model(), known).unwrap();
            }
            let imported = place.import(&bundle(Some(Visibility::Public), commit)).unwrap();
            let counts = place.cache.store().visibility(&Place::model()).unwrap();
            assert_eq!(counts.map(|record| record.visibility), known);
            assert!(imported.warnings.iter().any(|warning| warning.contains("public")), "{:?}", imported.warnings);
        }
        // It may close.
        let place = Place::with_model();
        put(&place.cache, &Place::model(), Visibility::Public).unwrap();
        place.import(&bundle(Some(Visibility::Gated), NEWER)).unwrap();
        assert_eq!(place.cache.visibility(&Place::model()), Visibility::Gated);
    }
}
