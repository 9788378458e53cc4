//! Doing something at the times of a schedule, in the syntax of cron.

use std::time::Duration;

use cache_lib::{Error, ErrorKind, Result};
use cronexpr::{Crontab, FallbackTimezoneOption, MakeTimestamp, ParseOptions};
use jiff::{Timestamp, Zoned};

/// Longest sleep at once. The clock is looked at again after it: it may have been set, and a computer that was
/// suspended has not counted the time.
const NAP: Duration = Duration::from_secs(30);

/// Times such as `0 3 * * *`: minute, hour, day of month, month, day of week.
#[derive(Debug, Clone)]
pub(crate) struct Schedule(Crontab);

impl Schedule {
    /// Reads five fields; a time zone may follow, the system's is meant without.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when it makes no sense.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut options = ParseOptions::default();
        options.fallback_timezone_option = FallbackTimezoneOption::System;
        cronexpr::parse_crontab_with(text, options).map(Self).map_err(|error| {
            Error::new(ErrorKind::Usage, format!("{text:?} is not a schedule: {error}")).with_hint(
                "write it in cron syntax: \"0 3 * * *\" is every day at three, \"*/15 * * * *\" every 15 minutes",
            )
        })
    }

    /// The first time after this one.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when there is none, as for 30 February.
    pub(crate) fn next(&self, after: Timestamp) -> Result<Zoned> {
        self.0.find_next(MakeTimestamp(after)).map_err(|error| {
            Error::new(ErrorKind::Usage, format!("the schedule has no next time: {error}"))
                .with_hint("such a day may not exist")
        })
    }

    /// Does the work at each time, until it is dropped. Times that pass while the work is done are left out.
    /// `waiting` receives the time of the next run.
    ///
    /// # Errors
    /// As for [`Schedule::next`].
    pub(crate) async fn run(
        &self,
        now: impl Fn() -> Timestamp,
        waiting: impl Fn(&Zoned),
        mut work: impl AsyncFnMut(),
    ) -> Result<()> {
        loop {
            let next = self.next(now())?;
            waiting(&next);
            while let Ok(rest) = Duration::try_from(next.timestamp().duration_since(now()))
                && !rest.is_zero()
            {
                tokio::time::sleep(rest.min(NAP)).await;
            }
            work().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_next_time_is_found_in_the_zone() {
        for (cron, after, next) in [
            ("0 3 * * * UTC", "2026-11-21T02:59:59Z", "2026-11-21T03:00:00Z"),
            ("0 3 * * * UTC", "2026-11-21T03:00:00Z", "2026-11-22T03:00:00Z"),
            ("*/15 * * * * UTC", "2026-11-21T10:16:00Z", "2026-11-21T10:30:00Z"),
            ("30 4 1 * * UTC", "2026-12-31T00:00:00Z", "2027-01-01T04:30:00Z"),
            ("0 3 * * 1 Europe/Berlin", "2026-11-21T00:00:00Z", "2026-11-23T02:00:00Z"),
        ] {
            assert_eq!(Schedule::parse(cron).unwrap().next(at(after)).unwrap().timestamp(), at(next), "{cron}");
        }
        for nonsense in ["", "daily", "0 3 * *", "61 * * * *", "0 3 * * * Nowhere/Town"] {
            assert_eq!(Schedule::parse(nonsense).unwrap_err().kind(), ErrorKind::Usage, "{nonsense}");
        }
    }

    /// Under tokio's paused clock nothing really sleeps; the wall clock goes as that one does.
    #[tokio::test(start_paused = true)]
    async fn work_is_done_at_each_time_and_not_between() {
        let (began, instant) = (at("2026-11-21T02:58:30Z"), tokio::time::Instant::now());
        let now = || began + instant.elapsed();
        let done = RefCell::new(Vec::new());
        let schedule = Schedule::parse("*/10 * * * * UTC").unwrap();
        let work = async || {
            done.borrow_mut().push(now());
            // The second takes so long that two times pass.
            if done.borrow().len() == 2 {
                tokio::time::sleep(Duration::from_secs(25 * 60)).await;
            }
        };
        let run = schedule.run(now, |_| (), work);
        let limit = Duration::from_secs(60 * 60);
        assert!(tokio::time::timeout(limit, run).await.is_err(), "it ended by itself");
        let minutes: Vec<String> = done.borrow().iter().map(|time| time.strftime("%H:%M:%S").to_string()).collect();
        assert_eq!(minutes, ["03:00:00", "03:10:00", "03:40:00", "03:50:00"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_jumps_ahead_is_followed() {
        let (began, instant) = (at("2026-11-21T00:00:00Z"), tokio::time::Instant::now());
        // After a minute of our own time it is three o'clock: the computer was suspended.
        let now = || {
            let awake = instant.elapsed();
            let jump = if awake >= Duration::from_secs(60) { Duration::from_secs(3 * 3600) } else { Duration::ZERO };
            began + awake + jump
        };
        let ran_at = RefCell::new(None);
        let schedule = Schedule::parse("0 3 * * * UTC").unwrap();
        let work = async || {
            ran_at.borrow_mut().get_or_insert(instant.elapsed());
        };
        let limit = Duration::from_secs(600);
        assert!(tokio::time::timeout(limit, schedule.run(now, |_| (), work)).await.is_err());
        assert!(ran_at.borrow().is_some_and(|at| at <= Duration::from_secs(90)), "{ran_at:?}");
    }
}
