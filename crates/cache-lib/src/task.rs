//! Work on the caller's tokio runtime: blocking tasks, and checks that the runtime has what transfers need.
//!
//! A runtime without it is an error here, instead of a panic deep inside.

use std::panic::catch_unwind;
use std::time::Duration;

use cache_transfer::panic_message;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use crate::{Error, ErrorKind, Result};

/// Refuses to run without a tokio runtime, or on one without timers.
pub(crate) fn check() -> Result<()> {
    handle()?;
    // tokio reports a missing timer by a panic alone.
    catch_unwind(|| drop(tokio::time::sleep(Duration::ZERO))).map_err(|_| disabled("timers"))
}

/// The runtime that this task runs on.
pub(crate) fn handle() -> Result<Handle> {
    Handle::try_current().map_err(|_| {
        Error::new(ErrorKind::Usage, "no tokio runtime: this future was polled outside of one")
            .with_hint("await it on a runtime built with `tokio::runtime::Builder::enable_all()`")
    })
}

/// Refuses a runtime without network I/O.
#[cfg(feature = "http")]
pub(crate) fn check_io() -> Result<()> {
    let probe = || {
        let socket = std::os::unix::net::UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        tokio::net::UnixDatagram::from_std(socket).map(drop)
    };
    match catch_unwind(std::panic::AssertUnwindSafe(probe)) {
        Err(_) => Err(disabled("I/O")),
        // What keeps a socket from being made is reported by the request itself.
        Ok(_) => Ok(()),
    }
}

fn disabled(what: &str) -> Error {
    Error::new(ErrorKind::Usage, format!("the tokio runtime has no {what}: call `enable_all()` on its builder"))
        .with_hint("build it with `tokio::runtime::Builder::enable_all()`, or use `#[tokio::main]`")
}

/// Most pieces of blocking work at once: a file system that hangs must not take all blocking threads of the runtime.
const MOST_BLOCKING: usize = 128;

static BLOCKING: Semaphore = Semaphore::const_new(MOST_BLOCKING);

/// Runs work that may wait for the file system on a blocking thread of the runtime.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let runtime = handle()?;
    let place = BLOCKING.acquire().await.map_err(|_| Error::interrupted())?;
    let task = runtime.spawn_blocking(move || {
        let done = work();
        drop(place);
        done
    });
    match task.await {
        Ok(result) => result,
        Err(error) if error.is_cancelled() => Err(Error::interrupted()),
        Err(error) => {
            let cause = error.try_into_panic().map(|payload| panic_message(&*payload));
            let cause = cause.unwrap_or_else(|error| error.to_string());
            Err(Error::new(ErrorKind::Storage, format!("a blocking task panicked: {cause}")))
        }
    }
}
