//! How long answers about what is cached take: for the client, by the mirror's own log, and what of it is due to
//! the machine.

use std::sync::Mutex;
use std::time::Duration;

use serde_json::Value;

use crate::torture::locked::lock;

/// Highest p99 of the time that an answer about what is cached takes the mirror itself.
const CACHED: Duration = Duration::from_millis(50);
/// Models that the probe alone asks for.
const PROBED: &str = "/org/hot-";

/// What an answer is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum About {
    /// A file of a commit.
    Commit,
    /// What moves: a branch, the API's words.
    Name,
}

impl About {
    /// By the path that was asked for.
    pub(crate) fn of(path: &str) -> Self {
        if path.contains("/resolve/") && !path.contains("/resolve/main/") { Self::Commit } else { Self::Name }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Times {
    /// From the connection to the last byte, for the client.
    asked: Mutex<Vec<(About, Duration)>>,
    /// From the request's head to the last byte given to the connection, by the mirror's log.
    handled: Mutex<Vec<(About, Duration)>>,
    /// How much later than planned a thread of the rig runs again.
    late: Mutex<Vec<Duration>>,
}

impl Times {
    pub(crate) fn asked(&self, about: About, took: Duration) {
        lock(&self.asked).push((about, took));
    }

    pub(crate) fn late(&self, by: Duration) {
        lock(&self.late).push(by);
    }

    /// Reads the log of a mirror that has ended.
    pub(crate) fn read(&self, log: &str) {
        lock(&self.handled).extend(log.lines().filter_map(handled));
    }

    /// In words.
    pub(crate) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        for (about, what) in [(About::Commit, "files of a commit"), (About::Name, "names")] {
            let (asked, handled) = (of(&self.asked, about), of(&self.handled, about));
            notes.push(format!(
                "{} answers about cached {what}: {} in the mirror, {} for the client",
                handled.len(),
                shown(&handled),
                shown(&asked)
            ));
        }
        let mut late = lock(&self.late).clone();
        late.sort();
        notes.push(format!("a thread of the rig wakes late by {}", shown(&late)));
        notes
    }

    /// What took too long. The time in the mirror is judged: the clients of the rig share the processors with it.
    pub(crate) fn too_long(&self) -> Vec<String> {
        let slow = |about, what| {
            let most = percentile(&of(&self.handled, about), 99);
            (most > CACHED)
                .then(|| format!("answers about cached {what} take the mirror {most:.1?} (p99), more than {CACHED:?}"))
        };
        [slow(About::Commit, "files of a commit"), slow(About::Name, "names")].into_iter().flatten().collect()
    }
}

/// What a line of the access log says of an answer to the probe.
fn handled(line: &str) -> Option<(About, Duration)> {
    if !line.contains(PROBED) {
        return None;
    }
    let line: Value = serde_json::from_str(line).ok()?;
    let fields = &line["fields"];
    let path = fields["path"].as_str()?;
    let is_whole = fields["status"] == 200 && fields["complete"] == true;
    is_whole.then_some((About::of(path), Duration::from_millis(fields["duration_ms"].as_u64()?)))
}

fn of(times: &Mutex<Vec<(About, Duration)>>, about: About) -> Vec<Duration> {
    let mut times: Vec<Duration> =
        lock(times).iter().filter(|(other, _)| *other == about).map(|(_, took)| *took).collect();
    times.sort();
    times
}

fn shown(sorted: &[Duration]) -> String {
    format!("half {:.1?}, p99 {:.1?}", percentile(sorted, 50), percentile(sorted, 99))
}

fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    sorted.get(sorted.len() * percent / 100).or(sorted.last()).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(path: &str, milliseconds: u64) -> String {
        format!(
            r#"{{"target":"access","fields":{{"path":"{path}","status":200,"complete":true,"duration_ms":{milliseconds}}}}}"#
        )
    }

    #[test]
    fn slow_answers_to_the_probe_are_named() {
        let times = Times::default();
        let log: Vec<String> = (0..99)
            .flat_map(|_| [line("/org/hot-1/resolve/0123/a", 1), line("/org/hot-2/resolve/main/a", 1)])
            .chain((0..9).map(|_| line("/org/cold-1/resolve/0123/a", 9000)))
            .collect();
        times.read(&log.join("\n"));
        assert_eq!(times.too_long(), Vec::<String>::new());
        times.read(&[line("/api/models/org/hot-2", 51), line("/api/models/org/hot-3", 52)].join("\nno line of ours\n"));
        let slow = times.too_long();
        assert!(slow.len() == 1 && slow[0].contains("names"), "{slow:?}");
        assert!(times.notes()[0].starts_with("99 answers"), "{:?}", times.notes());
    }
}
