//! What a bad server is about to do, and what it has seen.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::personality::Personality;
use crate::Content;
use crate::gate::Gate;

/// One request that the server has read.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct FaultSeen {
    /// Which connection, from 1.
    pub connection: u64,
    /// `GET` or `HEAD`.
    pub method: String,
    /// Path and query as they arrived.
    pub target: String,
    /// Header names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// How it was answered.
    pub personality: Personality,
}

impl FaultSeen {
    /// A header's value; the name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) url: String,
    pub(super) current: Mutex<Current>,
    pub(super) script: Mutex<Script>,
    /// Files that are always served well.
    pub(super) beside: Mutex<HashMap<String, Content>>,
    pub(super) log: Mutex<Vec<FaultSeen>>,
    pub(super) gate: Gate,
    pub(super) sent: AtomicU64,
    pub(super) connections: AtomicU64,
}

/// What the file is now.
#[derive(Debug, Clone)]
pub(super) struct Current {
    pub(super) content: Content,
    /// Counts the changes; part of the tag.
    pub(super) generation: u64,
}

impl Current {
    pub(super) fn etag(&self) -> String {
        format!("\"{}-{}\"", &self.content.sha256().to_string()[..16], self.generation)
    }
}

#[derive(Debug)]
pub(super) struct Script {
    pub(super) next: VecDeque<Personality>,
    pub(super) then: Personality,
    pub(super) replacement: Option<Content>,
}

impl State {
    /// How the next request is answered, and the file it is answered with.
    pub(super) fn next(&self) -> (Personality, Current) {
        let mut script = lock(&self.script);
        let personality = script.next.pop_front().unwrap_or_else(|| script.then.clone());
        let mut current = lock(&self.current);
        if matches!(personality, Personality::Change | Personality::ChangeAlways) {
            let other = script.replacement.clone().unwrap_or_else(|| inverted(&current.content));
            current.content = other;
            current.generation += 1;
            if personality == Personality::Change && script.then == Personality::Change {
                // Changed once and for all.
                script.then = Personality::Good;
            }
        }
        (personality, current.clone())
    }
}

fn inverted(content: &Content) -> Content {
    let bytes = content.to_vec().unwrap_or_default();
    Content::from(bytes.into_iter().map(|byte| !byte).collect::<Vec<u8>>())
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
