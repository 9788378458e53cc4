//! A file, and which of its lines are code, comment or test.

/// A text file of the workspace.
#[derive(Debug, Clone)]
pub(crate) struct File {
    /// Path below the workspace, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// A line of Rust without its comment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line<'a> {
    /// From 1.
    pub(crate) number: usize,
    pub(crate) code: &'a str,
    /// Whether only tests compile it.
    pub(crate) test: bool,
}

impl File {
    pub(crate) fn new(path: &str, text: impl Into<String>) -> Self {
        Self { path: path.to_owned(), text: text.into() }
    }

    pub(crate) fn lines(&self) -> usize {
        self.text.lines().count()
    }

    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    pub(crate) fn is_markdown(&self) -> bool {
        self.path.ends_with(".md")
    }

    /// Written by a tool: its length and its words are not ours.
    pub(crate) fn is_generated(&self) -> bool {
        self.path.ends_with("Cargo.lock")
            || self.path == "docs/cli.md"
            || self.path == "LICENSE-APACHE"
            || ["docs/man/", "docs/completions/"].iter().any(|folder| self.path.starts_with(folder))
            || [".svg", ".snap"].iter().any(|end| self.path.ends_with(end))
    }

    /// The crate whose library or program this file belongs to.
    pub(crate) fn krate(&self) -> &str {
        match self.path.split('/').collect::<Vec<_>>()[..] {
            ["crates", name, ..] => name,
            [top, _, ..] => top,
            _ => "",
        }
    }

    /// Whether only tests compile this file.
    pub(crate) fn is_test(&self) -> bool {
        let mut segments = self.path.split('/');
        let under_tests = segments.any(|segment| segment == "tests");
        under_tests || self.path.ends_with("/tests.rs") || self.path.ends_with("_tests.rs")
    }

    /// The lines of a Rust file, comments removed.
    pub(crate) fn code(&self) -> Vec<Line<'_>> {
        let whole = self.is_test();
        let mut lines = Vec::new();
        let mut attribute = false;
        let mut inside = false;
        for (index, text) in self.text.lines().enumerate() {
            if attribute && text.starts_with("mod ") && text.ends_with('{') {
                inside = true;
            }
            lines.push(Line { number: index + 1, code: without_comment(text), test: whole || inside });
            if inside && text == "}" {
                inside = false;
            }
            attribute = text.starts_with("#[cfg(test)]") || (attribute && text.starts_with("#["));
        }
        lines
    }
}

/// The line up to its `//`, unless that stands in a string.
fn without_comment(line: &str) -> &str {
    let mut quoted = false;
    let mut previous = ' ';
    for (at, c) in line.char_indices() {
        match c {
            '"' if previous != '\\' && previous != '\'' => quoted = !quoted,
            '/' if previous == '/' && !quoted => return line.get(..at - 1).unwrap_or(line),
            _ => {}
        }
        previous = if previous == '\\' && c == '\\' { ' ' } else { c };
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_go_and_strings_stay() {
        assert_eq!(without_comment("let x = 1; // sleep("), "let x = 1; ");
        assert_eq!(without_comment("/// println!()"), "");
        assert_eq!(without_comment(r#"let url = "http://a"; // b"#), r#"let url = "http://a"; "#);
        assert_eq!(without_comment(r#"let quote = "\"//"; x"#), r#"let quote = "\"//"; x"#);
    }

    #[test]
    fn test_code_is_told_from_the_rest() {
        let file = File::new("crates/a/src/x.rs", "fn a() {}\n#[cfg(test)]\nmod tests {\n    x();\n}\nfn b() {}\n");
        let tests: Vec<_> = file.code().iter().map(|line| line.test).collect();
        assert_eq!(tests, [false, false, true, true, true, false]);
        assert_eq!(file.krate(), "a");
        assert!(File::new("crates/a/src/x/tests.rs", "x").code()[0].test);
        assert!(File::new("tests/tests/end.rs", "x").code()[0].test);
    }
}
