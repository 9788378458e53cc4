//! stdout carries the answer, stderr the words.

use std::cell::Cell;
use std::fmt::Display;
use std::io::{self, Write as _};

use cache_lib::Error;
use serde::Serialize;
use serde_json::json;

use crate::failure;

/// Where a command's answer and its remarks go.
#[derive(Debug)]
pub(crate) struct Output {
    json: bool,
    quiet: bool,
    /// Whether writing the answer failed for another reason than a reader that has had enough.
    broken: Cell<bool>,
    answered: Cell<bool>,
}

impl Output {
    pub(crate) fn new(json: bool, quiet: bool) -> Self {
        Self { json, quiet, broken: Cell::new(false), answered: Cell::new(false) }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// One line of the answer.
    pub(crate) fn line(&self, text: impl Display) {
        self.write(&format!("{text}\n"));
    }

    /// The answer as bytes.
    pub(crate) fn write(&self, text: &str) {
        let mut stdout = io::stdout().lock();
        let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
        if written.is_err_and(|error| error.kind() != io::ErrorKind::BrokenPipe) {
            self.broken.set(true);
        }
    }

    /// The whole answer, for programs.
    pub(crate) fn json(&self, value: &impl Serialize) {
        self.answered.set(true);
        match serde_json::to_string_pretty(value) {
            Ok(text) => self.line(text),
            Err(_) => self.broken.set(true),
        }
    }

    /// A remark. Not part of the answer, and not said when quiet.
    pub(crate) fn remark(&self, text: impl Display) {
        if !self.quiet {
            say(text);
        }
    }

    /// Tells of an error, also in JSON if nothing was answered yet. Returns its exit code.
    pub(crate) fn fail(&self, error: &Error) -> u8 {
        self.tell(error);
        if self.json && !self.answered.get() {
            self.json(&json!({ "error": failure::json(error) }));
        }
        error.kind().exit_code()
    }

    /// Tells of an error in words alone.
    pub(crate) fn tell(&self, error: &Error) {
        say(failure::text(error));
    }

    /// The exit code, given that all was written.
    pub(crate) fn end(&self, code: u8) -> u8 {
        if self.broken.get() && code == 0 {
            say("error: the answer could not be written");
            return 1;
        }
        code
    }
}

/// Writes to stderr; that nobody listens is no failure.
pub(crate) fn say(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Columns, aligned; the last one is left as it is.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(&format!("{cell:<width$}  "));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let rows = [vec!["a".to_owned(), "bb".to_owned()], vec!["ccc".to_owned(), "d".to_owned()]];
        assert_eq!(table(&rows), "a    bb\nccc  d\n");
        assert_eq!(table(&[]), "");
    }
}
