//! Plain words: code has no persons in it.

use std::collections::BTreeSet;

use crate::tidy::finding::Finding;
use crate::tidy::tokens::{Kind, Scanned};

/// Words that neither a doc comment, a message nor a name has.
const WORDS: &[&str] = &[
    "whoever", "nobody", "somebody", "told", "hears", "heard", "unheard", "lies", "lied", "liar", "liars", "wish",
    "wishes", "wished",
];
/// Words of names alone, in place of which the field has others.
const NAMES: &[&str] = &["who", "hear", "besides", "meant", "asker", "errand", "despite", "mend", "vanish", "vanished"];
/// Names of types that say less than the field's.
const TYPES: &[&str] = &["Along", "Fallen", "Instead", "Packed", "Packing", "Pilot", "Trouble", "Wanted"];
/// Phrases of texts.
const PHRASES: &[&str] = &["to be had", "comes along", "come along", "came along", "knows of none", "tells of"];
/// What may stand before `who` as a relative pronoun.
const PERSONS: &[&str] = &["user", "users", "someone", "anyone", "person", "people", "operator", "admin", "attacker"];

/// All such words of code that is not for tests; each name once a file.
pub(crate) fn check(one: &Scanned<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut names = BTreeSet::new();
    // The lists of these words are not to be found in themselves.
    if one.file.path == "xtask/src/tidy/words.rs" {
        return findings;
    }
    for token in one.tokens.iter().filter(|token| !token.test) {
        let found = match token.kind {
            Kind::Doc => in_text(token.text, true),
            Kind::Text => in_text(token.text, false),
            Kind::Word if names.insert(token.text) => in_name(token.text),
            Kind::Word | Kind::Mark => None,
        };
        if let Some(word) = found {
            let place = match token.kind {
                Kind::Doc => "a doc comment".to_owned(),
                Kind::Text => "a message".to_owned(),
                Kind::Word | Kind::Mark => format!("the name {}", token.text),
            };
            findings.push(Finding::new(
                &one.file.path,
                token.line,
                format!("\"{word}\" in {place}: use the field's word"),
            ));
        }
    }
    findings
}

/// The first such word; in a doc comment code stays aside.
fn in_text(text: &str, doc: bool) -> Option<String> {
    let text =
        if doc { text.split('`').step_by(2).collect::<Vec<_>>().join(" x ") } else { text.to_owned() }.to_lowercase();
    let words: Vec<_> = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let spaced = format!(" {} ", words.join(" "));
    let phrase = PHRASES.iter().find(|phrase| spaced.contains(&format!(" {phrase} ")));
    if let Some(phrase) = phrase {
        return Some((*phrase).to_owned());
    }
    let mut before = "";
    for word in words {
        // Machine-readable texts are single words, so `who` is looked for in sentences alone.
        let subject = word == "who" && !PERSONS.contains(&before) && text.contains(' ');
        if subject || WORDS.contains(&word) {
            return Some(word.to_owned());
        }
        before = word;
    }
    None
}

fn in_name(name: &str) -> Option<String> {
    let mut words = vec![String::new()];
    let mut lower = false;
    for c in name.chars() {
        if c == '_' || (c.is_uppercase() && lower) {
            words.push(String::new());
        }
        lower = c.is_lowercase();
        words.last_mut()?.extend(c.to_lowercase().filter(|c| *c != '_'));
    }
    // The Hub has an endpoint of this name.
    let whoami = words.windows(2).any(|two| two[0] == "who" && two[1] == "am");
    let private = |word: &String| WORDS.contains(&word.as_str()) || (NAMES.contains(&word.as_str()) && !whoami);
    words.into_iter().find(private).or_else(|| TYPES.contains(&name).then(|| name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::source::File;
    use crate::tidy::tokens::scan;

    fn found(text: &str) -> usize {
        let files = [File::new("crates/a/src/x.rs", text)];
        scan(&files).iter().flat_map(check).count()
    }

    #[test]
    fn each_private_word_is_found() {
        for text in [
            "/// Who hears of it.",
            "/// Keeps it for whoever asks.",
            "/// The host, if it is to be had.",
            "fn f() { g(\"nobody answered\") }",
            "fn f() { g(\"the server lied\") }",
            "struct Told;",
            "fn tell(who: &str) {}",
            "const MAX_WISHES: usize = 1;",
            "fn is_unheard() {}",
            "enum Packing {}",
        ] {
            assert_eq!(found(text), 1, "{text}");
        }
    }

    #[test]
    fn plain_words_are_left_alone() {
        for text in [
            "/// Belongs to the user who asked.",
            "/// The code `who` of the answer.",
            "fn f() { g(\"/api/whoami\", \"who\") }",
            "fn whoami() {}",
            "struct WhoAmI;",
            "// Nobody reads this.",
            "#[cfg(test)]\nfn nobody() {}",
            "fn wholesale(believes: bool) {}",
        ] {
            assert_eq!(found(text), 0, "{text}");
        }
    }
}
