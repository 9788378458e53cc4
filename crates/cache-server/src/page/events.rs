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

use super::Viewer;
use crate::activity::{Download, Totals};
use crate::app::App;
use crate::problem::Problem;

/// Time between two messages: a human eye asks for no more.
const GAP: Duration = Duration::from_millis(200);
/// While something runs its rate changes even when nothing arrives.
const TICK: Duration = Duration::from_secs(1);
/// Interval of keep-alive messages, by which closed connections are noticed.
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

struct EventStream {
    app: Arc<App>,
    viewer: Viewer,
    changes: watch::Receiver<u64>,
    stopping: watch::Receiver<bool>,
    /// What has ended and was sent.
    sent: HashSet<u64>,
    /// When it was last looked what there is to send.
    last: Option<Instant>,
    /// When something was last sent.
    written: Instant,
    /// Whether the last message showed something that runs.
    had_running: bool,
    _permit: OwnedSemaphorePermit,
}

pub(super) async fn stream(State(app): State<Arc<App>>, parts: Parts) -> Response {
    let Ok(permit) = Arc::clone(&app.page.kept.followers).try_acquire_owned() else {
        let text = "too many pages follow the events already";
        return Problem::new(StatusCode::SERVICE_UNAVAILABLE, ErrorKind::Usage, text)
            .with_hint("close one; /-/api/downloads tells the same")
            .into_response();
    };
    let stream = EventStream {
        viewer: Viewer::of(&app, &parts),
        changes: app.activity.changes(),
        stopping: app.page.stopping.subscribe(),
        sent: HashSet::new(),
        last: None,
        written: Instant::now(),
        had_running: false,
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
        // A buffering proxy would delay live events.
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    (headers, Body::from_stream(body)).into_response()
}

impl EventStream {
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
        loop {
            let mut changed = true;
            if let Some(last) = self.last {
                let busy = self.app.activity.is_busy();
                let grace = if busy { TICK } else { KEEP_ALIVE };
                let grace = grace.min((self.written + KEEP_ALIVE).saturating_duration_since(Instant::now()));
                changed = timeout(grace, self.changes.changed()).await.is_ok() || busy;
                sleep_until(last + GAP).await;
            }
            let first = self.last.is_none();
            self.changes.borrow_and_update();
            self.last = Some(Instant::now());
            let message = self.message().await;
            // When others fetch what this viewer may not know of, nothing is sent: not even that there is no news.
            let is_news = message.has_rows() || self.had_running;
            self.had_running = !message.running.is_empty();
            if first || is_news || (self.viewer.admin && changed) {
                return self.write(message.to_bytes());
            }
            if self.written.elapsed() >= KEEP_ALIVE {
                return self.write(Bytes::from_static(b": still here\n\n"));
            }
        }
    }

    fn write(&mut self, bytes: Bytes) -> Bytes {
        self.written = Instant::now();
        bytes
    }

    async fn message(&mut self) -> Message {
        let rows = self.viewer.downloads(&self.app, self.app.activity.downloads()).await;
        let (mut ended, mut running): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.ended.is_some());
        let known = std::mem::replace(&mut self.sent, ended.iter().map(|row| row.id).collect());
        ended.retain(|row| !known.contains(&row.id));
        let more = running.len().saturating_sub(MAX_ROWS);
        running.truncate(MAX_ROWS);
        let totals = self.viewer.admin.then(|| self.app.activity.totals());
        Message { running, more, ended, totals }
    }
}

impl Message {
    fn has_rows(&self) -> bool {
        !self.running.is_empty() || !self.ended.is_empty()
    }

    fn to_bytes(&self) -> Bytes {
        // Its strings are escaped by JSON, so no line break is in it.
        let data = serde_json::to_string(self).unwrap_or_default();
        Bytes::from(format!("event: downloads\ndata: {data}\n\n"))
    }
}
