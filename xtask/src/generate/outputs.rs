//! The generated files: made in memory, then written or compared.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap_complete::Shell;
use fs_err as fs;

use crate::failure::Result;
use crate::generate::markdown;
use crate::shell::root;

/// Paths below the workspace, and what belongs there.
pub(crate) type Outputs = BTreeMap<PathBuf, Vec<u8>>;

/// Folders of which every file is generated.
const FOLDERS: [&str; 2] = ["docs/man", "docs/completions"];

/// The command without what changes from build to build: the commit in its version.
fn command() -> clap::Command {
    cache_cli::command().version(env!("CARGO_PKG_VERSION"))
}

pub(crate) fn all() -> Result<Outputs> {
    let mut outputs = Outputs::new();
    outputs.insert("docs/cli.md".into(), markdown::reference(&command()).into_bytes());
    outputs.insert("docs/configuration.md".into(), cache_cli::configuration().into_bytes());
    let folder = tempfile::tempdir()?;
    clap_mangen::generate_to(command(), folder.path())?;
    for entry in fs::read_dir(folder.path())? {
        let entry = entry?;
        outputs.insert(Path::new(FOLDERS[0]).join(entry.file_name()), fs::read(entry.path())?);
    }
    for (shell, name) in
        [(Shell::Bash, "model-cache.bash"), (Shell::Zsh, "_model-cache"), (Shell::Fish, "model-cache.fish")]
    {
        let mut bytes = Vec::new();
        clap_complete::generate(shell, &mut command(), "model-cache", &mut bytes);
        outputs.insert(Path::new(FOLDERS[1]).join(name), bytes);
    }
    Ok(outputs)
}

/// What is in the generated folders and should not be.
fn strays(outputs: &Outputs, top: &Path) -> Vec<PathBuf> {
    let entries = FOLDERS.iter().filter_map(|folder| fs::read_dir(top.join(folder)).ok()).flatten();
    let paths = entries.filter_map(|entry| entry.ok()?.path().strip_prefix(top).ok().map(Path::to_path_buf));
    paths.filter(|path| !outputs.contains_key(path)).collect()
}

pub(crate) fn write(outputs: &Outputs) -> Result<()> {
    write_to(outputs, root())?;
    println!("{} files written below docs/", outputs.len());
    Ok(())
}

fn write_to(outputs: &Outputs, top: &Path) -> Result<()> {
    for stray in strays(outputs, top) {
        fs::remove_file(top.join(stray))?;
    }
    for (path, bytes) in outputs {
        let path = top.join(path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, bytes)?;
    }
    Ok(())
}

pub(crate) fn check(outputs: &Outputs) -> Result<()> {
    let stale = stale(outputs, root());
    if stale.is_empty() {
        println!("{} generated files are up to date", outputs.len());
        return Ok(());
    }
    let names: Vec<_> = stale.iter().map(|path| path.display().to_string()).collect();
    Err(format!("not as the command is now: {}; run `cargo xtask gen`", names.join(", ")).into())
}

fn stale(outputs: &Outputs, top: &Path) -> Vec<PathBuf> {
    let differs = |(path, bytes): &(&PathBuf, &Vec<u8>)| fs::read(top.join(path)).ok().as_ref() != Some(*bytes);
    let mut stale: Vec<_> = outputs.iter().filter(differs).map(|(path, _)| path.clone()).collect();
    stale.extend(strays(outputs, top));
    stale
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_missing_or_extra_file_is_stale() {
        let top = tempfile::tempdir().unwrap();
        let outputs = Outputs::from([
            (PathBuf::from("docs/cli.md"), b"one".to_vec()),
            (PathBuf::from("docs/man/x.1"), b"two".to_vec()),
        ]);
        assert_eq!(stale(&outputs, top.path()).len(), 2);
        write_to(&outputs, top.path()).unwrap();
        assert!(stale(&outputs, top.path()).is_empty());
        fs::write(top.path().join("docs/cli.md"), "other").unwrap();
        fs::write(top.path().join("docs/man/old.1"), "").unwrap();
        assert_eq!(stale(&outputs, top.path()), [PathBuf::from("docs/cli.md"), PathBuf::from("docs/man/old.1")]);
        write_to(&outputs, top.path()).unwrap();
        assert!(stale(&outputs, top.path()).is_empty());
    }

    #[test]
    fn two_runs_make_the_same_files() {
        assert_eq!(all().unwrap(), all().unwrap());
    }
}
