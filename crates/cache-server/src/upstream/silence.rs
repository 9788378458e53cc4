//! [`Deadline`]: how long a request waits for upstream where nothing that is known would do.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use cache_lib::{Error, ErrorKind};
use tokio::time::{Instant, timeout_at};

/// How long one request waits for a silent upstream. What it waits for goes on behind it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline {
    since: Instant,
    silence: Duration,
}

impl Deadline {
    /// For a request that begins now.
    pub(crate) fn new(silence: Duration) -> Self {
        Self { since: Instant::now(), silence }
    }

    /// Waits for an answer.
    ///
    /// # Errors
    /// Those of the answer, and [`ErrorKind::TimedOut`] when there is none in time.
    pub(crate) async fn answer<T, E: From<Error>>(self, answer: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        timeout_at(self.since + self.silence, answer).await.unwrap_or_else(|_| Err(self.silent().into()))
    }

    /// Waits for bytes of a file: as long as `progress` changes, or says by `None` that they are not upstream's to bring.
    ///
    /// # Errors
    /// As [`answer`](Self::answer).
    pub(crate) async fn bytes<T, E: From<Error>, P: PartialEq>(
        self,
        bytes: impl Future<Output = Result<T, E>>,
        progress: impl Fn() -> Option<P>,
    ) -> Result<T, E> {
        let mut bytes = pin!(bytes);
        let (mut until, mut before) = (self.since + self.silence, progress());
        loop {
            if let Ok(bytes) = timeout_at(until, &mut bytes).await {
                return bytes;
            }
            let now = progress();
            if now.is_some() && now == before {
                return Err(self.silent().into());
            }
            (until, before) = (Instant::now() + self.silence, now);
        }
    }

    fn silent(self) -> Error {
        Error::new(ErrorKind::TimedOut, format!("upstream: no answer within {} s", self.silence.as_secs_f32()))
            .with_hint("the network or upstream is slow; try again later")
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::pending;

    use super::*;

    const SILENCE: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn silence_ends_the_wait_for_an_answer() {
        let deadline = Deadline::new(SILENCE);
        let began = Instant::now();
        // One figure for all that a request asks for.
        for _ in 0..2 {
            let error = deadline.answer(pending::<Result<(), Error>>()).await.unwrap_err();
            assert_eq!((error.kind(), error.message()), (ErrorKind::TimedOut, "upstream: no answer within 10 s"));
        }
        assert_eq!(began.elapsed().as_secs(), SILENCE.as_secs());
        assert_eq!(deadline.answer(async { Ok::<_, Error>(1) }).await.unwrap(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn progress_keeps_the_wait_for_bytes() {
        let looks = Cell::new(0);
        // Something arrives at first, then all of it is there, then it is to be fetched again and nothing comes.
        let progress = || {
            looks.set(looks.get() + 1);
            match looks.get() {
                look @ 1..=3 => Some(look),
                4..=6 => None,
                _ => Some(7),
            }
        };
        let deadline = Deadline::new(SILENCE);
        let began = Instant::now();
        let error = deadline.bytes(pending::<Result<(), Error>>(), progress).await.unwrap_err();
        assert_eq!((error.kind(), looks.get()), (ErrorKind::TimedOut, 8));
        assert_eq!(began.elapsed().as_secs(), 7 * SILENCE.as_secs());
    }
}
