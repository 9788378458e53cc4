//! API of the page: `/-/api/…`.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::{Query, State};
use axum::response::Response;
use cache_lib::{
    BreakerState, Cache, FileEntry, Inventory, Manifest, QuarantineEntry, Sha256, Variant, VersionUse, variants_by_name,
};
use http::request::Parts;
use serde::{Deserialize, Serialize};

use super::Viewer;
use crate::app::App;
use crate::blocking::blocking;
use crate::clock::seconds;
use crate::page_state::Sample;
use crate::problem::{Problem, json};

/// A version in the store.
#[derive(Debug, Serialize)]
struct VersionRow {
    model: String,
    commit: String,
    revisions: Vec<String>,
    /// Files that are there, and files in the listing.
    files: usize,
    listed: usize,
    bytes: u64,
    /// When the newest of its bytes came.
    since: u64,
    last_use: u64,
    pinned: bool,
    /// A running program uses it.
    in_use: bool,
    variants: Vec<Variant>,
}

impl VersionRow {
    fn new(name: String, version: &VersionUse, inventory: &Inventory) -> Self {
        let blobs: BTreeMap<Sha256, _> =
            version.files.iter().filter_map(|file| Some((file.blob, inventory.blobs.get(&file.blob)?))).collect();
        Self {
            model: name,
            commit: version.version.commit.to_string(),
            revisions: version.revisions.iter().map(ToString::to_string).collect(),
            files: version.files.len(),
            listed: version.listed,
            bytes: blobs.values().map(|blob| blob.size).fold(0, u64::saturating_add),
            since: blobs.values().map(|blob| seconds(blob.since)).max().unwrap_or_default(),
            last_use: seconds(version.last_use),
            pinned: version.pinned,
            in_use: blobs.values().any(|blob| blob.leased),
            variants: present_variants(version, inventory),
        }
    }
}

/// The variants among the files that are there.
fn present_variants(version: &VersionUse, inventory: &Inventory) -> Vec<Variant> {
    let files = version.files.iter().filter(|file| file.path.as_str().ends_with(".gguf"));
    let files: Vec<FileEntry> = files
        .map(|file| FileEntry {
            size: inventory.blobs.get(&file.blob).map(|blob| blob.size),
            ..FileEntry::new(file.path.clone())
        })
        .collect();
    variants_by_name(&Manifest { version: version.version.clone(), files, partial: false, hidden_query: None })
}

/// `/-/api/store`: the versions in the store.
pub(super) async fn store(State(app): State<Arc<App>>, parts: Parts) -> Result<Response, Problem> {
    #[derive(Serialize)]
    struct StoreAnswer {
        now: u64,
        versions: Vec<VersionRow>,
    }
    let viewer = Viewer::of(&app, &parts);
    let inventory = app.page.kept.inventory.inventory(&app.cache).await?;
    let models: Vec<_> = inventory.versions.iter().map(|version| &version.version.model).collect();
    let names = viewer.names(&app, &models).await;
    let shown = inventory.versions.iter().zip(names);
    let shown = shown.filter_map(|(version, name)| Some(VersionRow::new(name?, version, &inventory)));
    Ok(json(&StoreAnswer { now: seconds(inventory.now), versions: shown.collect() }))
}

/// The requested version.
#[derive(Debug, Deserialize)]
pub(super) struct ModelQuery {
    #[serde(rename = "ref")]
    reference: String,
}

/// `/-/api/model?ref=org/name@commit`: the files of a version that `/-/api/store` lists.
pub(super) async fn model(
    State(app): State<Arc<App>>,
    which: Result<Query<ModelQuery>, axum::extract::rejection::QueryRejection>,
    parts: Parts,
) -> Result<Response, Problem> {
    #[derive(Serialize)]
    struct ModelFile {
        path: String,
        size: Option<u64>,
        /// Whether its bytes are in the store.
        here: bool,
    }
    #[derive(Serialize)]
    struct ModelAnswer {
        #[serde(flatten)]
        row: VersionRow,
        all_files: Vec<ModelFile>,
        all_variants: Vec<Variant>,
    }
    let unknown = || Problem::not_found("no such version in the store").with_hint("/-/api/store lists what is there");
    let Query(which) = which.map_err(|_| unknown())?;
    let viewer = Viewer::of(&app, &parts);
    let inventory = app.page.kept.inventory.inventory(&app.cache).await?;
    // Names that he may not know of are compared with nothing, so that they are as good as none.
    let models: Vec<_> = inventory.versions.iter().map(|version| &version.version.model).collect();
    let names = viewer.names(&app, &models).await;
    let named = |(version, name): (&VersionUse, Option<String>)| {
        let name = name?;
        (format!("{name}@{}", version.version.commit) == which.reference).then_some(name)
    };
    let found =
        inventory.versions.iter().zip(names).find_map(|(version, name)| Some((version, named((version, name))?)));
    let (version, name) = found.ok_or_else(unknown)?;
    let (store, wanted) = (app.cache.store().clone(), version.version.clone());
    let manifest = blocking(move || store.manifest(&wanted)).await?.ok_or_else(unknown)?;
    let here: HashSet<_> = version.files.iter().map(|file| &file.path).collect();
    let all_files = manifest.files.iter().map(|file| ModelFile {
        path: file.path.to_string(),
        size: file.size,
        here: here.contains(&file.path),
    });
    let answer = ModelAnswer {
        all_files: all_files.collect(),
        all_variants: variants_by_name(&manifest),
        row: VersionRow::new(name, version, &inventory),
    };
    Ok(json(&answer))
}

/// `/-/api/downloads`: what runs and what has ended lately.
pub(super) async fn downloads(State(app): State<Arc<App>>, parts: Parts) -> Response {
    let viewer = Viewer::of(&app, &parts);
    let rows = viewer.downloads(&app, app.activity.downloads()).await;
    json(&serde_json::json!({ "downloads": rows }))
}

/// `/-/api/history`: a sample a minute, and one of now. The admin's.
pub(super) async fn history(State(app): State<Arc<App>>, parts: Parts) -> Result<Response, Problem> {
    Viewer::of(&app, &parts).must_be_admin()?;
    let now = Sample::now(&app.cache, &app.activity).await?;
    let mut samples = app.page.kept.history.samples();
    samples.push(now);
    Ok(json(&serde_json::json!({ "samples": samples, "quota": app.cache.quota() })))
}

/// A bad file, without its place on the machine.
#[derive(Debug, Serialize)]
pub(crate) struct QuarantinedFile {
    id: String,
    model: Option<String>,
    path: Option<String>,
    reason: String,
    source: Option<String>,
    size: u64,
    since: u64,
}

impl From<QuarantineEntry> for QuarantinedFile {
    fn from(entry: QuarantineEntry) -> Self {
        Self {
            id: entry.id,
            model: entry.record.version.map(|version| version.to_string()),
            path: entry.record.path,
            reason: entry.record.reason,
            source: entry.record.source,
            size: entry.size,
            since: seconds(entry.since),
        }
    }
}

/// The hosts that were asked, and whether each is left alone for now.
fn breakers(cache: &Cache) -> serde_json::Value {
    let named = cache.breakers().into_iter().map(|(host, state)| {
        let state = match state {
            BreakerState::Closed => "closed",
            BreakerState::HalfOpen => "half-open",
            BreakerState::Open => "open",
        };
        serde_json::json!({ "host": host, "state": state })
    });
    named.collect()
}

/// `/-/api/status`: what the server is; for the admin also how the machine is.
pub(super) async fn status(State(app): State<Arc<App>>, parts: Parts) -> Result<Response, Problem> {
    let viewer = Viewer::of(&app, &parts);
    let mut status = serde_json::json!({
        "version": env!("CARGO_PKG_VERSION"),
        "admin": viewer.admin,
        "offline": app.cache.is_offline(),
        "now": seconds(SystemTime::now()),
        "since": seconds(app.page.kept.since),
    });
    if viewer.admin {
        let inventory = app.page.kept.inventory.inventory(&app.cache).await?;
        let store = app.cache.store().clone();
        let bad = blocking(move || store.quarantined()).await?;
        status["store"] = serde_json::json!({
            "root": app.cache.store().root().display().to_string(),
            "read_only": app.cache.store().read_only().is_some(),
            "bytes": inventory.size(),
            "blobs": inventory.blobs.len(),
            "versions": inventory.versions.len(),
            "debris": inventory.debris,
            "quota": inventory.quota,
        });
        status["totals"] = serde_json::json!(app.activity.totals());
        status["quarantine"] = bad.into_iter().map(|entry| serde_json::json!(QuarantinedFile::from(entry))).collect();
        status["breakers"] = breakers(&app.cache);
    }
    Ok(json(&status))
}
