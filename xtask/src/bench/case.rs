//! One case: contenders that do the same work, in turns.

use std::process::Command;
use std::time::Duration;

use crate::bench::measure::{self, Cost};
use crate::bench::stats;
use crate::failure::Result;

/// Clears away what an earlier run made, and makes what the run needs.
pub(crate) type Prepare = Box<dyn Fn() -> Result<()>>;
/// Groups of commands, one after the other; those of a group side by side.
pub(crate) type Make = Box<dyn Fn() -> Vec<Vec<Command>>>;
/// Looks at what the run has left: it must be right.
pub(crate) type Check = Box<dyn Fn() -> Result<()>>;

/// One way to do the work.
pub(crate) struct Contender {
    pub(crate) name: String,
    pub(crate) prepare: Prepare,
    pub(crate) make: Make,
    pub(crate) check: Check,
}

/// A figure to reach, with what decides it.
#[derive(Debug, Clone)]
pub(crate) enum Figure {
    /// Our time at most so many times this contender's.
    Time { than: String, at_most: f64 },
    /// Our speed at least so many times this contender's.
    Speed { than: String, at_least: f64 },
    /// Our time at most this.
    Within(Duration),
    /// Our peak memory at most so many MiB.
    Memory(u64),
    /// Peak memory of a server of ours at most so many MiB.
    Server { process: u32, mib: u64 },
    /// Our processor seconds for each GiB at most this.
    Cpu { seconds: f64, gib: f64 },
}

/// The work.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) title: String,
    /// The first is ours.
    pub(crate) contenders: Vec<Contender>,
    pub(crate) figures: Vec<Figure>,
    /// Contenders that are missing here.
    pub(crate) skipped: Vec<String>,
}

/// What all runs of one contender cost.
#[derive(Debug, Clone)]
pub(crate) struct Runs {
    pub(crate) name: String,
    /// The command line of the last run, with the folder of the bench left out.
    pub(crate) shown: String,
    pub(crate) costs: Vec<Cost>,
}

impl Runs {
    pub(crate) fn times(&self) -> Vec<Duration> {
        self.costs.iter().map(|cost| cost.wall).collect()
    }
}

/// What a case has shown.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    pub(crate) name: &'static str,
    pub(crate) title: String,
    pub(crate) runs: Vec<Runs>,
    pub(crate) figures: Vec<Figure>,
    pub(crate) skipped: Vec<String>,
}

impl Case {
    /// Runs every contender once in each round.
    pub(crate) fn run(self, repeats: u32) -> Result<Outcome> {
        let mut runs: Vec<Runs> = Vec::new();
        for contender in &self.contenders {
            let commands = (contender.make)().into_iter().map(|group| {
                let mut shown: Vec<String> = group.iter().map(crate::shell::shown).collect();
                if shown.len() > 2 {
                    let more = shown.len() - 1;
                    shown.truncate(1);
                    shown.push(format!("({more} more)"));
                }
                shown.join(" & ")
            });
            let shown = commands.collect::<Vec<_>>().join(" && ");
            runs.push(Runs { name: contender.name.clone(), shown, costs: Vec::new() });
        }
        for round in 1..=repeats {
            for (contender, runs) in self.contenders.iter().zip(&mut runs) {
                (contender.prepare)()?;
                rustix::fs::sync();
                let cost = measure::groups((contender.make)())?;
                (contender.check)()?;
                println!("round {round}: {:<28} {:>9.3} s", contender.name, cost.wall.as_secs_f64());
                runs.costs.push(cost);
            }
        }
        Ok(Outcome { name: self.name, title: self.title, runs, figures: self.figures, skipped: self.skipped })
    }
}

impl Outcome {
    fn ours(&self) -> Option<&Runs> {
        self.runs.first()
    }

    /// Each figure in words, what was measured, and whether it was reached; figures beside absent peers are left out.
    pub(crate) fn judge(&self) -> Vec<(String, String, bool)> {
        self.figures.iter().filter_map(|figure| self.judge_one(figure)).collect()
    }

    fn judge_one(&self, figure: &Figure) -> Option<(String, String, bool)> {
        let ours = self.ours()?;
        let peer = |name: &str| self.runs.iter().find(|runs| runs.name == name).map(Runs::times);
        let median = |values: Vec<f64>| stats::Spread::of(values).median;
        Some(match figure {
            Figure::Time { than, at_most } => {
                let ratio = stats::ratio(&ours.times(), &peer(than)?);
                (format!("at most {at_most} × {than}"), format!("{ratio:.2} ×"), ratio <= *at_most)
            }
            Figure::Speed { than, at_least } => {
                let ratio = stats::ratio(&peer(than)?, &ours.times());
                (format!("at least {at_least} × the speed of {than}"), format!("{ratio:.2} ×"), ratio >= *at_least)
            }
            Figure::Within(limit) => {
                let time = median(ours.times().iter().map(Duration::as_secs_f64).collect());
                let limit = limit.as_secs_f64();
                (format!("at most {:.0} ms", limit * 1e3), format!("{:.2} ms", time * 1e3), time <= limit)
            }
            Figure::Memory(mib) => {
                // The worst run counts: a median would hide a leak.
                let peak = ours.costs.iter().map(|cost| cost.peak).max()?;
                (format!("peak memory at most {mib} MiB"), format!("{:.1} MiB", mebibytes(peak)), peak <= mib << 20)
            }
            Figure::Server { process, mib } => {
                let peak = measure::peak(*process)?;
                let words = format!("peak memory of the server at most {mib} MiB");
                (words, format!("{:.1} MiB", mebibytes(peak)), peak <= mib << 20)
            }
            Figure::Cpu { seconds, gib } => {
                let used = median(ours.costs.iter().map(|cost| cost.cpu.as_secs_f64() / gib).collect());
                (format!("at most {seconds} CPU s a GiB"), format!("{used:.2} s"), used <= *seconds)
            }
        })
    }
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
pub(crate) fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(name: &str, seconds: u64, mib: u64) -> Runs {
        let cost = Cost { wall: Duration::from_secs(seconds), cpu: Duration::from_secs(seconds), peak: mib << 20 };
        Runs { name: name.to_owned(), shown: String::new(), costs: vec![cost; 3] }
    }

    #[test]
    fn figures_are_judged_both_ways() {
        let figures = vec![
            Figure::Time { than: "curl".to_owned(), at_most: 1.15 },
            Figure::Time { than: "absent".to_owned(), at_most: 1.0 },
            Figure::Speed { than: "curl".to_owned(), at_least: 0.9 },
            Figure::Within(Duration::from_secs(1)),
            Figure::Memory(32),
            Figure::Cpu { seconds: 1.6, gib: 2.0 },
        ];
        let outcome = Outcome {
            name: "x",
            title: String::new(),
            runs: vec![runs("ours", 2, 40), runs("curl", 2, 11)],
            figures,
            skipped: Vec::new(),
        };
        let verdicts: Vec<bool> = outcome.judge().iter().map(|(_, _, reached)| *reached).collect();
        assert_eq!(verdicts, [true, true, false, false, true]);
    }
}
