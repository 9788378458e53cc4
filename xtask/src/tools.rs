//! Tools that are built or fetched when they are missing, so that nothing depends on what was installed by hand.

use std::path::{Path, PathBuf};
use std::process::Command;

use fs_err as fs;

use crate::failure::Result;
use crate::shell::{self, cargo, found, root, target};

/// Installs a cargo subcommand unless it is there.
pub(crate) fn subcommand(name: &str) -> Result<()> {
    if found(name).is_some() || cargo_home_has(name) {
        return Ok(());
    }
    shell::run(&mut cargo(&["install", "--locked", name]))
}

fn cargo_home_has(name: &str) -> bool {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")));
    home.is_some_and(|home| home.join("bin").join(name).is_file())
}

/// Clients that the tests run, with their dependencies.
const CLIENTS: &str = "xtask/requirements.txt";
/// Packages of which only the files are read: their dependencies (torch with CUDA, 6 GB) stay away.
const FILES: &str = "xtask/requirements-files.txt";

/// A virtual environment with the Python clients in it: `None` where there is no Python.
pub(crate) fn venv() -> Result<Option<PathBuf>> {
    let venv = target().join("venv");
    let wanted = fs::read_to_string(root().join(CLIENTS))? + &fs::read_to_string(root().join(FILES))?;
    let stamp = venv.join("requirements.txt");
    if fs::read_to_string(&stamp).is_ok_and(|there| there == wanted) {
        return Ok(Some(venv));
    }
    if found("python3").is_none() {
        println!("no python3: the tests against huggingface_hub are skipped");
        return Ok(None);
    }
    if !venv.join("bin/pip").is_file() {
        shell::run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
    }
    pip_install(&venv, &["--requirement", CLIENTS])?;
    pip_install(&venv, &["--no-deps", "--requirement", FILES])?;
    // The end-to-end tests look for a file with the name of what they need.
    for requirement in wanted.lines().filter(|line| line.contains("==")) {
        fs::write(venv.join(requirement), "")?;
    }
    fs::write(stamp, wanted)?;
    Ok(Some(venv))
}

/// Adds torch to the virtual environment, several GB, for the tests that run a model.
pub(crate) fn torch() -> Result<()> {
    match venv()? {
        Some(venv) => pip_install(&venv, &["torch"]),
        None => Ok(()),
    }
}

fn pip_install(venv: &Path, arguments: &[&str]) -> Result<()> {
    shell::run(
        Command::new(venv.join("bin/pip"))
            .args(["install", "--quiet", "--disable-pip-version-check", "--no-cache-dir"])
            .args(arguments)
            .current_dir(root()),
    )
}

/// What is installed by npm, with the version: an object store, a client of the Hub, and what drives a browser.
const NODE: &str = "azurite@3.37.0 @huggingface/hub@2.17.0 playwright-core@1.64.1";

/// A folder with the programs of npm in it: `None` where there is no npm.
pub(crate) fn node() -> Result<Option<PathBuf>> {
    let node = target().join("node");
    let stamp = node.join("stamp");
    if fs::read_to_string(&stamp).is_ok_and(|there| there == NODE) {
        return Ok(Some(node));
    }
    if found("npm").is_none() {
        println!("no npm: the tests against Azurite and in a browser are skipped");
        return Ok(None);
    }
    fs::create_dir_all(&node)?;
    shell::run(
        Command::new("npm").args(["install", "--silent", "--no-audit", "--prefix"]).arg(&node).args(NODE.split(' ')),
    )?;
    fs::write(stamp, NODE)?;
    Ok(Some(node))
}
