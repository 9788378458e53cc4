//! What the tree does not satisfy yet: numbers for each crate, and circles, that may only become fewer.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use fs_err as fs;

use crate::failure::Result;
use crate::shell::root;
use crate::tidy::circles::{self, Circle};
use crate::tidy::finding::Finding;
use crate::tidy::source::File;
use crate::tidy::tokens::{Scanned, scan};
use crate::tidy::{items, words};

/// The table, below the workspace.
const TABLE: &str = "xtask/known.txt";
const HEAD: &str = "# What is not tidy yet: a check, a crate, and how often; circles of imports by their files. It may only become less.\n\
                    # `cargo xtask tidy --all` shows each, `cargo xtask tidy --renew` writes this file.\n";

/// A check whose findings are counted, by its name in the table.
type Counted = (&'static str, fn(&[Scanned<'_>]) -> Vec<Finding>);

const COUNTED: [Counted; 4] = [
    ("words", |files| files.iter().flat_map(words::check).collect()),
    ("types", items::duplicates),
    ("test-names", |files| files.iter().flat_map(items::test_names).collect()),
    ("functions", |files| files.iter().flat_map(items::functions).collect()),
];

/// Findings of one check in one crate.
type ByCrate = BTreeMap<(&'static str, String), Vec<Finding>>;

/// What was found now.
pub(crate) struct Present {
    counted: ByCrate,
    circles: Vec<Circle>,
}

impl Present {
    pub(crate) fn new(files: &[File]) -> Self {
        let scanned = scan(files);
        let mut counted = ByCrate::new();
        for (name, check) in COUNTED {
            for finding in check(&scanned) {
                let krate = File::new(&finding.path, "").krate().to_owned();
                counted.entry((name, krate)).or_default().push(finding);
            }
        }
        Self { counted, circles: circles::find(&scanned) }
    }

    /// Prints every finding, known or not.
    pub(crate) fn print(&self) {
        self.counted.values().flatten().for_each(|finding| println!("{finding}"));
        for circle in &self.circles {
            println!("{}", describe(circle));
            circle.references.iter().for_each(|reference| println!("    {reference}"));
        }
    }

    /// Writes the table as it would be right now.
    pub(crate) fn renew(&self) -> Result<()> {
        Ok(fs::write(root().join(TABLE), self.table())?)
    }

    fn table(&self) -> String {
        let mut text = HEAD.to_owned();
        for ((check, krate), findings) in &self.counted {
            let _ = writeln!(text, "{check} {krate} {}", findings.len());
        }
        for Circle { krate, members, .. } in &self.circles {
            let _ = writeln!(text, "circle {krate} {}", members.iter().cloned().collect::<Vec<_>>().join(" "));
        }
        text
    }

    /// What is worse than the table says, and what of the table is no longer so.
    pub(crate) fn check(&self) -> Result<Vec<Finding>> {
        Ok(self.compare(&fs::read_to_string(root().join(TABLE))?))
    }

    fn compare(&self, table: &str) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut known = BTreeMap::new();
        let mut known_circles = Vec::new();
        for (index, line) in table.lines().enumerate().filter(|(_, line)| !line.starts_with('#')) {
            match line.split(' ').collect::<Vec<_>>()[..] {
                ["circle", krate, ref members @ ..] => {
                    let members: BTreeSet<String> = members.iter().map(|member| (*member).to_owned()).collect();
                    known_circles.push((index + 1, krate, members));
                }
                [check, krate, count] => drop(known.insert((check, krate), (index + 1, count.parse().unwrap_or(0)))),
                _ => findings.push(Finding::new(TABLE, index + 1, "not a line of this table")),
            }
        }
        for ((check, krate), found) in &self.counted {
            let (line, allowed) = known.remove(&(*check, krate.as_str())).unwrap_or((1, 0));
            if found.len() > allowed {
                findings.extend(found.iter().cloned());
            }
            if found.len() != allowed {
                findings.push(changed(line, check, krate, found.len(), allowed));
            }
        }
        findings.extend(known.iter().map(|((check, krate), (line, count))| changed(*line, check, krate, 0, *count)));
        for circle in &self.circles {
            let within =
                |krate: &str, members: &BTreeSet<String>| krate == circle.krate && circle.members.is_subset(members);
            if !known_circles.iter().any(|(_, krate, members)| within(krate, members)) {
                findings.push(Finding::new(&format!("crates/{}", circle.krate), 1, describe(circle)));
            }
        }
        for (line, krate, members) in known_circles {
            if !self.circles.iter().any(|circle| circle.krate == krate && circle.members == members) {
                findings.push(Finding::new(TABLE, line, "this circle is gone or smaller: cargo xtask tidy --renew"));
            }
        }
        findings
    }
}

fn changed(line: usize, check: &str, krate: &str, found: usize, known: usize) -> Finding {
    let advice = if found > known { "mend them" } else { "cargo xtask tidy --renew" };
    Finding::new(TABLE, line, format!("{check} of {krate}: {found}, known are {known}: {advice}"))
}

fn describe(circle: &Circle) -> String {
    let members: Vec<_> = circle.members.iter().map(String::as_str).collect();
    let references: Vec<_> = circle.references.iter().map(String::as_str).collect();
    format!("{}: files that import each other: {} ({})", circle.krate, members.join(" "), references.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn present() -> Present {
        Present::new(&[
            File::new("crates/a/src/lib.rs", "struct Told;"),
            File::new("crates/a/src/x.rs", "use crate::y::Y;"),
            File::new("crates/a/src/y.rs", "use crate::x::X;"),
        ])
    }

    #[test]
    fn the_table_written_is_the_table_wanted() {
        let present = present();
        assert_eq!(present.table().lines().skip(2).collect::<Vec<_>>(), ["words a 1", "circle a x.rs y.rs"]);
        assert_eq!(present.compare(&present.table()), []);
    }

    #[test]
    fn more_and_less_than_known_are_found() {
        for (table, count) in [
            ("words a 2\ncircle a x.rs y.rs", 1),
            ("circle a x.rs y.rs", 2),
            ("words a 1\ntypes a 1\ncircle a x.rs y.rs", 1),
            ("words a 1", 1),
            ("words a 1\ncircle a x.rs y.rs z.rs", 1),
            ("words a 1\ncircle a x.rs y.rs\ncircle b x.rs y.rs", 1),
        ] {
            assert_eq!(present().compare(table).len(), count, "{table}");
        }
    }
}
