//! A `model-cache serve` of one test.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::Signal;

use crate::signals::signal;
use crate::world::{World, until};

/// A mirror of a world's hub over the world's store. It ends with the test, however that ends.
pub(crate) struct Mirror {
    child: Child,
    /// The file that takes what it says.
    words: PathBuf,
    /// Its address, for `HF_ENDPOINT`.
    pub(crate) url: String,
}

impl Mirror {
    pub(crate) fn start(world: &World) -> Self {
        Self::with(world, &[])
    }

    /// With more arguments.
    pub(crate) fn with(world: &World, arguments: &[&str]) -> Self {
        Self::run(world.command(&[&["serve", "--listen", "127.0.0.1:0"], arguments].concat()), world.folder())
    }

    /// Any command that serves.
    pub(crate) fn run(mut command: Command, folder: &Path) -> Self {
        let (kept, words) = tempfile::NamedTempFile::new_in(folder).unwrap().keep().unwrap();
        let mut child = command.stderr(Stdio::from(kept)).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().to_owned();
        assert!(url.starts_with("http"), "{line:?} {}", fs_err::read_to_string(&words).unwrap_or_default());
        Self { child, words, url }
    }

    /// What it has said, once that holds a text.
    pub(crate) fn said(&self, text: &str) -> String {
        let read = || fs_err::read_to_string(&self.words).unwrap();
        until(text, || read().contains(text));
        read()
    }

    pub(crate) fn child(&self) -> &Child {
        &self.child
    }

    /// Sends a signal and waits for the end.
    pub(crate) fn end(mut self, with: Signal) -> ExitStatus {
        signal(&self.child, with);
        self.child.wait().unwrap()
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An answer, as far as it came.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Lower-case names.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whether all came that was promised.
    pub(crate) fn is_whole(&self) -> bool {
        self.header("content-length").and_then(|length| length.parse().ok()) == Some(self.body.len())
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// One request on a connection of its own. Breaks of the connection are no failure: what came is the answer.
pub(crate) fn ask(url: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let host = url.strip_prefix("http://").unwrap();
    let mut stream = std::net::TcpStream::connect(host).unwrap();
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    if !body.is_empty() {
        head += &format!("Content-Length: {}\r\n", body.len());
    }
    std::io::Write::write_all(&mut stream, &[head.as_bytes(), b"\r\n", body].concat()).unwrap();
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let mut headers = Vec::new();
    loop {
        line.clear();
        reader.read_line(&mut line).unwrap();
        match line.trim_end().split_once(": ") {
            Some((name, value)) => headers.push((name.to_ascii_lowercase(), value.to_owned())),
            None => break,
        }
    }
    let mut body = Vec::new();
    let _ = std::io::Read::read_to_end(&mut reader, &mut body);
    Answer { status, headers, body }
}

pub(crate) fn get(url: &str, path: &str) -> Answer {
    ask(url, "GET", path, &[], &[])
}
