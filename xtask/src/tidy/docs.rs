//! Documents: their links lead somewhere, and the commands they name exist.

use std::collections::BTreeSet;

use crate::failure::Result;
use crate::shell::{self, cargo};
use crate::tidy::finding::Finding;
use crate::tidy::source::File;

/// What a document may name.
struct Known {
    /// Paths of files, and of folders without a slash at the end.
    paths: BTreeSet<String>,
    /// `model-cache`'s commands, from the generated reference; none while there is no reference.
    commands: BTreeSet<String>,
    /// `model-cache`'s options, from the same page.
    options: BTreeSet<String>,
    /// `cargo xtask`'s commands.
    tasks: BTreeSet<String>,
    /// Packages of the workspace.
    packages: BTreeSet<String>,
}

/// Checks every document; `tasks` are the commands of `cargo xtask`.
pub(crate) fn check(files: &[File], tasks: BTreeSet<String>) -> Result<Vec<Finding>> {
    let metadata = shell::output(&mut cargo(&["metadata", "--no-deps", "--offline", "--format-version", "1"]))?;
    let metadata: serde_json::Value = serde_json::from_str(&metadata)?;
    let packages = metadata.get("packages").and_then(|list| list.as_array()).into_iter().flatten();
    let packages = packages.filter_map(|package| package.get("name")?.as_str().map(str::to_owned)).collect();
    let known = Known::new(files, packages, tasks);
    Ok(files.iter().filter(|file| file.is_markdown()).flat_map(|file| check_one(file, files, &known)).collect())
}

impl Known {
    fn new(files: &[File], packages: BTreeSet<String>, tasks: BTreeSet<String>) -> Self {
        let mut paths = BTreeSet::new();
        for file in files {
            let mut path = file.path.as_str();
            paths.insert(path.to_owned());
            while let Some((parent, _)) = path.rsplit_once('/') {
                paths.insert(parent.to_owned());
                path = parent;
            }
        }
        let reference = files.iter().find(|file| file.path == "docs/cli.md").map_or("", |file| &file.text);
        let commands = reference.lines().filter_map(|line| line.strip_prefix("## model-cache "));
        let commands = commands.map(str::to_owned).collect();
        let options = reference.lines().filter(|line| line.starts_with("| `-")).flat_map(long_options).collect();
        Self { paths, commands, options, tasks, packages }
    }
}

fn long_options(line: &str) -> Vec<String> {
    let words = line.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
    words.filter(|word| word.starts_with("--") && word.len() > 2).map(str::to_owned).collect()
}

fn check_one(file: &File, files: &[File], known: &Known) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut fence = false;
    for (index, line) in file.text.lines().enumerate() {
        let mut report = |text: String| findings.push(Finding::new(&file.path, index + 1, text));
        if line.trim_start().starts_with("```") {
            fence = !fence;
            continue;
        }
        if fence {
            command(line, known, &mut report);
            continue;
        }
        for code in line.split('`').skip(1).step_by(2) {
            command(code, known, &mut report);
        }
        for name in code_map(line).filter(|path| !known.paths.contains(path)) {
            report(format!("the code map names {name}, which is not there"));
        }
        for target in links(line) {
            if let Err(why) = leads_somewhere(file, target, files, known) {
                report(format!("the link {target} {why}"));
            }
        }
    }
    findings
}

/// The files that a row of a code map names: `| `crate` | … | `file.rs`, … |`.
fn code_map(line: &str) -> impl Iterator<Item = String> {
    let mut codes = line.split('`').skip(1).step_by(2);
    let member = codes.next().filter(|_| line.starts_with("| `")).unwrap_or_default();
    let folder = if member == "xtask" { "xtask/src".to_owned() } else { format!("crates/{member}/src") };
    let ours = member == "xtask" || member.starts_with("cache-");
    codes.filter(move |code| ours && code.ends_with(".rs")).map(move |code| format!("{folder}/{code}"))
}

/// Targets of `[text](target)`.
fn links(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split(')').next())
}

fn leads_somewhere(file: &File, target: &str, files: &[File], known: &Known) -> Result<(), &'static str> {
    if target.contains("://") || target.starts_with("mailto:") {
        return Ok(());
    }
    let (path, anchor) = target.split_once('#').map_or((target, None), |(path, anchor)| (path, Some(anchor)));
    let path =
        if path.is_empty() { file.path.clone() } else { resolve(&file.path, path).ok_or("leaves the workspace")? };
    if !known.paths.contains(&path) {
        return Err("leads nowhere");
    }
    let page = files.iter().find(|other| other.path == path);
    match (anchor, page) {
        (Some(anchor), Some(page)) if !headings(page).any(|slug| slug == anchor) => Err("names no heading"),
        _ => Ok(()),
    }
}

/// A path as seen from a file, without `.` and `..`.
fn resolve(from: &str, path: &str) -> Option<String> {
    let mut segments: Vec<&str> = from.split('/').collect();
    segments.pop();
    for segment in path.trim_end_matches('/').split('/') {
        match segment {
            "." | "" => {}
            ".." => {
                segments.pop()?;
            }
            other => segments.push(other),
        }
    }
    Some(segments.join("/"))
}

fn headings(page: &File) -> impl Iterator<Item = String> {
    let titles = page.text.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    titles.map(|title| {
        let kept = title.to_lowercase();
        let kept = kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    })
}

/// Checks the commands on one line of code.
fn command(line: &str, known: &Known, report: &mut impl FnMut(String)) {
    let line = line.split(" # ").next().unwrap_or_default();
    let words: Vec<&str> = line.split_whitespace().map(|word| word.trim_matches(['(', ')', '"', ';'])).collect();
    for (at, word) in words.iter().enumerate() {
        let next = |by: usize| words.get(at + by).copied().unwrap_or_default();
        let named = |text: &str| text.starts_with(|c: char| c.is_ascii_lowercase());
        match *word {
            "model-cache" | "$(model-cache" => {
                let two = format!("{} {}", next(1), next(2));
                let exists = known.commands.contains(next(1)) || known.commands.contains(&two);
                if named(next(1)) && !known.commands.is_empty() && !exists {
                    report(format!("`model-cache {}` does not exist", next(1)));
                }
                if exists {
                    let rest = words.get(at + 1..).unwrap_or_default();
                    let rest = rest.iter().take_while(|word| !matches!(**word, "|" | "&&" | "||" | ">"));
                    for option in rest.filter(|word| word.starts_with("--") && word.len() > 2) {
                        let option = option.split(['=', '…', ']', '[', ',']).next().unwrap_or_default();
                        if !known.options.contains(option) && option != "--help" {
                            report(format!("`model-cache {}` has no {option}", next(1)));
                        }
                    }
                }
            }
            "xtask" if named(next(1)) && at > 0 && words.get(at - 1) == Some(&"cargo") => {
                let tasks = next(1).split('|');
                for task in tasks.filter(|task| !known.tasks.contains(*task)) {
                    report(format!("`cargo xtask {task}` does not exist"));
                }
            }
            "-p" | "--package" if words.first() == Some(&"cargo") && !known.packages.contains(next(1)) => {
                report(format!("no package {}", next(1)));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<Finding> {
        let reference =
            "## model-cache get\n| `--jobs <N>` | x |\n## model-cache quarantine ls\n## model-cache quarantine\n";
        let files = vec![
            File::new("docs/cli.md", reference),
            File::new("README.md", "# A b, c\n"),
            File::new("crates/cache-cli/src/main.rs", ""),
            File::new("docs/page.md", text.to_owned()),
        ];
        let known =
            Known::new(&files, BTreeSet::from(["cache-cli".to_owned()]), ["ci", "tidy"].map(str::to_owned).into());
        check_one(&files[3], &files, &known)
    }

    #[test]
    fn each_dead_link_and_command_is_found() {
        for text in [
            "[x](nowhere.md)",
            "[x](../README.md#nothing)",
            "[x](../../etc/passwd)",
            "run `model-cache fetch org/name`",
            "```sh\nmodel-cache get org/name --fast\n```",
            "`cargo xtask everything`",
            "`cargo run -p cache-gui`",
            "| `cache-cli` | does things | `gone.rs` |",
        ] {
            assert_eq!(found(text).len(), 1, "{text}");
        }
    }

    #[test]
    fn what_exists_is_left_alone() {
        for text in [
            "[x](../README.md) [y](../README.md#a-b-c) [z](cli.md) [w](https://example.com/x)",
            "`model-cache get REF --jobs 4 | xargs ls --all`, `model-cache quarantine ls`, `model-cache`",
            "```sh\ncargo xtask ci # all of it\neval \"$(model-cache get x)\"\ncargo run --release -p cache-cli -- demo\n```",
            "`cargo xtask ci|tidy`",
            "| `cache-cli` | does things | `main.rs` |",
        ] {
            assert_eq!(found(text), [], "{text}");
        }
    }
}
