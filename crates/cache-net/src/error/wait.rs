//! How long a host asks to wait: the Hub's `ratelimit` header, else `Retry-After`.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, header};

use crate::header::digits;

/// The wait that the host asks for, if it asks.
pub(super) fn requested(headers: &HeaderMap) -> Option<Duration> {
    rate_limit(headers).or_else(|| retry_after(headers))
}

/// `until 14:05:10 UTC (in 9 min)`.
pub(super) fn until(wait: Duration) -> String {
    let time = SystemTime::now().checked_add(wait).map(httpdate::fmt_http_date);
    // `Sun, 06 Nov 1994 08:49:37 GMT`
    let clock = time.as_deref().and_then(|date| date.get(17..25)).unwrap_or("later");
    format!("until {clock} UTC (in {})", span(wait))
}

/// A time span in its largest unit and the next: `9 min`, `1 h 30 min`, `45 s`.
fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    let minutes = seconds.div_ceil(60);
    match (minutes / 60, minutes % 60) {
        _ if seconds < 120 => format!("{} s", time.as_secs_f64().ceil()),
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

/// `ratelimit: "api";r=0;t=55`: of the limits with nothing left, the longest time until it is reset.
fn rate_limit(headers: &HeaderMap) -> Option<Duration> {
    let values = headers.get_all("ratelimit").iter().filter_map(|value| value.to_str().ok());
    let limits = values.flat_map(|value| value.split(','));
    limits
        .filter_map(|limit| (parameter(limit, "r")? == 0).then(|| parameter(limit, "t")).flatten())
        .max()
        .map(Duration::from_secs)
}

fn parameter(limit: &str, name: &str) -> Option<u64> {
    let parameters = limit.split(';').skip(1).filter_map(|parameter| parameter.split_once('='));
    parameters.filter(|(key, _)| key.trim() == name).find_map(|(_, value)| digits(value.trim()))
}

/// Seconds, or a date. A date is measured from the server's own `Date`, so that a wrong clock here does not matter.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Some(seconds) = digits(value) {
        return Some(Duration::from_secs(seconds));
    }
    let until = httpdate::parse_http_date(value).ok()?;
    let date = headers.get(header::DATE).and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok());
    Some(until.duration_since(date.unwrap_or_else(SystemTime::now)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    fn wait(headers: &[(&'static str, &'static str)]) -> Option<u64> {
        let pairs =
            headers.iter().map(|&(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        requested(&pairs.collect()).map(|wait| wait.as_secs())
    }

    #[test]
    fn the_hubs_header_counts_before_retry_after() {
        assert_eq!(wait(&[("ratelimit", "\"api\";r=0;t=55"), ("retry-after", "9")]), Some(55));
        assert_eq!(wait(&[("ratelimit", "\"api\"; r=0; t=55, \"resolvers\";r=0;t=70")]), Some(70));
        assert_eq!(wait(&[("ratelimit", "\"api\";r=3;t=55"), ("retry-after", "9")]), Some(9));
        assert_eq!(wait(&[("ratelimit", "nonsense;r=;t=x"), ("retry-after", "9")]), Some(9));
    }

    #[test]
    fn dates_are_measured_by_the_servers_clock() {
        let date = ("date", "Sat, 21 Nov 2026 06:00:00 GMT");
        assert_eq!(wait(&[date, ("retry-after", "Sat, 21 Nov 2026 06:00:42 GMT")]), Some(42));
        assert_eq!(wait(&[date, ("retry-after", "Sat, 21 Nov 2026 05:59:59 GMT")]), Some(0));
        assert_eq!(wait(&[("retry-after", "Thu, 01 Jan 1970 00:00:00 GMT")]), Some(0));
    }

    #[test]
    fn spans_have_at_most_two_units() {
        for (seconds, shown) in
            [(0, "0 s"), (45, "45 s"), (540, "9 min"), (541, "10 min"), (3600, "1 h"), (5400, "1 h 30 min")]
        {
            assert_eq!(span(Duration::from_secs(seconds)), shown);
        }
        let text = until(Duration::from_secs(540));
        assert!(text.starts_with("until ") && text.ends_with(" UTC (in 9 min)"), "{text}");
        assert_eq!(text.matches(':').count(), 2, "{text}");
    }

    #[test]
    fn nonsense_asks_for_nothing() {
        for bad in ["", "-1", "soon", "1.5", "99999999999999999999999"] {
            assert_eq!(wait(&[("retry-after", bad)]), None, "{bad}");
        }
    }
}
