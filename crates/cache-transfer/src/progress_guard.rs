//! Guards transfers against a [`Progress`] that panics.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use cache_core::{Error, ErrorKind, Event, Progress, Result};
use tokio::sync::watch;

/// Passes events on until the callback panics.
struct ProgressGuard {
    next: Arc<dyn Progress>,
    panicked: watch::Sender<Option<String>>,
}

impl Progress for ProgressGuard {
    fn event(&self, event: &Event<'_>) {
        if self.panicked.borrow().is_some() {
            return;
        }
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| self.next.event(event))) {
            self.panicked.send_if_modified(|first| {
                let new = first.is_none();
                first.get_or_insert_with(|| panic_message(&*payload));
                new
            });
        }
    }
}

/// Runs `work` with a progress that does not panic. When the caller's panics, the work is canceled, as if its future were
/// dropped: what has arrived is kept.
///
/// # Errors
/// Those of `work`; [`ErrorKind::Usage`] with the message of the panic.
pub async fn guard_progress<T, F>(progress: Arc<dyn Progress>, work: impl FnOnce(Arc<dyn Progress>) -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let (sender, mut panicked) = watch::channel(None);
    let work = work(Arc::new(ProgressGuard { next: progress, panicked: sender }));
    let watching = async { panicked.wait_for(Option::is_some).await.ok().and_then(|message| message.clone()) };
    let result = tokio::select! {
        biased;
        Some(message) = watching => return Err(progress_panicked(&message)),
        result = work => result,
    };
    match &*panicked.borrow() {
        Some(message) => Err(progress_panicked(message)),
        None => result,
    }
}

fn progress_panicked(message: &str) -> Error {
    Error::new(ErrorKind::Usage, format!("the progress callback panicked: {message}"))
        .with_hint("fix the callback and run it again to resume: downloaded data is kept")
}

/// The text that a panic carries.
#[must_use]
pub fn panic_message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}
