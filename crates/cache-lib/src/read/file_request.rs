//! Requests for one file of one commit.

use crate::request::finalize::{Finalize, finalize};
use crate::request::get::Get;
use crate::request::resolution::Resolution;
use crate::request::spec::FetchSpec;
use crate::{Cache, FileEntry, Manifest, ModelRef, RepoPath, Result, Revision};

/// The request for one file of the manifest's commit.
pub(crate) fn of(cache: &Cache, manifest: &Manifest, path: &RepoPath) -> Result<Get> {
    let version = &manifest.version;
    let revision: Revision = version.commit.as_str().parse()?;
    let reference =
        ModelRef { revision: Some(revision), path: Some(path.clone()), ..ModelRef::of(version.model.clone()) };
    Ok(Get::new(cache.clone(), Ok(reference)))
}

/// The parsed request for one file of the manifest's commit.
pub(crate) fn spec(cache: &Cache, manifest: &Manifest, path: &RepoPath) -> Result<FetchSpec> {
    of(cache, manifest, path)?.spec()
}

/// Records the use of a file, and content that came with another version as this version's. Failures are logged.
pub(crate) fn record_use(cache: &Cache, manifest: &Manifest, file: &FileEntry) {
    if cache.store().read_only().is_some() {
        return;
    }
    let version = &manifest.version;
    let link = file.path.below(&cache.store().snapshot_path(version));
    let recorded = if fs_err::symlink_metadata(link).is_ok() {
        cache.store().touch(version)
    } else {
        spec(cache, manifest, &file.path).and_then(|spec| {
            let resolution = Resolution::listed(cache, &spec, manifest)?;
            finalize(cache, &Finalize::hit(&spec, &resolution)).map(drop)
        })
    };
    if let Err(error) = recorded {
        tracing::debug!(%error, %version, path = %file.path, "the use of a file was not recorded");
    }
}
