//! What it was measured on and with.

use std::process::Command;

use fs_err as fs;

use crate::bench::fixtures::Stage;
use crate::failure::Result;
use crate::shell::{self, found, root};

/// Facts about the machine, the versions, and names to put for folders.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    facts: Vec<(String, String)>,
    /// What stands in the way of reading a command line, and what to write for it.
    names: Vec<(String, String)>,
}

fn first_line(command: &mut Command) -> String {
    let text = shell::output(command).unwrap_or_default();
    text.lines().next().unwrap_or_default().trim().to_owned()
}

fn field(text: &str, name: &str) -> Option<String> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_once(':').map(|(_, value)| value.trim().to_owned())
}

pub(crate) fn describe(stage: &Stage) -> Result<Machine> {
    let cpu = fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| field(&text, "model name"));
    let memory = fs::read_to_string("/proc/meminfo").ok().and_then(|text| field(&text, "MemTotal"));
    let cores = std::thread::available_parallelism()?.to_string();
    let file_system = first_line(Command::new("findmnt").args(["-n", "-o", "FSTYPE,SOURCE", "-T"]).arg(&stage.folder));
    let mut facts = vec![
        ("processor".to_owned(), format!("{}, {cores} cores", cpu.unwrap_or_default())),
        ("memory".to_owned(), memory.unwrap_or_default()),
        ("kernel".to_owned(), first_line(Command::new("uname").args(["-s", "-r", "-m"]))),
        ("file system".to_owned(), file_system),
        (
            "commit".to_owned(),
            first_line(Command::new("git").args(["log", "-1", "--format=%h %cs"]).current_dir(root())),
        ),
        ("load at the end".to_owned(), fs::read_to_string("/proc/loadavg")?.trim().to_owned()),
        ("model-cache".to_owned(), first_line(Command::new(&stage.ours.command).arg("--version"))),
    ];
    for (tool, argument) in
        [("curl", "--version"), ("aria2c", "--version"), ("wget", "--version"), ("openssl", "version")]
    {
        let version = found(tool).map(|path| first_line(Command::new(path).arg(argument)));
        facts.push((tool.to_owned(), version.unwrap_or_else(|| "not installed".to_owned())));
    }
    if let Some(hf) = &stage.ours.hf {
        facts.push(("hf".to_owned(), first_line(Command::new(hf).arg("--version"))));
    }
    if let Some(nginx) = found("nginx") {
        let version = Command::new(nginx).arg("-v").output().map(|output| output.stderr).unwrap_or_default();
        facts.push(("nginx".to_owned(), String::from_utf8_lossy(&version).trim().to_owned()));
    }
    let mut names = vec![(stage.folder.to_string_lossy().into_owned(), "$BENCH".to_owned())];
    names.extend(stage.web.clone().map(|url| (url, "$WEB".to_owned())));
    names.push((stage.hub.clone(), "$HUB".to_owned()));
    names.push((root().to_string_lossy().into_owned(), ".".to_owned()));
    Ok(Machine { facts, names })
}

impl Machine {
    /// The facts as a Markdown table.
    pub(crate) fn table(&self) -> String {
        let rows: String =
            self.facts.iter().map(|(name, value)| format!("| {name} | {} |\n", value.replace('|', "\\|"))).collect();
        format!("| measured on | |\n|---|---|\n{rows}")
    }

    /// A command line without the folders of this machine.
    pub(crate) fn shorten(&self, text: &str) -> String {
        self.names.iter().fold(text.to_owned(), |text, (long, short)| text.replace(long.as_str(), short))
    }

    #[cfg(test)]
    pub(crate) fn for_tests(folder: &str) -> Self {
        Self { facts: Vec::new(), names: vec![(folder.to_owned(), "$BENCH".to_owned())] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found() {
        assert_eq!(field("vendor : x\nmodel name\t: A B\n", "model name").as_deref(), Some("A B"));
        assert_eq!(field("", "model name"), None);
    }
}
