//! Dependencies that a manifest asks for and no code names.

use crate::tidy::deps::Member;
use crate::tidy::finding::Finding;
use crate::tidy::source::File;

/// Every dependency whose name occurs in none of the member's files where it counts.
pub(crate) fn check(members: &[Member], files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for member in members {
        let own = |part: &str| format!("{}/{part}", member.folder);
        for dependency in &member.dependencies {
            let name = dependency.name.replace('-', "_");
            let places: &[&str] =
                if dependency.dev { &["src/", "tests/", "examples/", "benches/"] } else { &["src/", "build.rs"] };
            let is_used = files
                .iter()
                .filter(|file| places.iter().any(|place| file.path.starts_with(&own(place))))
                .any(|file| has_word(&file.text, &name));
            if !is_used {
                let text = format!("{} is used nowhere in {}", dependency.name, places.join(", "));
                findings.push(Finding::new(&own("Cargo.toml"), 1, text));
            }
        }
    }
    findings
}

fn has_word(text: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        let before = text.get(..at).and_then(|text| text.chars().next_back());
        let after = text.get(at + word.len()..).and_then(|text| text.chars().next());
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::tidy::deps::members;

    #[test]
    fn unused_dependency_is_found() {
        let of = |kind: Option<&str>| {
            members(&json!({"packages": [{"name": "a", "manifest_path": "crates/a/Cargo.toml",
                "dependencies": [{"name": "http-body", "kind": kind}]}]}))
        };
        let uses = |path: &str, text: &str| vec![File::new(path, text.to_owned())];
        assert_eq!(check(&of(None), &uses("crates/a/src/lib.rs", "use http_body_util::X;")).len(), 1);
        assert_eq!(check(&of(None), &uses("crates/a/tests/it.rs", "use http_body::Body;")).len(), 1);
        assert_eq!(check(&of(None), &uses("crates/ab/src/lib.rs", "use http_body::Body;")).len(), 1);
        assert_eq!(check(&of(None), &uses("crates/a/src/lib.rs", "use http_body::Body;")), []);
        assert_eq!(check(&of(Some("dev")), &uses("crates/a/tests/it.rs", "use http_body::Body;")), []);
    }
}
