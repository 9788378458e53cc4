//! `/-/events`: what runs, as it changes, by server-sent events.

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use cache_lib::ErrorKind;
use http::request::Parts;
use http::{StatusCode, header};
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Instant, sleep_until, timeout};

use super::{Problem, Viewer};
use crate::activity::{Download, Totals};
use crate::app::App;

/// Time between two messages: a human eye asks for no more.
const GAP: Duration = Duration::from_millis(200);
/// While something runs its rate changes even when nothing arrives.
const TICK: Duration = Duration::from_secs(1);
/// Something is sent at least so often, so that whoever has gone is noticed.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Rows of what runs in one message.
const MAX_ROWS: usize = 100;

/// One message.
#[derive(Debug, Serialize)]
struct Message {
    running: Vec<Download>,
    /// How many more run than are shown.
    more: usize,
    /// What has ended since the last message, the newest first.
    ended: Vec<Download>,
    #[serde(skip_serializing_if = "Option::is_none")]
    totals: Option<Totals>,
}

struct Stream {
    app: Arc<App>,
    viewer: Viewer,
    changes: watch::Receiver<u64>,
    stopping: watch::Receiver<bool>,
    /// What has ended and was sent.
    sent: HashSet<u64>,
    last: Option<Instant>,
    _permit: OwnedSemaphorePermit,
}

pub(super) async fn stream(State(app): State<Arc<App>>, parts: Parts) -> Response {
    let Ok(permit) = Arc::clone(&app.page.kept.followers).try_acquire_owned() else {
        let text = "too many pages follow the events already";
        return Problem::new(StatusCode::SERVICE_UNAVAILABLE, ErrorKind::Usage, text)
            .with_hint("close one; /-/api/downloads tells the same")
            .into_response();
    };
    let stream = Stream {
        viewer: Viewer::of(&app, &parts),
        changes: app.activity.changes(),
        stopping: app.page.stopping.subscribe(),
        sent: HashSet::new(),
        last: None,
        _permit: permit,
        app,
    };
    let body = futures::stream::unfold(stream, |mut stream| async move {
        let chunk = stream.next().await?;
        Some((Ok::<_, Infallible>(chunk), stream))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        // A proxy that buffers would hold back what is meant to be live.
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    (headers, Body::from_stream(body)).into_response()
}

impl Stream {
    /// The next piece of the body: a message at once, then one when something has changed.
    async fn next(&mut self) -> Option<Bytes> {
        let mut stopping = self.stopping.clone();
        tokio::select! {
            // The sender lives as long as the app: no error can come.
            _ = stopping.wait_for(|stop| *stop) => None,
            chunk = self.wait() => Some(chunk),
        }
    }

    async fn wait(&mut self) -> Bytes {
        if let Some(last) = self.last {
            let busy = self.app.activity.is_busy();
            let patience = if busy { TICK } else { KEEP_ALIVE };
            let changed = timeout(patience, self.changes.changed()).await;
            if changed.is_err() && !busy {
                self.last = Some(Instant::now());
                return Bytes::from_static(b": still here\n\n");
            }
            sleep_until(last + GAP).await;
        }
        self.changes.borrow_and_update();
        self.last = Some(Instant::now());
        self.message()
    }

    fn message(&mut self) -> Bytes {
        let rows = self.app.activity.downloads();
        let rows = rows.into_iter().filter_map(|row| self.viewer.download(&self.app, row));
        let (mut ended, mut running): (Vec<_>, Vec<_>) = rows.partition(|row| row.ended.is_some());
        let known = std::mem::replace(&mut self.sent, ended.iter().map(|row| row.id).collect());
        ended.retain(|row| !known.contains(&row.id));
        let more = running.len().saturating_sub(MAX_ROWS);
        running.truncate(MAX_ROWS);
        let totals = self.viewer.admin.then(|| self.app.activity.totals());
        let message = Message { running, more, ended, totals };
        // Its strings are escaped by JSON, so no line break is in it.
        let data = serde_json::to_string(&message).unwrap_or_default();
        Bytes::from(format!("event: downloads\ndata: {data}\n\n"))
    }
}
