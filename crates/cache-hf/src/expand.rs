//! `~` and `$VAR` in paths from the environment, as Python's `expanduser` and `expandvars` have it.

use std::path::PathBuf;

/// Replaces a leading `~` by the home folder, and `$NAME` and `${NAME}` by the variables of that name.
///
/// Unknown variables, `~user` and a lone `$` stay as they are.
pub(crate) fn expand(text: &str, get: &dyn Fn(&str) -> Option<String>) -> PathBuf {
    let text = variables(text, get);
    let home = text.strip_prefix('~').filter(|rest| rest.is_empty() || rest.starts_with('/'));
    match (home, get("HOME").filter(|home| !home.is_empty())) {
        (Some(rest), Some(home)) => PathBuf::from(format!("{}{rest}", home.trim_end_matches('/'))),
        _ => PathBuf::from(text),
    }
}

fn variables(mut text: &str, get: &dyn Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len());
    while let Some((before, after)) = text.split_once('$') {
        out.push_str(before);
        let (name, whole, rest) = reference(after);
        match get(name).filter(|_| !name.is_empty()) {
            Some(value) => out.push_str(&value),
            None => {
                out.push('$');
                out.push_str(whole);
            }
        }
        text = rest;
    }
    out.push_str(text);
    out
}

/// Splits what follows a `$` into the variable's name, the whole reference, and the rest.
fn reference(after: &str) -> (&str, &str, &str) {
    if let Some((name, rest)) = after.strip_prefix('{').and_then(|braced| braced.split_once('}')) {
        return (name, &after[..name.len() + 2], rest);
    }
    let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
    (&after[..end], &after[..end], &after[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn home_and_variables() {
        let get = |name: &str| match name {
            "HOME" => Some("/home/me".to_owned()),
            "X" => Some("ex".to_owned()),
            _ => None,
        };
        for (text, expanded) in [
            ("~", "/home/me"),
            ("~/a", "/home/me/a"),
            ("~you/a", "~you/a"),
            ("/a/~", "/a/~"),
            ("$X/b", "ex/b"),
            ("/a/${X}b", "/a/exb"),
            ("$HOME/hf", "/home/me/hf"),
            ("/a/$UNKNOWN/b", "/a/$UNKNOWN/b"),
            ("/a/${UNKNOWN}/b", "/a/${UNKNOWN}/b"),
            ("a$", "a$"),
            ("a${X", "a${X"),
            ("${}$é", "${}$é"),
        ] {
            assert_eq!(expand(text, &get), PathBuf::from(expanded), "{text}");
        }
    }
}
