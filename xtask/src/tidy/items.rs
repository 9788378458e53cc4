//! Items: one name for one type, functions that can be seen whole, names of tests that can be read.

use std::collections::BTreeMap;

use crate::tidy::finding::Finding;
use crate::tidy::tokens::{Kind, Scanned, Token, after_group, after_item};

/// Longest name of a test.
const TEST_NAME: usize = 60;
/// Most lines of a function, and most parameters with `self`.
const LINES: usize = 60;
const PARAMETERS: usize = 6;

/// Names that several crates or modules may define, and why.
const SHARED: &[(&str, &str)] = &[
    ("Error", "each crate's or module's own error, always named with its path"),
    ("Config", "what one client or server is set up with, always named with its path"),
    ("Arguments", "what one command takes"),
    ("Command", "the commands of one program or of one group"),
    ("State", "private to one state machine"),
    ("Inner", "private to one handle"),
    ("Clock", "the source of time of one crate, which its tests replace"),
    ("TokenBucket", "the name of the algorithm: one for bytes, one for questions"),
    ("User", "an account: of the Hub, or of one server"),
    ("Shared", "what the clones of one handle share"),
];

/// Crates of which each stands for itself: what plays or measures the others may take their words.
const APART: [&str; 2] = ["cache-testkit", "xtask"];

/// Types whose name is that of another type; by the crate of each.
pub(crate) fn duplicates(scanned: &[Scanned<'_>]) -> Vec<Finding> {
    let mut types: BTreeMap<&str, Vec<(&Scanned<'_>, usize)>> = BTreeMap::new();
    let counts = |one: &&Scanned<'_>| one.file.path.contains("/src/") && !APART.contains(&one.file.krate());
    for one in scanned.iter().filter(counts) {
        for (at, token) in one.tokens.iter().enumerate().filter(|(_, token)| !token.test) {
            let name = one.tokens.get(at + 1).filter(|name| name.kind == Kind::Word);
            let defines = ["struct", "enum", "trait"].iter().any(|word| token.is_word(word));
            if let Some(name) = name.filter(|name| defines && !SHARED.iter().any(|(shared, _)| *shared == name.text)) {
                types.entry(name.text).or_default().push((one, name.line));
            }
        }
    }
    let several = types.iter().filter(|(_, places)| places.len() > 1);
    let mut findings = Vec::new();
    for (name, places) in several {
        for (index, (one, line)) in places.iter().enumerate() {
            let other = places.get(usize::from(index == 0)).map_or("", |(one, _)| one.file.path.as_str());
            findings.push(Finding::new(&one.file.path, *line, format!("{name} is the name of a type in {other} too")));
        }
    }
    findings
}

/// Tests whose names are too long.
pub(crate) fn test_names(one: &Scanned<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, token) in one.tokens.iter().enumerate() {
        let is_attribute = token.is_mark("#") && one.tokens.get(at + 1).is_some_and(|open| open.is_mark("["));
        let head = one.tokens.iter().skip(at + 2).take_while(|token| !token.is_mark("(") && !token.is_mark("]"));
        if !is_attribute || head.last().is_none_or(|last| !last.is_word("test")) {
            continue;
        }
        let end = after_group(&one.tokens, at + 1);
        let mut rest = one.tokens.iter().skip(end).skip_while(|token| !token.is_word("fn")).skip(1);
        if let Some(name) = rest.next().filter(|name| name.text.len() > TEST_NAME) {
            let text = format!("a test's name of {} characters, at most {TEST_NAME}", name.text.len());
            findings.push(Finding::new(&one.file.path, name.line, text));
        }
    }
    findings
}

/// Functions that are too long or take too much; those of tests tell a story and may be long.
pub(crate) fn functions(one: &Scanned<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, token) in one.tokens.iter().enumerate().filter(|(_, token)| !token.test && token.is_word("fn")) {
        let Some(name) = one.tokens.get(at + 1).filter(|name| name.kind == Kind::Word) else { continue };
        let Some(open) = one.tokens.iter().skip(at).position(|token| token.is_mark("(")).map(|length| at + length)
        else {
            continue;
        };
        let close = after_group(&one.tokens, open);
        let count = parameters(one.tokens.get(open + 1..close - 1).unwrap_or_default());
        if count > PARAMETERS {
            let text = format!("{} takes {count} parameters, at most {PARAMETERS}", name.text);
            findings.push(Finding::new(&one.file.path, token.line, text));
        }
        let last = one.tokens.get(after_item(&one.tokens, close) - 1).map_or(token.line, |token| token.line);
        let lines = last - token.line + 1;
        if lines > LINES {
            findings.push(Finding::new(
                &one.file.path,
                token.line,
                format!("{} has {lines} lines, at most {LINES}", name.text),
            ));
        }
    }
    findings
}

/// Parameters between the parentheses: commas outside of groups and generics separate them.
fn parameters(tokens: &[Token<'_>]) -> usize {
    let (mut depth, mut count, mut inside) = (0_usize, 0, false);
    let mut before = "";
    for token in tokens.iter().filter(|token| token.kind != Kind::Doc) {
        match token.text {
            "(" | "[" | "{" | "<" => depth += 1,
            ">" if before == "-" => {}
            ")" | "]" | "}" | ">" => depth = depth.saturating_sub(1),
            "," if depth == 0 => inside = false,
            _ => {}
        }
        if depth > 0 || token.text != "," {
            count += usize::from(!inside);
            inside = true;
        }
        before = token.text;
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::source::File;
    use crate::tidy::tokens::scan;

    fn found(text: &str, check: fn(&Scanned<'_>) -> Vec<Finding>) -> usize {
        let files = [File::new("crates/a/src/x.rs", text)];
        scan(&files).iter().flat_map(check).count()
    }

    #[test]
    fn types_of_one_name_are_found() {
        let count = |one: &str, other: &str| {
            let files = [File::new("crates/a/src/x.rs", one), File::new("crates/b/src/y.rs", other)];
            duplicates(&scan(&files)).len()
        };
        assert_eq!(count("pub struct A;", "enum A {}"), 2);
        assert_eq!(count("trait A {}\nmod x { struct A; }", ""), 2);
        assert_eq!(count("struct A;", "struct B; type A = B;"), 0);
        assert_eq!(count("struct A;", "#[cfg(test)]\nstruct A;"), 0);
        assert_eq!(count("enum Error {}", "enum Error {}"), 0);
        let kit =
            [File::new("crates/cache-testkit/src/x.rs", "struct A;"), File::new("crates/b/src/y.rs", "struct A;")];
        assert_eq!(duplicates(&scan(&kit)), []);
    }

    #[test]
    fn long_test_names_are_found() {
        let (long, short) = ("x".repeat(61), "x".repeat(60));
        assert_eq!(found(&format!("#[test]\nfn {long}() {{}}"), test_names), 1);
        assert_eq!(found(&format!("#[tokio::test(start_paused = true)]\nasync fn {long}() {{}}"), test_names), 1);
        assert_eq!(found(&format!("#[test]\nfn {short}() {{}}\nfn {long}() {{}}"), test_names), 0);
    }

    #[test]
    fn long_and_wide_functions_are_found() {
        let body = "x();\n".repeat(59);
        assert_eq!(found(&format!("fn f() {{\n{body}\n}}"), functions), 1);
        assert_eq!(found(&format!("fn f() {{\n{}}}", "x();\n".repeat(58)), functions), 0);
        assert_eq!(found(&format!("#[cfg(test)]\nfn f() {{\n{body}\n}}"), functions), 0);
        assert_eq!(found("fn f(&self, a: A, b: B, c: C, d: D, e: E, f: F) {}", functions), 1);
        assert_eq!(found("fn f(&self, a: HashMap<A, B>, b: (B, B), c: fn(C, C) -> D, d: D, e: E,);", functions), 0);
    }
}
