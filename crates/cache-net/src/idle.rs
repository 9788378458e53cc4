//! A body that may be silent only so long, and that keeps its permit to the end.
//!
//! This is the path of every byte: for each chunk there is one call, no copy, no lock, no clock and no log.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use cache_core::{Error, Result};
use futures::Stream;
use http_body::Body as _;
use tokio::time::{Instant, Sleep, sleep_until};
use url::Url;

use crate::concurrency_limit::Permit;
use crate::error::{self, BodyContext};

/// A response body as a stream of chunks.
pub(crate) struct IdleBody {
    inner: reqwest::Body,
    limit: Duration,
    /// Since when the reader has been waiting. Counted from its first fruitless look, so that a slow reader is not
    /// taken for a silent server.
    waiting: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
    permit: Option<Permit>,
    context: BodyContext,
    ended: bool,
}

impl IdleBody {
    pub(crate) fn new(inner: reqwest::Body, limit: Duration, context: BodyContext) -> Self {
        Self { inner, limit, waiting: None, timer: None, permit: None, context, ended: false }
    }

    pub(crate) fn hold(&mut self, permit: Permit) {
        self.permit = Some(permit);
    }

    pub(crate) fn url(&self) -> &Url {
        &self.context.url
    }

    fn end(&mut self, error: Option<Error>) -> Poll<Option<Result<Bytes>>> {
        self.ended = true;
        self.permit = None;
        self.timer = None;
        self.inner = reqwest::Body::default();
        Poll::Ready(error.map(Err))
    }

    /// Ready when the server has been silent for too long. The timer is moved only when it fires, not at each chunk.
    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let deadline = *self.waiting.get_or_insert_with(Instant::now) + self.limit;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        loop {
            ready!(timer.as_mut().poll(cx));
            if timer.deadline() >= deadline {
                return Poll::Ready(());
            }
            timer.as_mut().reset(deadline);
        }
    }
}

impl Stream for IdleBody {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.ended {
            return Poll::Ready(None);
        }
        loop {
            match Pin::new(&mut this.inner).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) if !data.is_empty() => {
                        this.waiting = None;
                        return Poll::Ready(Some(Ok(data)));
                    }
                    _ => {}
                },
                Poll::Ready(Some(Err(error))) => {
                    let error = error::of_body(error, &this.context);
                    return this.end(Some(error));
                }
                Poll::Ready(None) => return this.end(None),
                Poll::Pending => {
                    ready!(this.poll_silence(cx));
                    let error = error::silence(&this.context, this.limit);
                    return this.end(Some(error));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
