//! House rules that one file shows by itself.

use crate::tidy::finding::Finding;
use crate::tidy::source::{File, Line};

/// Lines after which a file is too long, and after which it is looked at.
pub(crate) const LONG: usize = 800;
pub(crate) const LONGISH: usize = 500;

/// Most lines of tests inside the file they test.
const INLINE_TESTS: usize = 200;

/// Words that mark unfinished work, in code or comment.
const UNFINISHED: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X:")];
/// Code that marks unfinished work or hides it.
const FORBIDDEN: [(&str, &str); 5] = [
    (concat!("to", "do!("), "unfinished"),
    (concat!("unimpl", "emented!("), "unfinished"),
    (concat!("#[", "ignore"), "a test runs or is not there"),
    (concat!("#[", "allow("), "#[expect(…, reason = …)] says when it is no longer needed"),
    (concat!("#![", "allow("), "#[expect(…, reason = …)] says when it is no longer needed"),
];
const PRINTS: [&str; 5] = ["println!", "eprintln!", "print!(", "eprint!(", "dbg!("];
/// Programs print; libraries do not.
const PROGRAMS: [&str; 3] = ["cache-cli", "xtask", "cache-tests"];
/// Hosts of package registries: the ordinary clients know them, no file of ours does.
const HOSTS: [&str; 8] = [
    concat!("index.", "crates.io"),
    concat!("static.", "crates.io"),
    concat!("pypi", ".org"),
    concat!("python", "hosted.org"),
    concat!("npm", "js.org"),
    concat!("npm", "js.com"),
    concat!("deb.", "debian.org"),
    concat!("github.com/rust-lang/", "crates.io-index"),
];

/// All rules of this module.
pub(crate) fn check(file: &File) -> impl Iterator<Item = Finding> + use<> {
    let mut findings = Vec::new();
    length(file, &mut findings);
    unfinished(file, &mut findings);
    hosts(file, &mut findings);
    if file.is_rust() {
        let code = file.code();
        forbidden(file, &code, &mut findings);
        prints(file, &code, &mut findings);
        sleeps(file, &code, &mut findings);
        inline_tests(file, &code, &mut findings);
    }
    findings.into_iter()
}

fn length(file: &File, findings: &mut Vec<Finding>) {
    if !file.is_generated() && file.lines() > LONG {
        findings.push(Finding::new(&file.path, LONG, format!("{} lines, at most {LONG}", file.lines())));
    }
}

fn unfinished(file: &File, findings: &mut Vec<Finding>) {
    if file.is_generated() {
        return;
    }
    for (index, line) in file.text.lines().enumerate() {
        for word in UNFINISHED.iter().filter(|word| has_word(line, word)) {
            findings.push(Finding::new(&file.path, index + 1, format!("{word}: finish it or leave it out")));
        }
    }
}

fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        let after = line.get(at + word.len()..).and_then(|text| text.chars().next());
        let joined = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        !joined(before) && !joined(after)
    })
}

fn hosts(file: &File, findings: &mut Vec<Finding>) {
    if file.path.ends_with("Cargo.lock") {
        return;
    }
    for (index, line) in file.text.lines().enumerate() {
        for host in HOSTS.iter().filter(|host| line.contains(**host)) {
            findings.push(Finding::new(&file.path, index + 1, format!("names the registry host {host}")));
        }
    }
}

fn forbidden(file: &File, code: &[Line<'_>], findings: &mut Vec<Finding>) {
    for line in code {
        for (text, why) in FORBIDDEN.iter().filter(|(text, _)| line.code.contains(text)) {
            findings.push(Finding::new(&file.path, line.number, format!("{text}: {why}")));
        }
    }
}

fn prints(file: &File, code: &[Line<'_>], findings: &mut Vec<Finding>) {
    let build_script = file.path.ends_with("/build.rs");
    let example = file.path.contains("/examples/");
    if PROGRAMS.contains(&file.krate()) || build_script || example {
        return;
    }
    for line in code.iter().filter(|line| !line.test && PRINTS.iter().any(|print| line.code.contains(print))) {
        findings.push(Finding::new(&file.path, line.number, "a library prints nothing: use tracing or a value"));
    }
}

/// A test that sleeps is slow on a good day and wrong on a bad one. Under a paused clock nothing really sleeps.
fn sleeps(file: &File, code: &[Line<'_>], findings: &mut Vec<Finding>) {
    // The snippets that this rule is tested with are bad on purpose.
    if file.path.starts_with("xtask/src/tidy/") {
        return;
    }
    let paused = file.text.contains("start_paused = true") || file.text.contains("time::pause()");
    for line in code.iter().filter(|line| line.test) {
        let blocks = line.code.contains("thread::sleep(");
        if blocks || (!paused && line.code.contains("sleep(")) {
            findings.push(Finding::new(&file.path, line.number, "a test waits for what it tests, not for a while"));
        }
    }
}

fn inline_tests(file: &File, code: &[Line<'_>], findings: &mut Vec<Finding>) {
    let tests = code.iter().filter(|line| line.test).count();
    if tests > INLINE_TESTS && tests < code.len() {
        let first = code.iter().find(|line| line.test).map_or(1, |line| line.number);
        let text = format!("{tests} lines of tests, at most {INLINE_TESTS}: move them to a file tests.rs beside it");
        findings.push(Finding::new(&file.path, first, text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> usize {
        check(&File::new(path, text)).count()
    }

    #[test]
    fn each_bad_snippet_is_found() {
        let tests = |body: &str| format!("#[cfg(test)]\nmod tests {{\n    {body}\n}}\n");
        for (path, text) in [
            ("crates/cache-net/src/a.rs", "x\n".repeat(801)),
            ("README.md", "x\n".repeat(801)),
            ("crates/cache-net/src/a.rs", format!("// {}: later", concat!("TO", "DO"))),
            ("docs/a.md", format!("{} this", concat!("FIX", "ME"))),
            ("crates/cache-net/src/a.rs", format!("fn f() {{ {}) }}", concat!("to", "do!("))),
            ("crates/cache-net/src/a.rs", tests(concat!("#[", "ignore]"))),
            ("crates/cache-net/src/a.rs", format!("{}dead_code)]", concat!("#[", "allow("))),
            ("crates/cache-net/src/a.rs", "fn f() { println!(\"x\"); }".to_owned()),
            ("crates/cache-store/src/a.rs", "fn f() { eprintln!(\"x\"); }".to_owned()),
            ("crates/cache-net/src/a.rs", tests("tokio::time::sleep(d).await;")),
            ("tests/tests/a.rs", "std::thread::sleep(d);".to_owned()),
            ("tests/tests/a.rs", "#[tokio::test(start_paused = true)]\nasync fn f() { thread::sleep(d); }".to_owned()),
            ("crates/cache-net/src/a.rs", format!("fn f() {{}}\n{}", tests(&"x\n".repeat(201)))),
            ("README.md", format!("see {}/x", concat!("pypi", ".org"))),
        ] {
            assert_eq!(found(path, &text), 1, "{path}: {text}");
        }
    }

    #[test]
    fn what_is_fine_is_left_alone() {
        let tests = |body: &str| format!("#[cfg(test)]\nmod tests {{\n    {body}\n}}\n");
        for (path, text) in [
            ("Cargo.lock", "x\n".repeat(900)),
            ("docs/cli.md", "x\n".repeat(900)),
            ("crates/cache-net/src/a.rs", "//! println!(\"{}\", x);".to_owned()),
            ("crates/cache-net/src/a.rs", tests("println!(\"x\");")),
            ("crates/cache-cli/src/a.rs", "fn f() { println!(\"x\"); }".to_owned()),
            ("crates/cache-testkit/src/a.rs", "fn f() { sleep(d) }".to_owned()),
            ("crates/cache-net/src/a.rs", tests("#[tokio::test(start_paused = true)]\n    async fn f() { sleep(d) }")),
            ("crates/cache-net/src/tests.rs", "x\n".repeat(400)),
            ("docs/a.md", "MAS TODOS and XXXIV".to_owned()),
        ] {
            assert_eq!(found(path, &text), 0, "{path}: {text}");
        }
    }
}
