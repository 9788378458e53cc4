//! Cases of the mirror: warm files and metadata, beside nginx with the same files, and beside another mirror.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use fs_err as fs;

use super::contenders::{OURS, command, contender, recipes};
use crate::bench::case::{Case, Figure};
use crate::bench::fixtures::{self, Stage};
use crate::failure::Result;
use crate::shell::{self, found};
use crate::tools;

/// Clients at once in the cases of many.
const CLIENTS: u64 = 64;
/// Requests of a run of `ab`.
const REQUESTS: &str = "100000";
/// The name under which the served folder is a repository.
const MODEL: &str = "bench/files";

/// `model-cache serve` with the files of nginx, warm.
struct Mirror {
    url: String,
    process: u32,
}

impl Mirror {
    fn start(stage: &Stage) -> Result<Self> {
        let folder = stage.folder.join("served");
        fs::create_dir_all(&folder)?;
        let files = stage.folder.join("www");
        fs::write(files.join("small.json"), "x".repeat(2048))?;
        let config = folder.join("config.toml");
        fs::write(
            &config,
            format!(
                "[server]\nrate = 1000000\nanonymous = [{MODEL:?}]\n\n[models.{MODEL:?}]\nfrom = {:?}\n",
                files.display().to_string()
            ),
        )?;
        let port = fixtures::free_port()?;
        let mut command = Command::new(&stage.ours.command);
        command
            .args(["serve", "--quiet", "--offline", "--listen", &format!("127.0.0.1:{port}"), "--config"])
            .arg(&config);
        command.env("MODEL_CACHE_DIR", folder.join("store")).stdin(Stdio::null()).stdout(Stdio::null());
        let child = command.spawn()?;
        let process = child.id();
        stage.keep(child);
        fixtures::wait_for(port)?;
        let mirror = Self { url: format!("http://127.0.0.1:{port}"), process };
        for name in ["file.bin", "small.json"] {
            shell::output(&mut self::command("curl", &["-fsS", "-o", "/dev/null", &mirror.file(name)]))?;
        }
        Ok(mirror)
    }

    fn file(&self, name: &str) -> String {
        format!("{}/{MODEL}/resolve/main/{name}", self.url)
    }

    fn info(&self) -> String {
        format!("{}/api/models/{MODEL}", self.url)
    }
}

fn web(stage: &Stage) -> Result<String> {
    stage.web.clone().ok_or_else(|| "no nginx, nothing to compare a mirror with".into())
}

fn curl(url: &str) -> Command {
    command("curl", &["-fsS", "-o", "/dev/null", url])
}

pub(super) fn stream(stage: &Stage) -> Result<Case> {
    let (web, mirror) = (web(stage)?, Mirror::start(stage)?);
    let contenders = vec![
        contender(OURS, stage.out(), recipes(&[curl(&mirror.file("file.bin"))])),
        contender("nginx", stage.out(), recipes(&[curl(&format!("{web}/file.bin"))])),
    ];
    let figures = vec![Figure::Speed { than: "nginx".to_owned(), at_least: 0.7 }];
    let title = format!("one client takes a warm file of {} MiB from the mirror", stage.size >> 20);
    Ok(Case { name: "serve-stream", title, contenders, figures, skipped: Vec::new() })
}

pub(super) fn crowd(stage: &Stage) -> Result<Case> {
    let (web, mirror) = (web(stage)?, Mirror::start(stage)?);
    let part = stage.size / CLIENTS;
    let all = |url: &str| -> Vec<Command> {
        let range = |n: u64| format!("{}-{}", n * part, (n + 1) * part - 1);
        (0..CLIENTS).map(|n| command("curl", &["-fsS", "-o", "/dev/null", "-r", &range(n), url])).collect()
    };
    let contenders = vec![
        contender(OURS, stage.out(), recipes(&all(&mirror.file("file.bin")))),
        contender("nginx", stage.out(), recipes(&all(&format!("{web}/file.bin")))),
    ];
    let figures = vec![
        Figure::Speed { than: "nginx".to_owned(), at_least: 0.7 },
        Figure::Server { process: mirror.process, mib: 64 },
    ];
    let title = format!("{CLIENTS} clients take {} MiB each of a warm file from the mirror, at once", part >> 20);
    Ok(Case { name: "serve-crowd", title, contenders, figures, skipped: Vec::new() })
}

/// Requests a second: `ab` asks for the same again and again over kept connections.
fn asked(stage: &Stage, name: &'static str, title: &str, ours: &str, nginx: &str, process: u32) -> Result<Case> {
    if found("ab").is_none() {
        return Err("no ab (apache2-utils), no case of requests".into());
    }
    let ab = |url: &str| recipes(&[command("ab", &["-q", "-k", "-n", REQUESTS, "-c", "64", url])]);
    let contenders = vec![contender(OURS, stage.out(), ab(ours)), contender("nginx", stage.out(), ab(nginx))];
    let figures = vec![Figure::Speed { than: "nginx".to_owned(), at_least: 0.3 }, Figure::Server { process, mib: 64 }];
    let title = format!("{REQUESTS} requests for {title}, 64 at a time");
    Ok(Case { name, title, contenders, figures, skipped: Vec::new() })
}

pub(super) fn small(stage: &Stage) -> Result<Case> {
    let (web, mirror) = (web(stage)?, Mirror::start(stage)?);
    let (ours, nginx) = (mirror.file("small.json"), format!("{web}/small.json"));
    asked(stage, "serve-small", "a file of 2 KiB", &ours, &nginx, mirror.process)
}

pub(super) fn info(stage: &Stage) -> Result<Case> {
    let (web, mirror) = (web(stage)?, Mirror::start(stage)?);
    let same = stage.folder.join("www/info.json");
    shell::output(&mut command("curl", &["-fsS", "-o", &same.to_string_lossy(), &mirror.info()]))?;
    let nginx = format!("{web}/info.json");
    asked(
        stage,
        "serve-info",
        "what a repository is, nginx has the same as a file",
        &mirror.info(),
        &nginx,
        mirror.process,
    )
}

/// The Python package `olah` in an environment of its own.
fn olah(stage: &Stage, upstream: &str) -> Result<Option<String>> {
    let Some(python) = tools::venv()? else { return Ok(None) };
    let venv = python.with_file_name("venv-olah");
    let program = venv.join("bin/olah-cli");
    if !program.is_file() {
        shell::run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
        shell::run(Command::new(venv.join("bin/pip")).args(["install", "--quiet", "olah==0.5.4"]))?;
    }
    let port = fixtures::free_port()?;
    let folder = stage.folder.join("olah");
    Stage::clear(&folder)?;
    let host = upstream.trim_start_matches("http://");
    let mut command = Command::new(program);
    command.args(["--host", "127.0.0.1", "--port", &port.to_string(), "--hf-scheme", "http", "--hf-netloc", host]);
    command.args(["--hf-lfs-netloc", host, "--repos-path"]).arg(folder.join("repos")).current_dir(&folder);
    stage.keep(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?);
    fixtures::wait_for(port)?;
    Ok(Some(format!("http://127.0.0.1:{port}")))
}

pub(super) fn beside_olah(stage: &Stage) -> Result<Case> {
    let upstream = stage.another_hub(&[])?;
    let file = |url: &str| format!("{url}/org/large/resolve/main/model.safetensors");
    let store: PathBuf = stage.folder.join("served/pulled");
    let port = fixtures::free_port()?;
    let mut serve = Command::new(&stage.ours.command);
    serve.args(["serve", "--quiet", "--listen", &format!("127.0.0.1:{port}"), "--upstream", &upstream]);
    stage.keep(serve.env("MODEL_CACHE_DIR", &store).stdin(Stdio::null()).stdout(Stdio::null()).spawn()?);
    fixtures::wait_for(port)?;
    let ours = format!("http://127.0.0.1:{port}");
    warm(&file(&ours), stage.size / 2)?;
    let mut contenders = vec![contender(OURS, stage.out(), recipes(&[curl(&file(&ours))]))];
    let mut skipped = Vec::new();
    match olah(stage, &upstream)? {
        Some(url) => {
            warm(&file(&url), stage.size / 2)?;
            contenders.push(contender("olah", stage.out(), recipes(&[curl(&file(&url))])));
        }
        None => skipped.push("olah: no python3".to_owned()),
    }
    let figures = vec![Figure::Speed { than: "olah".to_owned(), at_least: 5.0 }];
    let title = format!("one client takes a warm file of {} MiB that was pulled from a hub", stage.size >> 21);
    Ok(Case { name: "serve-olah", title, contenders, figures, skipped })
}

/// Takes a file once; it must have come whole.
fn warm(url: &str, size: u64) -> Result<()> {
    let came = shell::output(&mut command("curl", &["-fsS", "-o", "/dev/null", "-w", "%{size_download}", url]))?;
    if came.trim() == size.to_string() { Ok(()) } else { Err(format!("{url}: {came} bytes instead of {size}").into()) }
}
