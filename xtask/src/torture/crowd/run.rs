//! Plays rounds: starts the processes of each seat, sends them their signals, and looks at how they end.

use std::collections::HashSet;
use std::io;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::failure::Result;
use crate::shell::shown;
use crate::torture::crowd::hub::Hub;
use crate::torture::crowd::plan::{Ask, LIMIT, Operation, Round, Signal, When};
use crate::torture::crowd::{check, mix};
use crate::torture::process::{self, Ended, Running};
use crate::torture::setup::{From, Setup};
use crate::torture::{store, web};

/// How often a process is looked at.
const TICK: Duration = Duration::from_millis(2);
/// The quota of the collection that ends a cycle.
const QUOTA: u64 = 300_000;
/// Seconds after which nothing that was left behind may stay.
const LATER: i64 = 8 * 86_400;

/// What the seats know of each other.
#[derive(Debug, Default)]
struct Board {
    ended: HashSet<u64>,
    /// Operations under way that may evict, and how many have ever begun.
    evicting: usize,
    evictions: u64,
    /// Answers of mirrors that were refusals.
    refused: u64,
    answered: u64,
}

/// A store, a hub, and what happens on them.
pub(crate) struct Stage<'a> {
    setup: &'a Setup,
    mutant: Option<&'static str>,
    hub: Hub,
    store: PathBuf,
    board: Mutex<Board>,
}

impl<'a> Stage<'a> {
    pub(crate) fn new(setup: &'a Setup, mutant: Option<&'static str>) -> Result<Self> {
        Ok(Self { setup, mutant, hub: Hub::start()?, store: setup.store(), board: Mutex::default() })
    }

    /// Begins again with an empty store and another hub.
    pub(crate) fn renew(&mut self) -> Result<()> {
        self.store = self.setup.store();
        self.hub = Hub::start()?;
        Ok(())
    }

    pub(crate) fn notes(&self) -> Vec<String> {
        let board = self.board();
        vec![format!("mirrors gave {} answers and {} refusals", board.answered, board.refused)]
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Plays one round. What was wrong, with all that is needed to look into it.
    pub(crate) fn play(&self, round: &Round) -> Result<Vec<String>> {
        let seat = |operations: &[Operation]| -> Result<Vec<String>> {
            let mut problems = Vec::new();
            for operation in operations {
                problems.extend(self.perform(operation)?);
                self.board().ended.insert(operation.number);
            }
            Ok(problems)
        };
        let mut problems = Vec::new();
        std::thread::scope(|scope| -> Result<()> {
            let seats: Vec<_> = round.seats.iter().map(|operations| scope.spawn(|| seat(operations))).collect();
            for seat in seats {
                problems.extend(seat.join().map_err(|_| "a seat panicked")??);
            }
            Ok(())
        })?;
        let wrong = check::store(&self.store, &self.hub);
        problems.extend(wrong.into_iter().map(|problem| format!("after the round: {problem}")));
        Ok(problems)
    }

    /// Takes everything back that no manifest names and no pin holds, a week later. What is left over.
    pub(crate) fn collect(&self) -> Result<Vec<String>> {
        let mut problems = Vec::new();
        let mut run = |clock: i64, arguments: &[&str], codes: &[i32]| -> Result<()> {
            let mut command = self.setup.command(&self.store, From::Honest, self.mutant, arguments);
            command.env("MODEL_CACHE_CLOCK_OFFSET", clock.to_string());
            let line = shown(&command);
            let ended = process::run(command, LIMIT)?;
            if !ended.status.code().is_some_and(|code| codes.contains(&code)) {
                problems.push(format!("collection: {line}: {}\n{}", ended.words(), output(&ended)));
            }
            Ok(())
        };
        for number in 0..mix::MODELS {
            run(0, &["unpin", "--quiet", &format!("org/pool-{number}")], &[0, 3])?;
        }
        run(LATER, &["gc", "--quiet"], &[0])?;
        let mut left = store::debris(&self.store);
        left.extend(check::orphans(&self.store));
        run(LATER, &["gc", "--quiet", "--max-size", &QUOTA.to_string()], &[0])?;
        run(0, &["verify", "--quiet", "--all"], &[0])?;
        let bytes = check::bytes(&self.store);
        if bytes > QUOTA {
            left.push(format!("{bytes} bytes are left above a quota of {QUOTA}"));
        }
        left.extend(check::store(&self.store, &self.hub));
        problems.extend(left.into_iter().map(|problem| format!("after the collection: {problem}")));
        Ok(problems)
    }

    fn command(&self, operation: &Operation) -> Command {
        let arguments: Vec<String> =
            operation.arguments.iter().map(|argument| argument.replace("{hub}", &self.hub.url)).collect();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut command = self.setup.command(&self.store, From::Honest, self.mutant, &arguments);
        command.env("HF_ENDPOINT", &self.hub.url);
        command.envs(operation.environment.iter().map(|(name, value)| (name, value)));
        if operation.clock != 0 {
            command.env("MODEL_CACHE_CLOCK_OFFSET", operation.clock.to_string());
        }
        command
    }

    fn is_due(&self, when: &When, began: Instant) -> bool {
        match when {
            When::Free => true,
            When::After(time) => began.elapsed() >= *time,
            When::Ended(by) => self.board().ended.contains(by),
            When::Sent { file, bytes, by } => self.hub.sent(file) >= *bytes || self.board().ended.contains(by),
        }
    }

    fn wait(&self, when: &When) {
        let began = Instant::now();
        while !self.is_due(when, began) && began.elapsed() < LIMIT {
            std::thread::sleep(TICK);
        }
    }

    /// Runs one operation to its end and judges it.
    fn perform(&self, operation: &Operation) -> Result<Vec<String>> {
        self.wait(&operation.starts);
        operation.changes.iter().for_each(|change| self.hub.change(change));
        let evicts = operation.evicts();
        if evicts {
            let mut board = self.board();
            board.evicting += 1;
            board.evictions += 1;
        }
        let command = self.command(operation);
        let line = shown(&command);
        let mut running = process::start(command, operation.limit)?;
        let mut problems = if operation.asks.is_empty() { Vec::new() } else { self.ask(operation, &mut running)? };
        let evictions = self.attend(operation, &mut running)?;
        let ended = running.finish()?;
        // While this is held nothing begins to evict.
        let mut board = self.board();
        let undisturbed = board.evicting == usize::from(evicts) && board.evictions == evictions;
        problems.extend(check::end(operation, &ended));
        if ended.ok() {
            problems.extend(check::shown(operation, &ended.stdout, undisturbed));
            problems.extend(operation.sent.as_ref().and_then(|sent| check::sent(&self.hub, sent)));
            problems.extend(operation.twin.into_iter().flat_map(|length| check::twins(&self.store, length)));
        }
        board.evicting -= usize::from(evicts);
        drop(board);
        let Operation { number, scene, .. } = operation;
        let described = |problem| format!("operation {number} ({scene}): {problem}\n    {line}\n{}", output(&ended));
        Ok(problems.into_iter().map(described).collect())
    }

    /// Sends signals until the process ends or its time is over. How many evictions had begun when it was last seen alive.
    fn attend(&self, operation: &Operation, running: &mut Running) -> Result<u64> {
        let began = Instant::now();
        let mut signals = operation.signals.iter();
        let mut next = signals.next();
        let mut stopped: Option<Instant> = None;
        let mut evictions = self.board().evictions;
        loop {
            let seen = self.board().evictions;
            if running.is_over()? {
                return Ok(evictions);
            }
            evictions = seen;
            if let Some((_, signal)) = next.filter(|(when, _)| self.is_due(when, began)) {
                running.signal(match signal {
                    Signal::Stop => rustix::process::Signal::STOP,
                    Signal::Continue => rustix::process::Signal::CONT,
                    Signal::Interrupt => rustix::process::Signal::INT,
                    Signal::Kill => rustix::process::Signal::KILL,
                });
                match signal {
                    Signal::Stop => stopped = Some(Instant::now()),
                    _ => running.extend(stopped.take().map(|since| since.elapsed()).unwrap_or_default()),
                }
                next = signals.next();
            }
            if stopped.is_none() && running.is_late() {
                return Ok(evictions);
            }
            std::thread::sleep(TICK);
        }
    }

    /// Makes the requests of a mirror's clients, then tells it to end.
    fn ask(&self, operation: &Operation, running: &mut Running) -> Result<Vec<String>> {
        let began = Instant::now();
        let address = loop {
            match running.first_line() {
                Some(address) => break address,
                None if running.is_over()? || running.is_late() => return Ok(vec!["no mirror listens".to_owned()]),
                None => std::thread::sleep(TICK),
            }
        };
        let problems = operation.asks.iter().filter_map(|ask| self.ask_one(&address, ask)).collect();
        running.extend(began.elapsed());
        if !running.is_over()? {
            running.signal(rustix::process::Signal::TERM);
        }
        Ok(problems)
    }

    fn ask_one(&self, address: &str, ask: &Ask) -> Option<String> {
        self.wait(&ask.starts);
        let path = format!("/{}/resolve/main/{}", ask.model, ask.file);
        let what = || format!("GET {path}, from {:?}, at most {:?}", ask.from, ask.most);
        let got = match web::get(address, &path, ask.from, ask.most, ask.limit) {
            Ok(got) => got,
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                return Some(format!("{}: no end within {:.0?}", what(), ask.limit));
            }
            Err(error) => return Some(format!("{}: {error}", what())),
        };
        let mut board = self.board();
        board.answered += 1;
        let problem = match got.status {
            200 => check::answered(&self.hub, &ask.model, &ask.file, 0, &got.body),
            206 => {
                let from = usize::try_from(ask.from.unwrap_or_default()).unwrap_or_default();
                check::answered(&self.hub, &ask.model, &ask.file, from, &got.body)
            }
            // Of a mirror that was killed while it streamed the file nobody resumes.
            409 | 502..=504 if ask.may_be_refused => {
                board.refused += 1;
                None
            }
            status => Some(format!("answered {status}")),
        };
        let broken = (problem.is_none() && got.status < 300 && !got.whole && ask.most.is_none())
            .then(|| format!("the body broke off after {} bytes", got.body.len()));
        problem.or(broken).map(|problem| format!("{}: {problem}", what()))
    }
}

fn output(ended: &Ended) -> String {
    let lines =
        |name: &str, text: &str| -> String { text.lines().map(|line| format!("    {name}: {line}\n")).collect() };
    format!("{}{}", lines("stdout", &ended.stdout), lines("stderr", &ended.stderr)).trim_end().to_owned()
}
