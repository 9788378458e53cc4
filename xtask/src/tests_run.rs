//! Runs test commands, passes their output on, and counts what passed.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use crate::failure::Result;
use crate::shell::shown;

/// How many tests passed and failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl std::ops::AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped > 0 {
            write!(f, ", {} skipped", self.skipped)?;
        }
        Ok(())
    }
}

/// Reads one line of nextest's or libtest's: its closing line counts, every other is nothing.
fn closing_line(line: &str) -> Option<Count> {
    // nextest indents what a failed test wrote, libtest's closing line among it: that one is not counted again.
    let line = line.trim_end();
    let tail = match (line.trim_start().strip_prefix("Summary ["), line.strip_prefix("test result: ")) {
        (Some(tail), _) => tail.split_once(':')?.1,
        (_, Some(tail)) => tail.split_once(". ")?.1,
        _ => return None,
    };
    let mut count = Count::default();
    for part in tail.split([',', ';']) {
        let mut words = part.split_whitespace();
        let (Some(number), Some(word)) = (words.next().and_then(|text| text.parse::<u64>().ok()), words.next()) else {
            continue;
        };
        match word {
            "passed" => count.passed += number,
            "failed" | "timed" => count.failed += number,
            "skipped" | "ignored" => count.skipped += number,
            _ => {}
        }
    }
    Some(count)
}

/// Runs a test command; `Err` when it failed, with the count in either case.
pub(crate) fn run(command: &mut Command, count: &mut Count) -> Result<()> {
    println!("$ {}", shown(command));
    // The shell puts stderr into the same pipe, so that the lines stay in order.
    let mut merged = Command::new("sh");
    merged.args(["-c", "exec \"$@\" 2>&1", "sh"]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            merged.env(name, value);
        }
    }
    if let Some(folder) = command.get_current_dir() {
        merged.current_dir(folder);
    }
    let mut child = merged.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    if let Some(stdout) = child.stdout.take() {
        let mut lines = BufReader::new(stdout);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line)? > 0 {
            let text = String::from_utf8_lossy(&line);
            print!("{text}");
            if let Some(found) = closing_line(&without_colour(&text)) {
                *count += found;
            }
            line.clear();
        }
    }
    let status = child.wait()?;
    if status.success() { Ok(()) } else { Err(format!("{}: {status}", shown(command)).into()) }
}

fn without_colour(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            chars.by_ref().find(char::is_ascii_alphabetic);
        } else {
            plain.push(c);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_are_read() {
        for (line, passed, failed, skipped) in [
            ("     Summary [   0.021s] 5 tests run: 5 passed, 0 skipped", 5, 0, 0),
            ("     Summary [   1.0s] 12 tests run: 9 passed (1 slow), 2 failed, 1 timed out, 3 skipped", 9, 3, 3),
            ("test result: ok. 4 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.00s", 4, 0, 1),
            ("test result: FAILED. 4 passed; 2 failed; 0 ignored", 4, 2, 0),
        ] {
            assert_eq!(closing_line(line), Some(Count { passed, failed, skipped }), "{line}");
        }
        for line in [
            "running 4 tests",
            "    test result: FAILED. 0 passed; 1 failed; 0 ignored",
            "PASS [   0.004s] xtask x",
            "12 passed",
        ] {
            assert_eq!(closing_line(line), None, "{line}");
        }
    }

    #[test]
    fn counting_survives_failure_and_colour() {
        let mut count = Count::default();
        let script = "printf '\\033[1mtest result: FAILED\\033[0m. 1 passed; 2 failed; 0 ignored\\n' >&2; exit 3";
        assert!(run(Command::new("sh").args(["-c", script]), &mut count).is_err());
        assert_eq!(count.to_string(), "1 passed, 2 failed");
    }
}
