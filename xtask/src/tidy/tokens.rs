//! The tokens of a Rust file, as far as the checks need them: no numbers, no lifetimes.

use std::collections::BTreeSet;

use crate::tidy::source::File;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An identifier or a keyword.
    Word,
    /// The content of a string literal.
    Text,
    /// One line of a doc comment.
    Doc,
    /// One character of punctuation.
    Mark,
}

/// One token.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind,
    pub(crate) text: &'a str,
    /// From 1.
    pub(crate) line: usize,
    /// Whether only tests compile it.
    pub(crate) test: bool,
}

impl Token<'_> {
    pub(crate) fn is_word(&self, text: &str) -> bool {
        self.kind == Kind::Word && self.text == text
    }

    pub(crate) fn is_mark(&self, text: &str) -> bool {
        self.kind == Kind::Mark && self.text == text
    }
}

/// A Rust file and its tokens.
#[derive(Debug)]
pub(crate) struct Scanned<'a> {
    pub(crate) file: &'a File,
    pub(crate) tokens: Vec<Token<'a>>,
}

/// Scans every Rust file and marks what only tests compile.
pub(crate) fn scan(files: &[File]) -> Vec<Scanned<'_>> {
    let rust = files.iter().filter(|file| file.is_rust());
    let mut scanned: Vec<_> = rust.map(|file| Scanned { file, tokens: tokens(&file.text) }).collect();
    scanned.iter_mut().for_each(|one| mark_tests(&mut one.tokens));
    let modules: BTreeSet<String> = scanned.iter().flat_map(test_modules).collect();
    for one in &mut scanned {
        let stem = one.file.path.trim_end_matches(".rs").trim_end_matches("/mod");
        let under = stem.match_indices('/').any(|(at, _)| stem.get(..at).is_some_and(|path| modules.contains(path)));
        if one.file.is_test() || under || modules.contains(stem) {
            one.tokens.iter_mut().for_each(|token| token.test = true);
        }
    }
    scanned
}

fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut scanner = Scanner { text, at: 0, line: 1, tokens: Vec::new() };
    while let Some(c) = scanner.rest().chars().next() {
        scanner.step(c);
    }
    scanner.tokens
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    line: usize,
    tokens: Vec<Token<'a>>,
}

impl<'a> Scanner<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn step(&mut self, c: char) {
        let rest = self.rest();
        if rest.starts_with("//") {
            let line = rest.lines().next().unwrap_or_default();
            let doc = ["///", "//!"].iter().find_map(|start| line.strip_prefix(start));
            if let Some(doc) = doc.filter(|doc| !doc.starts_with('/')) {
                self.push(Kind::Doc, doc.trim());
            }
            self.advance(line.len());
        } else if rest.starts_with("/*") {
            self.advance(comment(rest));
        } else if let Some((start, length, end)) = string(rest) {
            self.push(Kind::Text, rest.get(start..start + length).unwrap_or_default());
            self.advance(end);
        } else if let Some(length) = quoted_char(rest) {
            self.advance(length);
        } else if c == '_' || c.is_alphabetic() {
            let word = word(rest);
            self.push(Kind::Word, word);
            self.advance(word.len());
        } else if c.is_ascii_digit() {
            self.advance(word(rest).len());
        } else {
            if !c.is_whitespace() {
                self.push(Kind::Mark, rest.get(..c.len_utf8()).unwrap_or_default());
            }
            self.advance(c.len_utf8());
        }
    }

    fn push(&mut self, kind: Kind, text: &'a str) {
        self.tokens.push(Token { kind, text, line: self.line, test: false });
    }

    fn advance(&mut self, length: usize) {
        self.line += self.rest().get(..length).unwrap_or_default().matches('\n').count();
        self.at += length.max(1);
    }
}

fn word(text: &str) -> &str {
    text.split(|c: char| c != '_' && !c.is_alphanumeric()).next().unwrap_or_default()
}

/// The length of a block comment, which may hold others.
fn comment(text: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(two) = text.as_bytes().get(at..at + 2) {
        match two {
            b"/*" => (depth, at) = (depth + 1, at + 2),
            b"*/" => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

/// Where the content of a string literal begins, how long it is, and where the literal ends.
fn string(text: &str) -> Option<(usize, usize, usize)> {
    let prefix = text.find(|c: char| !matches!(c, 'b' | 'c' | 'r'))?;
    let raw = text.get(..prefix)?.ends_with('r');
    let hashes = text.get(prefix..)?.find(|c| c != '#')?;
    let start = prefix + hashes + 1;
    if prefix > 2 || !text.get(prefix + hashes..)?.starts_with('"') || (hashes > 0 && !raw) {
        return None;
    }
    let body = text.get(start..)?;
    if raw {
        let end = format!("\"{}", "#".repeat(hashes));
        let length = body.find(&end)?;
        return Some((start, length, start + length + end.len()));
    }
    let mut escaped = false;
    let length = body.find(|c| {
        let end = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        end
    })?;
    Some((start, length, start + length + 1))
}

/// The length of a character literal; none for a lifetime.
fn quoted_char(text: &str) -> Option<usize> {
    let body = text.strip_prefix('\'')?;
    if let Some(escape) = body.strip_prefix('\\') {
        return Some(escape.get(1..)?.find('\'')? + 4);
    }
    let first = body.chars().next()?;
    body.get(first.len_utf8()..)?.starts_with('\'').then_some(first.len_utf8() + 2)
}

/// The index after the group that the opening mark at `open` begins.
pub(crate) fn after_group(tokens: &[Token<'_>], open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(open).filter(|(_, token)| token.kind == Kind::Mark) {
        match token.text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    tokens.len()
}

/// Whether the attribute at `at` makes what follows a matter of tests.
fn is_for_tests(tokens: &[Token<'_>], at: usize) -> bool {
    let words = |range: &[Token<'_>]| range.iter().map(|token| token.text.to_owned()).collect::<String>();
    words(tokens.get(at..after_group(tokens, at + 1)).unwrap_or_default()) == "#[cfg(test)]"
}

fn mark_tests(tokens: &mut [Token<'_>]) {
    let mut at = 0;
    while at < tokens.len() {
        if !tokens[at].is_mark("#") || !is_for_tests(tokens, at) {
            at += 1;
            continue;
        }
        let end = after_item(tokens, at);
        tokens[at..end].iter_mut().for_each(|token| token.test = true);
        at = end;
    }
}

/// The index after the item that `at` is in: after its body or its semicolon.
pub(crate) fn after_item(tokens: &[Token<'_>], mut at: usize) -> usize {
    while let Some(token) = tokens.get(at) {
        match token.text {
            _ if token.kind != Kind::Mark => at += 1,
            ";" => return at + 1,
            "{" => return after_group(tokens, at),
            "(" | "[" => at = after_group(tokens, at),
            _ => at += 1,
        }
    }
    at
}

/// Files without `.rs` that a file declares as modules of its tests.
fn test_modules(one: &Scanned<'_>) -> Vec<String> {
    let path = one.file.path.trim_end_matches(".rs");
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let folder = if matches!(name, "lib" | "main" | "mod") { folder } else { path };
    let declared = one.tokens.windows(3).filter(|three| {
        three[0].is_word("mod") && three[0].test && three[1].kind == Kind::Word && three[2].is_mark(";")
    });
    declared.map(|three| format!("{folder}/{}", three[1].text)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str, kind: Kind) -> Vec<&str> {
        tokens(text).iter().filter(|token| token.kind == kind).map(|token| token.text).collect()
    }

    #[test]
    fn tokens_of_each_kind_are_recognized() {
        let text = r##"/// A doc.
//// not one
/* told /* told */ */ fn f<'a>(c: char) { if c == '"' || c == '\'' { g(b"x\"y", r#"z"#, 0x1f) } } // told"##;
        assert_eq!(texts(text, Kind::Doc), ["A doc."]);
        assert_eq!(texts(text, Kind::Text), ["x\\\"y", "z"]);
        assert_eq!(texts(text, Kind::Word), ["fn", "f", "a", "c", "char", "if", "c", "c", "g"]);
        assert_eq!(tokens(text).last().map(|token| token.line), Some(3));
    }

    #[test]
    fn test_items_are_marked_until_their_end() {
        let files = [
            File::new("crates/a/src/x.rs", "fn a() {}\n#[cfg(test)]\nuse b::c;\n#[cfg(test)]\nmod y;\nfn d() {}"),
            File::new("crates/a/src/x/y.rs", "fn e() {}"),
            File::new("crates/a/src/x/z.rs", "fn f() {}"),
        ];
        let scanned = scan(&files);
        let plain = |one: &Scanned<'_>| one.tokens.iter().filter(|token| !token.test).count();
        assert_eq!(scanned.iter().map(plain).collect::<Vec<_>>(), [12, 0, 6]);
    }
}
