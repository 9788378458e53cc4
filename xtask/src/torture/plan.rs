//! [`Plan`]: how hard a rig tries; [`Tally`]: what it has seen.

use std::time::Instant;

/// How hard to try.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) points: u64,
    pub(crate) until: Option<Instant>,
    /// The guarded step that is switched off.
    pub(crate) mutant: Option<&'static str>,
    pub(crate) seed: u64,
}

/// What a rig has seen.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) points: u64,
    pub(crate) failures: Vec<String>,
    /// What was covered, in words.
    pub(crate) notes: Vec<String>,
}

impl Tally {
    /// Counts a point and what was wrong after it.
    pub(crate) fn point(&mut self, what: &str, problems: Vec<String>) {
        self.points += 1;
        self.failures.extend(problems.into_iter().map(|problem| format!("{what}: {problem}")));
    }

    /// Whether the rig may stop: enough points, too many failures, or no time left.
    pub(crate) fn enough(&self, plan: &Plan) -> bool {
        let failed = if plan.mutant.is_some() { 1 } else { 20 };
        self.points >= plan.points || self.given_up(plan) || self.failures.len() >= failed
    }

    fn given_up(&self, plan: &Plan) -> bool {
        plan.until.is_some_and(|until| Instant::now() >= until)
    }
}
