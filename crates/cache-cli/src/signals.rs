//! Ctrl-C and SIGTERM: stop cleanly, keep what is there.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use cache_lib::{Error, Result};
use tokio::runtime::Runtime;

/// How long the disk may take to write down what has arrived, after a stop was requested.
const GRACE: Duration = Duration::from_millis(700);

/// Something that comes from outside.
pub(crate) type Call = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Runs work on a runtime of its own until it ends or a signal interrupts it.
pub(crate) fn run<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = runtime()?;
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

/// Runs a server until a signal interrupts it: that is its usual end. The second argument waits for
/// the next SIGHUP.
pub(crate) fn serve<F: Future<Output = Result<()>>>(work: impl FnOnce(Call, fn() -> Call) -> F) -> Result<()> {
    let runtime = runtime()?;
    let result = runtime.block_on(async { work(Box::pin(interrupted()), || Box::pin(hung_up())).await });
    runtime.shutdown_timeout(GRACE);
    result
}

fn runtime() -> Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(std::thread::available_parallelism().map_or(2, usize::from).clamp(2, 8))
        .enable_all()
        .thread_name("model-cache")
        .build()
        .map_err(|error| Error::storage("start the threads", error))
}

#[cfg(unix)]
async fn interrupted() {
    use tokio::signal::unix::SignalKind;
    any(&[SignalKind::interrupt(), SignalKind::terminate()]).await;
}

#[cfg(unix)]
async fn hung_up() {
    any(&[tokio::signal::unix::SignalKind::hangup()]).await;
}

#[cfg(unix)]
async fn any(kinds: &[tokio::signal::unix::SignalKind]) {
    let mut signals: Vec<_> = kinds.iter().filter_map(|kind| tokio::signal::unix::signal(*kind).ok()).collect();
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

#[cfg(not(unix))]
async fn hung_up() {
    std::future::pending::<()>().await;
}
