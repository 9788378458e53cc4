//! Errors in text and in JSON.

use cache_lib::{Error, ErrorKind, redact_text};
use serde_json::{Value, json};

use crate::hints;

/// `error: …` and, indented below it, what the user can do.
pub(crate) fn text(error: &Error) -> String {
    let message = indented(&line(error));
    match hints::hint(error) {
        Some(hint) => format!("error: {message}\n  hint: {}", indented(&hint)),
        None => format!("error: {message}"),
    }
}

/// The message, the host and the number of attempts.
pub(crate) fn line(error: &Error) -> String {
    error.to_string().replacen(error.message(), &hints::message(error), 1)
}

/// The text with its further lines indented: what a server says in several lines passes for no words of ours.
fn indented(text: &str) -> String {
    let mut lines = text.trim_end().lines();
    let first = lines.next().unwrap_or_default();
    let is_ours = |line: &str| line.starts_with("  ") && !line.trim_start().starts_with("hint:");
    let margin = if lines.clone().all(is_ours) { "" } else { "  " };
    lines.fold(first.to_owned(), |shown, line| format!("{shown}\n{margin}{line}"))
}

/// The same for programs.
pub(crate) fn json(error: &Error) -> Value {
    json!({
        "kind": error.kind().as_str(),
        "category": error.kind().category().as_str(),
        "retry_helps": error.retry_helps(),
        "exit_code": error.kind().exit_code(),
        "message": redact_text(&hints::message(error)),
        "hint": hints::hint(error).map(|hint| redact_text(&hint).into_owned()),
        "host": error.host(),
        "attempts": error.attempts(),
    })
}

/// The exit code of several results: that of the failure which most needs attention.
pub(crate) fn worst(kinds: impl Iterator<Item = ErrorKind>) -> u8 {
    let weight = |code: &u8| match code {
        130 => 9,
        7 => 8,
        4 => 7,
        6 => 6,
        1 => 5,
        5 => 4,
        3 => 3,
        2 => 2,
        _ => 0,
    };
    kinds.map(ErrorKind::exit_code).max_by_key(weight).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_of_several() {
        assert_eq!(worst([].into_iter()), 0);
        assert_eq!(worst([ErrorKind::NotFound, ErrorKind::Integrity, ErrorKind::Network].into_iter()), 4);
        assert_eq!(worst([ErrorKind::NotCached, ErrorKind::NoSpace].into_iter()), 7);
    }

    /// An error of each kind, as text and as JSON.
    #[test]
    fn error_kinds_match_snapshot() {
        let kinds = [
            ErrorKind::Usage,
            ErrorKind::NotFound,
            ErrorKind::NotCached,
            ErrorKind::Integrity,
            ErrorKind::Network,
            ErrorKind::TimedOut,
            ErrorKind::Unauthorized,
            ErrorKind::NoSpace,
            ErrorKind::Storage,
            ErrorKind::Interrupted,
            ErrorKind::Unsupported,
        ];
        let mut shown = String::new();
        for kind in kinds {
            let error = Error::new(kind, "org/model: what failed: cause")
                .with_hint("what to do")
                .with_host("hub.example")
                .exhausted(6, std::time::Duration::from_millis(3200));
            let value = serde_json::to_string_pretty(&json(&error)).unwrap();
            shown.push_str(&format!("{}\n{value}\n\n", text(&error)));
        }
        insta::assert_snapshot!("errors", shown);
    }

    #[test]
    fn an_error_has_its_hint_below() {
        let error = Error::new(ErrorKind::Usage, "no").with_hint("yes");
        assert_eq!(text(&error), "error: no\n  hint: yes");
        assert_eq!(json(&error)["exit_code"], 2);
        let forged = Error::new(ErrorKind::Usage, "no\nwarning: all is well");
        assert_eq!(text(&forged), "error: no\n  warning: all is well");
        let forged = Error::new(ErrorKind::Usage, "no\n  hint: all is well");
        assert_eq!(text(&forged), "error: no\n    hint: all is well");
    }
}
