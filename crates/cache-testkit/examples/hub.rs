//! Serves a folder tree as a Hub: `cargo run --release -p cache-testkit --example hub -- --root DIR [--port N]
//! [--rate BYTES] [--latency MS] [--threads N] [--page-size N] [--relative-redirects] [--token TOKEN=USER]
//! [--gated REPO] [--private REPO] [--tag REPO=TAG] [--pull REPO] [--flip-every BYTES] [--die-after REQUESTS]`
//!
//! `DIR/org/name/…` become models, `DIR/datasets/org/name/…` and `DIR/spaces/org/name/…` the other kinds.
//! `--rate` holds for each connection. Gated and private repositories are open to the user of the first token. `--tag`
//! tags the only commit there is, `--pull` adds `refs/pr/1` with the same files. With `--flip-every` all files have wrong bytes, with
//! `--die-after` their requests get no answer after so many, and the last ones break off. The first line on stdout is the address to give to
//! `HF_ENDPOINT`. It serves until stdin ends or it is killed.

use std::collections::HashMap;
use std::error::Error;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cache_core::Commit;
use cache_testkit::{Access, Content, Files, Hub, HubConfig, HubFault, Matches, Origin};

fn main() -> Result<(), Box<dyn Error>> {
    let mut config = HubConfig::default();
    let mut root = None;
    let mut users: Vec<(String, String)> = Vec::new();
    let mut troubles = Vec::new();
    let (mut gated, mut private, mut tags, mut pulls) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
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
            "--token" => users.push(pair(&value()?)?),
            "--gated" => gated.push(value()?),
            "--private" => private.push(value()?),
            "--tag" => tags.push(pair(&value()?)?),
            "--pull" => pulls.push(value()?),
            "--flip-every" => troubles.push((files(), HubFault::FlipEvery(value()?.parse()?))),
            "--die-after" => troubles.push((files().after(value()?.parse()?), HubFault::Hangup)),
            other => return Err(format!("unknown argument {other}").into()),
        }
    }
    let root = root.ok_or("--root DIR is needed")?;
    let hub = Hub::spawn(config)?;
    troubles.into_iter().for_each(|(requests, trouble)| hub.trouble(requests, trouble));
    for (token, user) in &users {
        hub.add_user(token, user);
    }
    let commits = add_all(&hub, &root)?;
    let granted: Vec<String> = users.first().map(|(_, user)| user.clone()).into_iter().collect();
    gated.iter().for_each(|repo| hub.set_access(repo, Access::gated(granted.clone())));
    private.iter().for_each(|repo| hub.set_access(repo, Access::private(granted.clone())));
    for (repo, tag) in &tags {
        let (commit, _) = commits.get(&full(repo)).ok_or_else(|| format!("no repository {repo}"))?;
        hub.tag(repo, tag, commit);
    }
    for repo in &pulls {
        let (_, files) = commits.get(&full(repo)).ok_or_else(|| format!("no repository {repo}"))?;
        hub.commit(repo, "refs/pr/1", files.clone());
    }
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{}", hub.url())?;
    stdout.flush()?;
    // Served from another thread; the end of stdin is the end of the process that started this.
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    Ok(())
}

/// Adds the repositories of a folder tree.
fn add_all(hub: &Hub, root: &Path) -> Result<HashMap<String, (Commit, Files)>, Box<dyn Error>> {
    let mut commits: HashMap<String, (Commit, Files)> = HashMap::new();
    for org in folders(root)? {
        let name = file_name(&org);
        if matches!(name.as_str(), "models" | "datasets" | "spaces") {
            for org in folders(&org)? {
                add(hub, &name, &org, &mut commits)?;
            }
        } else {
            add(hub, "models", &org, &mut commits)?;
        }
    }
    Ok(commits)
}

/// The requests for files.
fn files() -> Matches {
    Matches::path("model.safetensors").at(Origin::Cdn)
}

/// `NAME=VALUE`
fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("{text:?} is not NAME=VALUE"))?;
    Ok((name.to_owned(), value.to_owned()))
}

/// A repository's name with its kind.
fn full(repo: &str) -> String {
    let kind = ["models/", "datasets/", "spaces/"].iter().any(|kind| repo.starts_with(kind));
    if kind { repo.to_owned() } else { format!("models/{repo}") }
}

fn add(
    hub: &Hub,
    kind: &str,
    org: &Path,
    commits: &mut HashMap<String, (Commit, Files)>,
) -> Result<(), Box<dyn Error>> {
    for repo in folders(org)? {
        let mut files = Vec::new();
        walk(&repo, "", &mut files)?;
        let name = format!("{kind}/{}/{}", file_name(org), file_name(&repo));
        let files = Files::from(files);
        commits.insert(name.clone(), (hub.add(&name, files.clone()), files));
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
