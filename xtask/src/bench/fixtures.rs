//! Files, servers and folders that the cases share.

use std::cell::RefCell;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fs_err as fs;
use sha2::{Digest as _, Sha256};

use crate::bench::programs::Ours;
use crate::failure::Result;
use crate::shell::found;

/// A throttled connection's rate in nginx: 25 MB a second.
const RATE: &str = "25m";

/// A server process, ended with its value.
#[derive(Debug)]
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // Not SIGKILL: nginx has workers to take along.
        let _ = rustix::process::kill_process(rustix::process::Pid::from_child(&self.0), rustix::process::Signal::TERM);
        let _ = self.0.wait();
    }
}

/// Where everything happens.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) folder: PathBuf,
    pub(crate) ours: Ours,
    /// Bytes of the large file.
    pub(crate) size: u64,
    /// `http://127.0.0.1:PORT` of nginx, where there is one.
    pub(crate) web: Option<String>,
    /// The hub's address.
    pub(crate) hub: String,
    servers: RefCell<Vec<Server>>,
}

impl Stage {
    pub(crate) fn new(folder: PathBuf, ours: Ours, size: u64) -> Result<Self> {
        let folder = fs::canonicalize(folder)?;
        let files = folder.join("www");
        large_file(&files, "file.bin", size)?;
        for name in ["a.bin", "b.bin"] {
            large_file(&files, name, size / 2)?;
        }
        let models = folder.join("models");
        small_model(&models.join("org/small"))?;
        for number in 0..16 {
            middling_model(&models.join(format!("org/m{number:02}")), number)?;
        }
        let mut servers = Vec::new();
        let web = nginx(&folder, &files, &mut servers)?;
        let hub = hub(&ours.hub, &models, &[], &mut servers)?;
        Ok(Self { folder, ours, size, web, hub, servers: RefCell::new(servers) })
    }

    /// Another hub with the model `org/large`, which serves, corrupts or dies as these arguments say.
    pub(crate) fn another_hub(&self, arguments: &[&str]) -> Result<String> {
        let models = self.folder.join("large");
        large_file(&models.join("org/large"), "model.safetensors", self.size / 2)?;
        hub(&self.ours.hub, &models, arguments, &mut self.servers.borrow_mut())
    }

    pub(crate) fn keep(&self, child: Child) {
        self.servers.borrow_mut().push(Server(child));
    }

    /// Where contenders write.
    pub(crate) fn out(&self) -> PathBuf {
        self.folder.join("out")
    }

    /// Removes what contenders wrote; the served files stay for the next time.
    pub(crate) fn tidy_up(&self) -> Result<()> {
        for folder in ["out", "warm", "verify", "weed", "served", "olah"].map(|name| self.folder.join(name)) {
            if folder.exists() {
                fs::remove_dir_all(folder)?;
            }
        }
        Ok(())
    }

    /// A fresh folder for outputs.
    pub(crate) fn clear(out: &Path) -> Result<()> {
        if out.exists() {
            fs::remove_dir_all(out)?;
        }
        fs::create_dir_all(out)?;
        Ok(())
    }
}

/// Bytes that no file system and no network can shrink.
fn noise(seed: u64) -> impl FnMut(&mut [u8]) {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move |buffer| {
        for chunk in buffer.chunks_mut(8) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let bytes = state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes();
            let length = chunk.len();
            chunk.copy_from_slice(&bytes[..length]);
        }
    }
}

fn seed(name: &str) -> u64 {
    name.bytes().fold(7, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)))
}

/// A file and its `.sha256` beside it, kept from run to run.
fn large_file(folder: &Path, name: &str, size: u64) -> Result<()> {
    let (path, sum) = (folder.join(name), folder.join(format!("{name}.sha256")));
    if fs::metadata(&path).is_ok_and(|found| found.len() == size) && sum.is_file() {
        return Ok(());
    }
    fs::create_dir_all(folder)?;
    let mut file = fs::File::create(&path)?;
    let mut fill = noise(seed(name));
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    let mut left = size;
    while left > 0 {
        let length = usize::try_from(left.min(1 << 20))?;
        let part = &mut buffer[..length];
        fill(part);
        hash.update(&*part);
        file.write_all(part)?;
        left -= u64::try_from(length)?;
    }
    let digest: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    fs::write(sum, format!("{digest}  {name}\n"))?;
    Ok(())
}

fn file(path: &Path, size: usize) -> Result<()> {
    if fs::metadata(path).is_ok_and(|found| usize::try_from(found.len()) == Ok(size)) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut bytes = vec![0; size];
    noise(seed(&path.to_string_lossy()))(&mut bytes);
    fs::write(path, bytes)?;
    Ok(())
}

/// 1,000 files of 1 to 16 KiB in ten folders.
fn small_model(folder: &Path) -> Result<()> {
    for number in 0..1000 {
        file(&folder.join(format!("part-{}/file-{number:04}.json", number / 100)), 1024 + (number * 37) % (15 * 1024))?;
    }
    Ok(())
}

/// One file of 16 MiB and three small ones.
fn middling_model(folder: &Path, number: usize) -> Result<()> {
    file(&folder.join("model.safetensors"), (16 << 20) + number)?;
    for name in ["config.json", "tokenizer.json", "README.md"] {
        file(&folder.join(name), 2048 + number)?;
    }
    Ok(())
}

pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

pub(crate) fn wait_for(port: u16) -> Result<()> {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(10) {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Err(format!("nothing listens on port {port}").into())
}

fn nginx(folder: &Path, files: &Path, servers: &mut Vec<Server>) -> Result<Option<String>> {
    let Some(program) = found("nginx") else {
        println!("skipped: nginx is not installed, and with it every case of a large file");
        return Ok(None);
    };
    let port = free_port()?;
    let scratch = folder.join("nginx");
    fs::create_dir_all(&scratch)?;
    let config = configuration(port, files, &scratch);
    let path = scratch.join("nginx.conf");
    fs::write(&path, config)?;
    let child = Command::new(program)
        .arg("-p")
        .arg(&scratch)
        .arg("-c")
        .arg(&path)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    servers.push(Server(child));
    wait_for(port)?;
    Ok(Some(format!("http://127.0.0.1:{port}")))
}

fn configuration(port: u16, files: &Path, scratch: &Path) -> String {
    let (files, scratch) = (files.display(), scratch.display());
    format!(
        "daemon off; user root; worker_processes 2; pid {scratch}/pid; error_log {scratch}/error.log;\n\
         events {{ worker_connections 1024; }}\n\
         http {{\n  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000;\n  \
         client_body_temp_path {scratch}/body; proxy_temp_path {scratch}/proxy; fastcgi_temp_path {scratch}/fcgi;\n  \
         uwsgi_temp_path {scratch}/uwsgi; scgi_temp_path {scratch}/scgi;\n  \
         server {{\n    listen 127.0.0.1:{port};\n    location / {{ root {files}; }}\n    \
         location /slow/ {{ alias {files}/; limit_rate {RATE}; }}\n  }}\n}}\n"
    )
}

fn hub(program: &Path, models: &Path, arguments: &[&str], servers: &mut Vec<Server>) -> Result<String> {
    let mut child = Command::new(program)
        .arg("--root")
        .arg(models)
        .args(["--threads", "2"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{}: {error}", program.display()))?;
    let stdout = child.stdout.take();
    servers.push(Server(child));
    let mut line = String::new();
    if let Some(stdout) = stdout {
        BufReader::new(stdout).read_line(&mut line)?;
    }
    match line.trim() {
        "" => Err("the hub did not start".into()),
        url => Ok(url.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_made_once_and_have_their_digest() {
        let folder = tempfile::tempdir().unwrap();
        large_file(folder.path(), "x.bin", 1_500_000).unwrap();
        let bytes = fs::read(folder.path().join("x.bin")).unwrap();
        let digest: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        let sum = fs::read_to_string(folder.path().join("x.bin.sha256")).unwrap();
        assert_eq!(sum, format!("{digest}  x.bin\n"));
        let before = fs::metadata(folder.path().join("x.bin")).unwrap().modified().unwrap();
        large_file(folder.path(), "x.bin", 1_500_000).unwrap();
        assert_eq!(fs::metadata(folder.path().join("x.bin")).unwrap().modified().unwrap(), before);
    }
}
