//! Routes of the admin: fetch, pin, unpin, evict, reload, empty the quarantine.

use std::sync::Arc;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{delete, get, post};
use cache_lib::{ErrorKind, ModelId, ModelRef};
use http::request::Parts;
use http::{StatusCode, header};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::app::App;
use crate::blocking::blocking;
use crate::page::{QuarantinedFile, Viewer};
use crate::problem::{self, Problem};
use crate::response_labels::RouteName;

/// Longest body that is read, in bytes.
const MAX_BODY: usize = 16 << 10;

/// `/-/admin/…`
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/-/admin/fetch", post(fetch))
        .route("/-/admin/pin", post(pin))
        .route("/-/admin/unpin", post(unpin))
        .route("/-/admin/evict", post(evict))
        .route("/-/admin/reload", post(reload))
        .route("/-/admin/quarantine", get(quarantine))
        .route("/-/admin/quarantine/{id}", delete(throw_away))
        .layer(axum::middleware::map_response(|mut response: Response| async {
            response.extensions_mut().insert(RouteName("admin"));
            response
        }))
}

/// Body of a fetch request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FetchBody {
    #[serde(rename = "ref")]
    reference: String,
    #[serde(default)]
    include: Vec<String>,
}

/// Body with a model or version.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ModelBody {
    #[serde(rename = "ref")]
    reference: String,
}

/// Begins a fetch and answers at once with the row to watch.
async fn fetch(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let (viewer, asked) = asked::<FetchBody>(&app, request).await?;
    let reference = reference(&app, &viewer, asked.reference.clone()).await?;
    let model = reference.model.clone();
    let mut get = app.cache.get(asked.reference.as_str());
    for pattern in asked.include {
        get = get.include(pattern);
    }
    let row = app.activity.fetch(&model).ok_or_else(|| {
        Problem::new(StatusCode::TOO_MANY_REQUESTS, ErrorKind::Usage, "too many fetches run already")
            .with_hint("wait until one has ended; the page shows them")
    })?;
    let id = row.id();
    let get = get.progress(row.progress());
    tokio::spawn(async move {
        let result = get.await;
        if let Err(error) = &result {
            tracing::warn!(%model, %error, "a fetch for the admin failed");
        }
        row.end(result.as_ref().map(|_| ()));
        app.page.changed();
    });
    let watch =
        json!({ "id": id, "model": reference.model.to_string(), "watch": "/-/events", "list": "/-/api/downloads" });
    Ok((StatusCode::ACCEPTED, problem::json(&watch)).into_response())
}

async fn pin(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let (viewer, which) = asked::<ModelBody>(&app, request).await?;
    let reference = reference(&app, &viewer, which.reference).await?;
    let (cache, wanted) = (app.cache.clone(), reference.clone());
    blocking(move || cache.pin(wanted)).await?;
    app.page.changed();
    Ok(problem::json(&json!({ "pinned": reference.to_string() })))
}

async fn unpin(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let (viewer, which) = asked::<ModelBody>(&app, request).await?;
    let reference = reference(&app, &viewer, which.reference).await?;
    let (cache, wanted) = (app.cache.clone(), reference.clone());
    let was = blocking(move || cache.unpin(wanted)).await?;
    app.page.changed();
    Ok(problem::json(&json!({ "unpinned": reference.to_string(), "was_pinned": was })))
}

/// Removes a version, or all of a model. What is pinned or in use stays, and the answer says so.
async fn evict(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let (viewer, which) = asked::<ModelBody>(&app, request).await?;
    let reference = reference(&app, &viewer, which.reference).await?;
    let (cache, wanted) = (app.cache.clone(), reference.clone());
    // A bad reference is another error than a version in use.
    blocking(move || cache.versions(wanted)).await?;
    let (cache, wanted) = (app.cache.clone(), reference.clone());
    let removed = blocking(move || cache.remove(wanted)).await;
    app.page.changed();
    let removed = removed.map_err(|error| match error.kind() {
        ErrorKind::Usage => Problem::from(error).with_status(StatusCode::CONFLICT),
        _ => error.into(),
    })?;
    let removed: Vec<_> = removed
        .iter()
        .map(|(version, report)| json!({ "version": version.to_string(), "freed": report.freed }))
        .collect();
    Ok(problem::json(&json!({ "evicted": removed })))
}

/// Has the configuration read again. One that is wrong changes nothing, and the log says so.
async fn reload(State(app): State<Arc<App>>, parts: Parts) -> Result<Response, Problem> {
    Viewer::of(&app, &parts).must_be_admin()?;
    app.reload.notify_one();
    Ok((StatusCode::ACCEPTED, problem::json(&json!({ "reload": "asked for" }))).into_response())
}

async fn quarantine(State(app): State<Arc<App>>, parts: Parts) -> Result<Response, Problem> {
    Viewer::of(&app, &parts).must_be_admin()?;
    let store = app.cache.store().clone();
    let bad: Vec<QuarantinedFile> =
        blocking(move || store.quarantined()).await?.into_iter().map(QuarantinedFile::from).collect();
    Ok(problem::json(&json!({ "quarantine": bad })))
}

async fn throw_away(State(app): State<Arc<App>>, Path(id): Path<String>, parts: Parts) -> Result<Response, Problem> {
    Viewer::of(&app, &parts).must_be_admin()?;
    let (store, wanted) = (app.cache.store().clone(), id.clone());
    blocking(move || store.quarantine_remove(&wanted)).await?;
    app.page.changed();
    Ok(problem::json(&json!({ "removed": id })))
}

/// The admin's request; other callers' bodies are not read.
async fn asked<T: DeserializeOwned>(app: &App, request: Request) -> Result<(Viewer, T), Problem> {
    let (parts, body) = request.into_parts();
    let viewer = Viewer::of(app, &parts);
    viewer.must_be_admin()?;
    let usage = |status, text: String| {
        Problem::new(status, ErrorKind::Usage, text).with_hint(r#"send JSON, for example {"ref": "org/name"}"#)
    };
    let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if kind.split(';').next().map(str::trim) != Some("application/json") {
        return Err(usage(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body has to be application/json".to_owned()));
    }
    let bytes = to_bytes(body, MAX_BODY)
        .await
        .map_err(|_| usage(StatusCode::PAYLOAD_TOO_LARGE, format!("the body is longer than {MAX_BODY} bytes")))?;
    let asked = serde_json::from_slice(&bytes).map_err(|error| usage(StatusCode::BAD_REQUEST, error.to_string()))?;
    Ok((viewer, asked))
}

/// Parses a reference. Folders of this machine are refused over the network.
async fn reference(app: &App, viewer: &Viewer, text: String) -> Result<ModelRef, Problem> {
    let cache = app.cache.clone();
    let reference = blocking(move || cache.reference(text)).await?;
    if matches!(reference.model, ModelId::Folder(_)) && !viewer.is_local() {
        let text = "folders of this machine cannot be named over the network";
        return Err(Problem::new(StatusCode::BAD_REQUEST, ErrorKind::Usage, text)
            .with_hint("use the command `model-cache` on that machine, or the unix socket"));
    }
    Ok(reference)
}

#[cfg(test)]
mod tests;
