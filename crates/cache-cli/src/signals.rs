//! Ctrl-C and SIGTERM: stop cleanly, keep what is there.

use std::future::Future;
use std::time::Duration;

use cache_lib::{Error, ErrorKind, Result};

/// How long the disk may take to write down what has arrived, after the work was told to stop.
const GRACE: Duration = Duration::from_millis(700);

/// Runs work on a runtime of its own until it ends or somebody interrupts it.
pub(crate) fn run<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(std::thread::available_parallelism().map_or(2, usize::from).clamp(2, 8))
        .enable_all()
        .thread_name("model-cache")
        .build()
        .map_err(|error| Error::new(ErrorKind::Storage, format!("no threads to be had: {error}")))?;
    let result = runtime.block_on(async {
        tokio::select! {
            biased;
            () = interrupted() => Err(Error::interrupted()),
            result = work => result,
        }
    });
    runtime.shutdown_timeout(GRACE);
    result
}

#[cfg(unix)]
async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let kinds = [SignalKind::interrupt(), SignalKind::terminate()];
    let mut signals: Vec<_> = kinds.into_iter().filter_map(|kind| signal(kind).ok()).collect();
    std::future::poll_fn(|context| {
        let came = signals.iter_mut().any(|signal| signal.poll_recv(context).is_ready());
        if came { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}

#[cfg(not(unix))]
async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
