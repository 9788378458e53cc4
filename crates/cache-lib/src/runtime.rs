//! Checks that the caller's tokio runtime has what transfers need: an error here instead of a panic deep inside.

use std::panic::catch_unwind;
use std::time::Duration;

use tokio::runtime::Handle;

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
