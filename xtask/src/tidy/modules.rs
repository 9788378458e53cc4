//! The modules of one crate, and which file refers to which.

use std::collections::{BTreeMap, BTreeSet};

use crate::tidy::tokens::{Kind, Scanned, Token, after_group};

/// A path through modules, from the crate's root.
type Path = Vec<String>;

/// A module that has a file of its own.
#[derive(Debug, Default)]
struct Module {
    file: String,
    /// Modules that it declares in other files.
    children: BTreeSet<String>,
    /// Names that it imports, and from where.
    imports: BTreeMap<String, Path>,
    /// Modules from which it imports all names.
    globs: Vec<Path>,
    /// Names that it defines.
    items: BTreeSet<String>,
    /// Paths that its code refers to; the way it publishes its own children is none.
    uses: Vec<Path>,
}

/// A crate's modules by their path.
#[derive(Debug)]
pub(crate) struct Modules(BTreeMap<Path, Module>);

/// The references of a crate: which module refers to which.
pub(crate) type Edges = BTreeSet<(Path, Path)>;

/// The folder with a crate's sources, for files that belong to a library or program.
pub(crate) fn source_folder(path: &str) -> Option<&str> {
    let (start, _) = path.split_once("/src/")?;
    let below = path.get(start.len() + "/src/".len()..)?;
    (!below.starts_with("bin/")).then(|| path.get(..start.len() + "/src".len())).flatten()
}

impl Modules {
    /// The modules of the crate whose sources are in `folder`.
    pub(crate) fn new(folder: &str, files: &[&Scanned<'_>]) -> Self {
        let mut modules = BTreeMap::new();
        for one in files {
            let below = one.file.path.strip_prefix(folder).unwrap_or_default();
            let stem = below.trim_start_matches('/').trim_end_matches(".rs").trim_end_matches("/mod");
            // A crate with both has a `main.rs` that only calls it.
            let is_root = stem == "lib" || (stem == "main" && !files.iter().any(|one| is_library(folder, one)));
            let path: Path = if is_root { Path::new() } else { stem.split('/').map(str::to_owned).collect() };
            let tokens: Vec<_> = one.tokens.iter().filter(|token| !token.test).copied().collect();
            if tokens.is_empty() == one.tokens.is_empty() || is_root {
                modules.insert(path.clone(), Module { file: one.file.path.clone(), ..read(&path, &tokens) });
            }
        }
        let paths: Vec<Path> = modules.keys().cloned().collect();
        for path in paths {
            if let Some((name, parent)) = path.split_last()
                && let Some(parent) = modules.get_mut(parent)
            {
                parent.children.insert(name.clone());
            }
        }
        Self(modules)
    }

    /// Every reference from one module's file to another's.
    pub(crate) fn edges(&self) -> Edges {
        let mut edges = Edges::new();
        for (from, module) in &self.0 {
            for path in &module.uses {
                let path = if path.first().is_some_and(|first| first == CHILD) {
                    // A path that begins with a plain name is ours if the name is that of a child.
                    match path.get(1) {
                        Some(name) if module.children.contains(name) => {
                            [from, path.get(1..).unwrap_or_default()].concat()
                        }
                        _ => continue,
                    }
                } else {
                    path.clone()
                };
                if let Some(to) = self.resolve(&path, 0).filter(|to| to != from) {
                    edges.insert((from.clone(), to));
                }
            }
        }
        edges
    }

    /// The file of a module.
    pub(crate) fn file(&self, path: &[String]) -> &str {
        self.0.get(path).map_or("", |module| module.file.as_str())
    }

    /// The module that defines what the path names, through imports that hand it on.
    fn resolve(&self, path: &[String], depth: usize) -> Option<Path> {
        const DEEPEST: usize = 8;
        let length =
            (0..=path.len()).rev().find(|length| self.0.contains_key(path.get(..*length).unwrap_or_default()))?;
        let (module, rest) = path.split_at(length);
        let known = self.0.get(module)?;
        let Some(name) = rest.first().filter(|name| depth < DEEPEST && !known.items.contains(*name)) else {
            return Some(module.to_vec());
        };
        if let Some(target) = known.imports.get(name) {
            let Some(target) = self.absolute(module, target) else { return Some(module.to_vec()) };
            return self.resolve(&[target.as_slice(), rest.get(1..).unwrap_or_default()].concat(), depth + 1);
        }
        for glob in &known.globs {
            let Some(found) = self.absolute(module, glob).and_then(|glob| self.resolve(&glob, depth + 1)) else {
                continue;
            };
            if self.0.get(&found).is_some_and(|module| module.items.contains(name)) {
                return Some(found);
            }
        }
        Some(module.to_vec())
    }

    fn absolute(&self, module: &[String], path: &[String]) -> Option<Path> {
        match path.split_first() {
            Some((first, rest)) if first == CHILD => {
                let ours =
                    rest.first().is_some_and(|name| self.0.get(module).is_some_and(|m| m.children.contains(name)));
                ours.then(|| [module, rest].concat())
            }
            _ => Some(path.to_vec()),
        }
    }
}

/// Stands before a path that begins with a plain name.
const CHILD: &str = "<child>";

fn is_library(folder: &str, one: &Scanned<'_>) -> bool {
    one.file.path.strip_prefix(folder) == Some("/lib.rs")
}

/// What defines a name that a path may end in.
const DEFINES: [&str; 9] = ["fn", "struct", "enum", "trait", "type", "const", "static", "macro_rules", "union"];

fn read(module: &[String], tokens: &[Token<'_>]) -> Module {
    let mut found = Module::default();
    let mut inner = module.to_vec();
    let mut ends = Vec::new();
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let next = tokens.get(at + 1);
        if ends.last() == Some(&at) {
            ends.pop();
            inner.pop();
        }
        match token.text {
            _ if token.kind == Kind::Mark => {
                depth += usize::from(token.text == "{");
                depth = depth.saturating_sub(usize::from(token.text == "}"));
            }
            _ if token.kind != Kind::Word => {}
            "use" => {
                at = import(&inner, tokens, at, &mut found);
                continue;
            }
            "mod" if tokens.get(at + 2).is_some_and(|open| open.is_mark("{")) => {
                inner.extend(next.map(|name| name.text.to_owned()));
                ends.push(after_group(tokens, at + 2) - 1);
            }
            word if depth == 0 && DEFINES.contains(&word) => {
                let name = tokens.iter().skip(at + 1).find(|token| token.kind == Kind::Word);
                found.items.extend(name.map(|name| name.text.to_owned()));
            }
            _ if next.is_some_and(|next| next.is_mark(":")) => {
                let before = at.checked_sub(1).and_then(|at| tokens.get(at));
                let (path, end) = plain_path(tokens, at);
                if path.len() > 1 && !before.is_some_and(|before| before.is_mark(":") || before.is_mark(".")) {
                    found.uses.extend(from_root(&inner, &path));
                }
                at = end;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// The words of a path from `at` on, and the index after it.
fn plain_path<'a>(tokens: &[Token<'a>], mut at: usize) -> (Vec<&'a str>, usize) {
    let mut path = Vec::new();
    while let Some(token) = tokens.get(at).filter(|token| token.kind == Kind::Word) {
        path.push(token.text);
        at += 1;
        let colons = tokens.get(at..at + 2).is_some_and(|two| two.iter().all(|token| token.is_mark(":")));
        if !colons {
            break;
        }
        at += 2;
    }
    (path, at)
}

/// The path from the crate's root; `None` above it.
fn from_root(module: &[String], path: &[&str]) -> Option<Path> {
    let mut base: Path = match *path.first()? {
        "crate" => Path::new(),
        "self" => module.to_vec(),
        "super" => module.split_last()?.1.to_vec(),
        _ => return Some(std::iter::once(CHILD).chain(path.iter().copied()).map(str::to_owned).collect()),
    };
    for segment in path.iter().skip(1) {
        match *segment {
            "super" => drop(base.pop()?),
            "self" => {}
            name => base.push(name.to_owned()),
        }
    }
    Some(base)
}

/// Reads the `use` at `at`, and returns the index after its semicolon.
fn import(module: &[String], tokens: &[Token<'_>], at: usize, found: &mut Module) -> usize {
    let start = at + 1;
    let before = at.checked_sub(1).and_then(|at| tokens.get(at));
    let public = before.is_some_and(|before| before.is_word("pub") || before.is_mark(")"));
    let end =
        tokens.iter().skip(start).position(|token| token.is_mark(";")).map_or(tokens.len(), |length| start + length);
    let mut leaves = Vec::new();
    tree(tokens.get(start..end).unwrap_or_default(), &[], &mut leaves);
    for (path, name) in leaves {
        let Some(target) = from_root(module, &path) else { continue };
        let own = target.first().is_some_and(|first| first == CHILD) || target.starts_with(module);
        match name {
            "*" => found.globs.push(target.clone()),
            name => drop(found.imports.insert(name.to_owned(), target.clone())),
        }
        if !(public && own) {
            found.uses.push(target);
        }
    }
    end + 1
}

/// The leaves of a tree of imports: the path, and the name it gets here.
fn tree<'a>(tokens: &[Token<'a>], prefix: &[&'a str], leaves: &mut Vec<(Vec<&'a str>, &'a str)>) {
    let mut at = 0;
    while at < tokens.len() {
        let skip = tokens.iter().skip(at).take_while(|token| token.is_mark(":")).count();
        let (path, after) = plain_path(tokens, at + skip);
        let whole = [prefix, &path].concat();
        match tokens.get(after) {
            Some(open) if open.is_mark("{") => {
                let end = after_group(tokens, after);
                tree(tokens.get(after + 1..end - 1).unwrap_or_default(), &whole, leaves);
                at = end;
            }
            Some(star) if star.is_mark("*") => {
                leaves.push((whole, "*"));
                at = after + 1;
            }
            _ => {
                at = after.max(at + 1);
                if let Some(last) = whole.last().copied() {
                    let renamed = tokens.get(after).filter(|token| token.is_word("as")).and(tokens.get(after + 1));
                    at += if renamed.is_some() { 2 } else { 0 };
                    let own = if last == "self" { whole.iter().rev().nth(1).copied() } else { Some(last) };
                    leaves.push((whole, renamed.map_or(own.unwrap_or(last), |token| token.text)));
                }
            }
        }
        at += usize::from(tokens.get(at).is_some_and(|token| token.is_mark(",")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::source::File;
    use crate::tidy::tokens::scan;

    fn edges(files: &[(&str, &str)]) -> Vec<(String, String)> {
        let files: Vec<_> =
            files.iter().map(|(path, text)| File::new(&format!("crates/a/src/{path}"), *text)).collect();
        let scanned = scan(&files);
        let modules = Modules::new("crates/a/src", &scanned.iter().collect::<Vec<_>>());
        modules.edges().iter().map(|(from, to)| (from.join("::"), to.join("::"))).collect()
    }

    #[test]
    fn paths_of_every_kind_are_references() {
        let files = |text| [("lib.rs", ""), ("x.rs", ""), ("y.rs", text), ("y/z.rs", "")];
        for (text, to) in [
            ("use crate::x::X;", "x"),
            ("use crate::{x::{self, X as Y}};", "x"),
            ("pub(crate) use super::x::*;", "x"),
            ("fn f() { crate::x::f() }", "x"),
            ("fn f() { super::x::f(self::g()) }", "x"),
            ("use z::Z;", "y::z"),
            ("fn f() { z::f() }", "y::z"),
            ("mod w { use super::super::x::X; }", "x"),
        ] {
            assert_eq!(edges(&files(text)), [("y".to_owned(), to.to_owned())], "{text}");
        }
        for text in
            ["mod z;", "pub use z::Z;", "pub use self::z::Z;", "// crate::x::X", "#[cfg(test)]\nuse crate::x::X;"]
        {
            assert_eq!(edges(&files(text)), [], "{text}");
        }
    }

    #[test]
    fn a_name_handed_on_leads_to_its_definition() {
        let files = [("lib.rs", "pub use x::{X as Other};"), ("x.rs", "pub struct X;"), ("y.rs", "use crate::Other;")];
        assert_eq!(edges(&files), [("y".to_owned(), "x".to_owned())]);
    }
}
