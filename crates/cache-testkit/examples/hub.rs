//! Serves a folder tree as a Hub: `cargo run --release -p cache-testkit --example hub -- --root DIR [--port N]
//! [--rate BYTES] [--latency MS] [--threads N] [--relative-redirects] [--token TOKEN]`
//!
//! `DIR/org/name/…` become models, `DIR/datasets/org/name/…` and `DIR/spaces/org/name/…` the other kinds. The first line
//! on stdout is the address to give to `HF_ENDPOINT`. It serves until stdin ends or it is killed.

use std::error::Error;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cache_testkit::{Content, Files, Hub, HubConfig};

fn main() -> Result<(), Box<dyn Error>> {
    let mut config = HubConfig::default();
    let mut root = None;
    let mut tokens = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
        match argument.as_str() {
            "--root" => root = Some(PathBuf::from(value()?)),
            "--port" => config = config.port(value()?.parse()?),
            "--rate" => config = config.rate(value()?.parse()?),
            "--latency" => config = config.latency(Duration::from_millis(value()?.parse()?)),
            "--threads" => config = config.threads(value()?.parse()?),
            "--page-size" => config = config.page_size(value()?.parse()?),
            "--relative-redirects" => config = config.relative_redirects(true),
            "--token" => tokens.push(value()?),
            other => return Err(format!("unknown argument {other}").into()),
        }
    }
    let root = root.ok_or("--root DIR is needed")?;
    let hub = Hub::spawn(config)?;
    for token in tokens {
        hub.add_user(&token, "user");
    }
    for org in folders(&root)? {
        let name = file_name(&org);
        if matches!(name.as_str(), "models" | "datasets" | "spaces") {
            for org in folders(&org)? {
                add(&hub, &name, &org)?;
            }
        } else {
            add(&hub, "models", &org)?;
        }
    }
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{}", hub.url())?;
    stdout.flush()?;
    // Served from another thread; the end of stdin is the end of whoever started this.
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    Ok(())
}

fn add(hub: &Hub, kind: &str, org: &Path) -> Result<(), Box<dyn Error>> {
    for repo in folders(org)? {
        let mut files = Vec::new();
        walk(&repo, "", &mut files)?;
        hub.add(&format!("{kind}/{}/{}", file_name(org), file_name(&repo)), Files::from(files));
    }
    Ok(())
}

fn walk(folder: &Path, prefix: &str, files: &mut Vec<(String, Content)>) -> Result<(), Box<dyn Error>> {
    for entry in fs_err::read_dir(folder)? {
        let path = entry?.path();
        let name = format!("{prefix}{}", file_name(&path));
        if path.is_dir() {
            walk(&path, &format!("{name}/"), files)?;
        } else {
            files.push((name, Content::disk(path)?));
        }
    }
    Ok(())
}

fn folders(folder: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut folders = Vec::new();
    for entry in fs_err::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            folders.push(path);
        }
    }
    Ok(folders)
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
