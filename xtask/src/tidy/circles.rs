//! Circles of imports: files or folders of one folder that need each other.

use std::collections::{BTreeMap, BTreeSet};

use crate::tidy::modules::{Edges, Modules, source_folder};
use crate::tidy::tokens::Scanned;

/// Files and folders that import each other, by their paths below the crate's sources.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Circle {
    pub(crate) krate: String,
    pub(crate) members: BTreeSet<String>,
    /// One reference for each pair of members, as `from -> to`.
    pub(crate) references: BTreeSet<String>,
}

/// All circles of all crates.
pub(crate) fn find(scanned: &[Scanned<'_>]) -> Vec<Circle> {
    let mut folders: BTreeMap<&str, Vec<&Scanned<'_>>> = BTreeMap::new();
    for one in scanned {
        if let Some(folder) = source_folder(&one.file.path) {
            folders.entry(folder).or_default().push(one);
        }
    }
    folders.iter().flat_map(|(folder, files)| in_crate(folder, files)).collect()
}

/// Looks at each module that has others below it: they and its own file are the points, deeper modules are part of them.
fn in_crate(folder: &str, files: &[&Scanned<'_>]) -> Vec<Circle> {
    let krate = files.first().map_or("", |one| one.file.krate());
    let modules = Modules::new(folder, files);
    let edges = modules.edges();
    let parents: BTreeSet<&[String]> = edges.iter().map(|(from, to)| common(from, to)).collect();
    let mut circles = Vec::new();
    for parent in parents {
        let (graph, references) = level(parent, &edges, &modules, folder);
        for members in components(&graph) {
            let inside = |pair: &(String, String)| members.contains(&pair.0) && members.contains(&pair.1);
            let references = references.iter().filter(|(pair, _)| inside(pair)).map(|(_, text)| text.clone()).collect();
            circles.push(Circle { krate: krate.to_owned(), members, references });
        }
    }
    circles
}

fn common<'a>(one: &'a [String], other: &[String]) -> &'a [String] {
    let length = one.iter().zip(other).take_while(|(a, b)| a == b).count();
    one.get(..length).unwrap_or_default()
}

type Graph = BTreeMap<String, BTreeSet<String>>;

/// The points right below `parent`, what leads from one to another, and an example for each.
fn level(
    parent: &[String],
    edges: &Edges,
    modules: &Modules,
    folder: &str,
) -> (Graph, BTreeMap<(String, String), String>) {
    let mut graph = Graph::new();
    let mut references = BTreeMap::new();
    let below = |path: &str| path.strip_prefix(folder).unwrap_or(path).trim_start_matches('/').to_owned();
    let point = |path: &[String]| {
        let length = (parent.len() + 1).min(path.len());
        let module = path.get(..length).unwrap_or_default();
        // A folder that is declared in place has no file of its own.
        match below(modules.file(module)) {
            file if file.is_empty() => format!("{}/", module.join("/")),
            file => file,
        }
    };
    for (from, to) in edges.iter().filter(|(from, to)| from.starts_with(parent) && to.starts_with(parent)) {
        let pair = (point(from), point(to));
        if pair.0 != pair.1 {
            graph.entry(pair.0.clone()).or_default().insert(pair.1.clone());
            let text = format!("{} -> {}", below(modules.file(from)), below(modules.file(to)));
            references.entry(pair).or_insert(text);
        }
    }
    (graph, references)
}

/// Groups of at least two points that reach each other.
fn components(graph: &Graph) -> Vec<BTreeSet<String>> {
    let reached: BTreeMap<&String, BTreeSet<&String>> = graph.keys().map(|from| (from, reach(graph, from))).collect();
    let mut found = BTreeSet::new();
    for (from, reached_from) in &reached {
        let back = |to: &&&String| reached.get(**to).is_some_and(|reached| reached.contains(*from));
        let group: BTreeSet<String> = reached_from.iter().filter(back).map(|to| (*to).clone()).collect();
        if group.len() > 1 {
            found.insert(group);
        }
    }
    found.into_iter().collect()
}

fn reach<'a>(graph: &'a Graph, from: &'a String) -> BTreeSet<&'a String> {
    let mut reached = BTreeSet::new();
    let mut next = vec![from];
    while let Some(point) = next.pop() {
        next.extend(graph.get(point).into_iter().flatten().filter(|to| reached.insert(*to)));
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::source::File;
    use crate::tidy::tokens::scan;

    fn circles(files: &[(&str, &str)]) -> Vec<Vec<String>> {
        let files: Vec<_> =
            files.iter().map(|(path, text)| File::new(&format!("crates/a/src/{path}"), *text)).collect();
        find(&scan(&files)).into_iter().map(|circle| circle.members.into_iter().collect()).collect()
    }

    #[test]
    fn each_circle_names_its_files() {
        for (files, members) in [
            (vec![("x.rs", "use crate::y::Y;"), ("y.rs", "use crate::x::X;")], vec!["x.rs", "y.rs"]),
            (vec![("x.rs", "use y::Y;"), ("x/y.rs", "use super::X;")], vec!["x.rs", "x/y.rs"]),
            (
                vec![
                    ("x.rs", ""),
                    ("x/a.rs", "use crate::y::b::B;"),
                    ("y.rs", ""),
                    ("y/b.rs", ""),
                    ("y/c.rs", "use crate::x::X;"),
                ],
                vec!["x.rs", "y.rs"],
            ),
            (
                vec![
                    ("x.rs", "use crate::y;"),
                    ("y.rs", "use crate::z;"),
                    ("z.rs", "use crate::x;"),
                    ("w.rs", "use crate::x;"),
                ],
                vec!["x.rs", "y.rs", "z.rs"],
            ),
        ] {
            let with_root: Vec<_> = [("lib.rs", "")].into_iter().chain(files).collect();
            assert_eq!(circles(&with_root), [members], "{with_root:?}");
        }
    }

    #[test]
    fn folder_without_a_file_is_one_point() {
        let root = ("lib.rs", "mod x { pub mod a; }\nmod y { pub mod b; }\nmod s;");
        let files = [("x/a.rs", "use crate::s::S;"), ("s.rs", "use crate::y::b::B;"), ("y/b.rs", "")];
        assert_eq!(circles(&[&[root], &files[..]].concat()), [] as [Vec<String>; 0]);
        let back = [("x/a.rs", "use crate::y::b::B;"), ("s.rs", ""), ("y/b.rs", "use crate::x::a::A;")];
        assert_eq!(circles(&[&[root], &back[..]].concat()), [["x/", "y/"]]);
    }

    #[test]
    fn layers_are_no_circle() {
        let files = [
            ("lib.rs", "mod x;\npub use x::X;\npub use y::b::B;"),
            ("x.rs", "use crate::y::b::B;\npub use a::A;"),
            ("x/a.rs", "use crate::B;"),
            ("y.rs", "#[cfg(test)]\nmod tests { use crate::x::X; }"),
            ("y/b.rs", "struct B;"),
        ];
        assert_eq!(circles(&files), [] as [Vec<String>; 0]);
    }
}
