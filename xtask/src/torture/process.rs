//! Runs a command with a limit on its time, and everything it started ends with it.

use std::io::{Read as _, Seek as _};
use std::os::unix::fs::FileExt as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use crate::failure::Result;

/// How one run ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    /// It did not end by itself.
    pub(crate) hung: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    pub(crate) fn ok(&self) -> bool {
        self.status.success() && !self.hung
    }

    /// Whether SIGKILL ended it, itself or the strace around it.
    pub(crate) fn killed(&self) -> bool {
        !self.hung && (self.status.signal() == Some(9) || self.status.code() == Some(137))
    }

    /// The end in words, with the last line it wrote.
    pub(crate) fn words(&self) -> String {
        let last = self.stderr.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
        let how = if self.hung { "hung".to_owned() } else { self.status.to_string() };
        format!("{how} ({last})")
    }
}

/// A run that goes on.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    stdout: std::fs::File,
    stderr: std::fs::File,
    deadline: Instant,
}

/// Starts a command in a process group of its own. Its words go to files: a full pipe must not look like a hang.
pub(crate) fn start(mut command: Command, limit: Duration) -> Result<Running> {
    let (stdout, stderr) = (tempfile::tempfile()?, tempfile::tempfile()?);
    command.stdin(Stdio::null()).stdout(stdout.try_clone()?).stderr(stderr.try_clone()?).process_group(0);
    let child = command.spawn().map_err(|error| format!("{}: {error}", crate::shell::shown(&command)))?;
    Ok(Running { child, stdout, stderr, deadline: Instant::now() + limit })
}

/// Runs a command to its end.
pub(crate) fn run(command: Command, limit: Duration) -> Result<Ended> {
    start(command, limit)?.finish()
}

impl Running {
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended by itself.
    pub(crate) fn is_over(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    pub(crate) fn is_late(&self) -> bool {
        Instant::now() >= self.deadline
    }

    /// Gives it more time.
    pub(crate) fn extend(&mut self, by: Duration) {
        self.deadline += by;
    }

    /// Sends a signal to it and to all it started. Not for one that is over: its number may be another's by now.
    pub(crate) fn signal(&self, signal: Signal) {
        let _ = rustix::process::kill_process_group(Pid::from_child(&self.child), signal);
    }

    /// The first line that it has written to stdout, once it is whole.
    pub(crate) fn first_line(&self) -> Option<String> {
        let mut bytes = [0; 300];
        // Not by seeking: the position is shared with the one that writes.
        let read = self.stdout.read_at(&mut bytes, 0).ok()?;
        let text = String::from_utf8_lossy(bytes.get(..read)?).into_owned();
        text.split_once('\n').map(|(line, _)| line.to_owned())
    }

    pub(crate) fn finish(mut self) -> Result<Ended> {
        let mut hung = false;
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            if Instant::now() >= self.deadline {
                hung = true;
                // The group: a killed strace would let go of what it traces.
                let _ = rustix::process::kill_process_group(Pid::from_child(&self.child), Signal::KILL);
                break self.child.wait()?;
            }
            std::thread::sleep(Duration::from_millis(1));
        };
        Ok(Ended { status, hung, stdout: text(&mut self.stdout)?, stderr: text(&mut self.stderr)? })
    }
}

fn text(file: &mut std::fs::File) -> Result<String> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn ends_are_told_apart() {
        let ended = run(sh("echo out; echo first >&2; echo last >&2; exit 3"), Duration::from_secs(10)).unwrap();
        assert_eq!((ended.stdout.as_str(), ended.ok(), ended.killed()), ("out\n", false, false));
        assert!(ended.words().contains("last"), "{}", ended.words());
        assert!(run(sh("kill -9 $$"), Duration::from_secs(10)).unwrap().killed());
    }

    #[test]
    fn running_is_seen_and_signaled() {
        let mut running = start(sh("echo first; cat; sleep 100"), Duration::from_secs(10)).unwrap();
        while running.first_line().is_none() {
            std::thread::yield_now();
        }
        assert_eq!(running.first_line().as_deref(), Some("first"));
        assert!(!running.is_over().unwrap() && !running.is_late());
        running.signal(Signal::KILL);
        assert!(running.finish().unwrap().killed());
    }

    #[test]
    fn a_hang_is_ended_with_its_children() {
        let ended = run(sh("tail -f /dev/null & wait"), Duration::from_millis(100)).unwrap();
        assert!(ended.hung && !ended.ok() && !ended.killed());
    }
}
