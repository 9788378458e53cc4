//! Errors as people and programs read them.

use cache_lib::{Error, ErrorKind};
use serde_json::{Value, json};

/// `error: …` and, indented below it, what the user can do.
pub(crate) fn text(error: &Error) -> String {
    match error.hint() {
        Some(hint) => format!("error: {error}\n  hint: {hint}"),
        None => format!("error: {error}"),
    }
}

/// The same for programs.
pub(crate) fn json(error: &Error) -> Value {
    json!({
        "kind": error.kind().as_str(),
        "category": error.kind().category().as_str(),
        "retry_helps": error.retry_helps(),
        "exit_code": error.kind().exit_code(),
        "message": error.message(),
        "hint": error.hint(),
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

    #[test]
    fn an_error_has_its_hint_below() {
        let error = Error::new(ErrorKind::Usage, "no").with_hint("yes");
        assert_eq!(text(&error), "error: no\n  hint: yes");
        assert_eq!(json(&error)["exit_code"], 2);
    }
}
