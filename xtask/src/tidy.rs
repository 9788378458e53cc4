//! `cargo xtask tidy`: the invariants of ARCHITECTURE.md and the house rules, as far as text and manifests show them.
//!
//! Every rule is a function from files to findings, and has a test with a bad snippet that it must find. What the tree does
//! not satisfy yet stands in `xtask/known.txt` and may only become less.

mod circles;
mod deps;
mod docs;
mod finding;
mod items;
mod known;
mod modules;
mod rules;
mod seams;
mod source;
mod tokens;
mod unused;
mod words;

use std::collections::BTreeSet;
use std::process::Command;

use fs_err as fs;

use crate::failure::Result;
use crate::shell::{self, root};
use crate::tidy::finding::Finding;
use crate::tidy::known::Present;
use crate::tidy::rules::{LONG, LONGISH};
use crate::tidy::source::File;

/// What of the known findings to show or to write.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub(crate) struct Arguments {
    /// Also print what is known and counted in xtask/known.txt.
    #[arg(long)]
    all: bool,
    /// Write xtask/known.txt anew.
    #[arg(long)]
    renew: bool,
}

/// The files that git knows or would take, as text.
fn files() -> Result<Vec<File>> {
    let arguments = ["ls-files", "--cached", "--others", "--exclude-standard", "-z"];
    let list = shell::output(Command::new("git").args(arguments).current_dir(root()))?;
    let mut files = Vec::new();
    for path in list.split('\0').filter(|path| !path.is_empty()) {
        let place = root().join(path);
        // Deleted but not yet committed: nothing to read. What is not text has no lines to look at, but links lead to it.
        if place.is_file() {
            files.push(File::new(path, fs::read_to_string(place).unwrap_or_default()));
        }
    }
    Ok(files)
}

/// Checks everything, and fails with the list of what was found; `tasks` are the commands of `cargo xtask`.
pub(crate) fn run(arguments: Arguments, tasks: BTreeSet<String>) -> Result<()> {
    let files = files()?;
    let present = Present::new(&files);
    if arguments.all {
        present.print();
    }
    if arguments.renew {
        present.renew()?;
    }
    for file in files.iter().filter(|file| file.lines() > LONGISH && file.lines() <= LONG && !file.is_generated()) {
        println!("note: {} has {} lines, more than {LONGISH}", file.path, file.lines());
    }
    let mut findings: Vec<Finding> =
        files.iter().flat_map(|file| rules::check(file).chain(seams::check(file))).collect();
    let members = deps::read()?;
    findings.extend(deps::check(&members));
    findings.extend(unused::check(&members, &files));
    findings.extend(docs::check(&files, tasks)?);
    findings.extend(present.check()?);
    findings.sort();
    if findings.is_empty() {
        println!("{} files are tidy", files.len());
        return Ok(());
    }
    for finding in &findings {
        println!("{finding}");
    }
    Err(format!("{} findings", findings.len()).into())
}
