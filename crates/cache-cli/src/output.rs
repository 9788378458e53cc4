//! stdout carries the answer; stderr progress, warnings and errors.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write as _};
use std::os::fd::AsFd;
use std::path::Path;

use cache_lib::{Error, escape_json, escape_line, escape_text, redact_text};
use serde::Serialize;
use serde_json::json;

use crate::failure;

/// Where a command's answer and its status lines go.
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

    /// One line of the answer, in words.
    pub(crate) fn line(&self, text: impl Display) {
        self.write(&format!("{text}\n"));
    }

    /// The answer in words: no character of it changes what a terminal shows.
    pub(crate) fn write(&self, text: &str) {
        self.put(escape_text(text).as_bytes());
    }

    /// The path that is the answer: its bytes for programs, words on a terminal.
    pub(crate) fn path(&self, path: &Path) {
        self.exact(&[path.as_os_str().as_encoded_bytes(), b"\n"].concat());
    }

    /// Bytes for programs, words on a terminal.
    pub(crate) fn exact(&self, bytes: &[u8]) {
        if io::stdout().is_terminal() {
            self.write(&String::from_utf8_lossy(bytes));
        } else {
            self.put(bytes);
        }
    }

    fn put(&self, bytes: &[u8]) {
        let mut stdout = io::stdout().lock();
        let written = stdout.write_all(bytes).and_then(|()| stdout.flush());
        if written.is_err_and(|error| error.kind() != io::ErrorKind::BrokenPipe) {
            self.broken.set(true);
        }
    }

    /// The whole answer, for programs.
    pub(crate) fn json(&self, value: &impl Serialize) {
        self.answered.set(true);
        match serde_json::to_string_pretty(value) {
            Ok(text) => self.put(format!("{}\n", escape_json(&text)).as_bytes()),
            Err(_) => self.broken.set(true),
        }
    }

    /// Writes a status line to stderr, unless quiet.
    pub(crate) fn status(&self, text: impl Display) {
        if !self.quiet {
            write_stderr(text);
        }
    }

    /// Reports an error, also in JSON if nothing was answered yet. Returns its exit code.
    pub(crate) fn fail(&self, error: &Error) -> u8 {
        self.error(error);
        if self.json && !self.answered.get() {
            self.json(&json!({ "error": failure::json(error) }));
        }
        error.kind().exit_code()
    }

    /// Writes an error to stderr, without JSON.
    pub(crate) fn error(&self, error: &Error) {
        write_stderr(failure::text(error));
    }

    /// The exit code, given that all was written.
    pub(crate) fn end(&self, code: u8) -> u8 {
        if self.broken.get() && code == 0 {
            write_stderr("error: could not write the output");
            return 1;
        }
        code
    }
}

/// Writes a line to stderr. A closed stderr is no failure.
pub(crate) fn write_stderr(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{}", sanitize(&text.to_string()));
}

/// A text as it may reach a terminal: without secrets of addresses, and nothing in it acts.
pub(crate) fn sanitize(text: &str) -> String {
    escape_text(&redact_text(text)).into_owned()
}

/// The width of a terminal where none is known.
const WIDTH: usize = 80;
/// Narrowest column that is shortened.
const NARROWEST: usize = 12;

/// A table for stdout: cells are shortened to fit a terminal, and left whole elsewhere.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    aligned(rows, width_of(&io::stdout()))
}

/// A table for stderr, shortened by the same rule.
pub(crate) fn stderr_table(rows: &[Vec<String>]) -> String {
    aligned(rows, width_of(&io::stderr()))
}

/// Columns of a terminal; `None` for anything else.
fn width_of(stream: &(impl IsTerminal + AsFd)) -> Option<usize> {
    let columns = || terminal_size::terminal_size_of(stream.as_fd()).map_or(WIDTH, |(width, _)| width.0.into());
    stream.is_terminal().then(|| columns().max(40))
}

/// A text of at most `width` characters: the middle of a longer one gives way to an ellipsis.
pub(crate) fn shortened(text: &str, width: usize) -> Cow<'_, str> {
    let count = text.chars().count();
    if count <= width {
        return Cow::Borrowed(text);
    }
    let kept = width.saturating_sub(1);
    let (head, tail) = (kept / 2, kept - kept / 2);
    Cow::Owned(text.chars().take(head).chain(['…']).chain(text.chars().skip(count - tail)).collect())
}

/// Narrows the widest columns until all fit into `width` with two spaces between them.
fn narrow(widths: &mut [usize], width: usize) {
    let between = 2 * widths.len().saturating_sub(1);
    while widths.iter().sum::<usize>() + between > width {
        match widths.iter_mut().max() {
            Some(widest) if *widest > NARROWEST => *widest -= 1,
            _ => return,
        }
    }
}

/// Columns, aligned, within a number of characters; a cell is one line.
fn aligned(rows: &[Vec<String>], limit: Option<usize>) -> String {
    let rows: Vec<Vec<Cow<'_, str>>> =
        rows.iter().map(|row| row.iter().map(|cell| escape_line(cell)).collect()).collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let mut widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    if let Some(limit) = limit {
        narrow(&mut widths, limit);
    }
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            let cell = if limit.is_some() { shortened(cell, *width) } else { Cow::Borrowed(&**cell) };
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

    #[test]
    fn table_fits_the_terminal() {
        let name = format!("organization/{}-GGUF", "long".repeat(20));
        let rows = [
            ["MODEL", "REVISION", "SIZE"].map(str::to_owned).to_vec(),
            vec![name.clone(), "main".to_owned(), "4.2 GB".to_owned()],
        ];
        let shown = aligned(&rows, Some(40));
        assert!(shown.lines().all(|line| line.chars().count() <= 40), "{shown}");
        assert!(shown.contains('…') && shown.contains("-GGUF"), "{shown}");
        assert!(shown.contains("main") && shown.contains("4.2 GB"), "{shown}");
        assert!(aligned(&rows, None).contains(&name));
        assert_eq!(shortened("abcdefgh", 5), "ab…gh");
        assert_eq!(shortened("abcdefgh", 8), "abcdefgh");
    }

    #[test]
    fn a_cell_is_one_line_and_nothing_acts() {
        let rows = [vec!["a\nb".to_owned(), "c\u{202e}\x1b[0m".to_owned()]];
        assert_eq!(table(&rows), "a\\nb  c\\u{202e}\\u{1b}[0m\n");
        assert_eq!(sanitize("\x1b]0;x\x07 http://h/?token=hush"), "\\u{1b}]0;x\\u{7} http://h/");
    }
}
