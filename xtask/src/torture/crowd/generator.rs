//! [`Generator`]: makes operations from a seed.

use crate::torture::content::Noise;
use crate::torture::crowd::plan::{Expects, LIMIT, Operation, When};

/// Makes operations, numbered in the order in which they are made.
#[derive(Debug)]
pub(crate) struct Generator {
    pub(crate) noise: Noise,
    next: u64,
}

impl Generator {
    pub(crate) fn new(seed: u64) -> Self {
        Self { noise: Noise::new(seed), next: 0 }
    }

    /// A number that no other operation and no scene has had.
    pub(crate) fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// An operation that is expected to succeed.
    pub(crate) fn operation(&mut self, scene: &'static str, arguments: &[&str]) -> Operation {
        Operation {
            number: self.number(),
            scene,
            starts: When::Free,
            changes: Vec::new(),
            arguments: arguments.iter().map(|&argument| argument.to_owned()).collect(),
            environment: Vec::new(),
            clock: 0,
            signals: Vec::new(),
            limit: LIMIT,
            expects: Expects::Codes(&[0]),
            shows: Vec::new(),
            sent: None,
            twin: None,
            asks: Vec::new(),
        }
    }
}
