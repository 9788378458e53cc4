//! Clients that resume: those that people use, and a fast one of our own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use fs_err as fs;

use crate::failure::Result;
use crate::shell::{found, target};
use crate::torture::content::{Noise, identify};
use crate::torture::{process, web};

/// The file that all fetch.
const FILE: &str = "model.safetensors";
/// Names that a stranger asks for at once.
pub(crate) const INVENTED: u64 = 50;
/// The stranger's address.
const ELSEWHERE: &str = "127.0.0.2";
/// How long one run may take.
const LIMIT: Duration = Duration::from_secs(25);

/// A client program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Fast,
    Curl,
    Wget,
    Aria,
    Hf,
}

impl Kind {
    pub(crate) const ALL: [Self; 5] = [Self::Fast, Self::Curl, Self::Wget, Self::Aria, Self::Hf];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Fast => "our own",
            Self::Curl => "curl",
            Self::Wget => "wget",
            Self::Aria => "aria2c",
            Self::Hf => "hf",
        }
    }
}

/// The programs that are here.
pub(crate) struct Tools {
    programs: Vec<(Kind, PathBuf)>,
    kinds: Vec<Kind>,
}

impl Tools {
    pub(crate) fn find() -> Self {
        let hf = target().join("venv/bin/hf");
        let programs: Vec<(Kind, PathBuf)> = [
            (Kind::Curl, found("curl")),
            (Kind::Wget, found("wget")),
            (Kind::Aria, found("aria2c")),
            (Kind::Hf, hf.is_file().then_some(hf)),
        ]
        .into_iter()
        .filter_map(|(kind, path)| Some((kind, path?)))
        .collect();
        let kinds = std::iter::once(Kind::Fast).chain(programs.iter().map(|(kind, _)| *kind)).collect();
        Self { programs, kinds }
    }

    pub(crate) fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    pub(crate) fn has(&self, kind: Kind) -> bool {
        self.kinds.contains(&kind)
    }

    /// Fetches the file of a model into a folder, going on from what is there. Whether the client says that it is whole.
    pub(crate) fn fetch(
        &self,
        kind: Kind,
        mirror: &str,
        model: &str,
        folder: &Path,
        noise: &mut Noise,
    ) -> Result<bool> {
        let path = format!("/{model}/resolve/main/{FILE}");
        let Some((_, program)) = self.programs.iter().find(|(known, _)| *known == kind) else {
            return fast(mirror, &path, &folder.join(FILE));
        };
        let url = format!("{mirror}{path}");
        // As on a machine of its own: what it computes takes no time from the mirror.
        let mut command = Command::new("nice");
        command.args(["-n", "19"]).arg(program);
        command.current_dir(folder).env("HOME", folder).env("HF_ENDPOINT", mirror);
        command.env("HF_HUB_DISABLE_TELEMETRY", "1").env("HF_HUB_DISABLE_UPDATE_CHECK", "1");
        match kind {
            Kind::Hf => command.args(["download", model, FILE, "--local-dir", "."]),
            Kind::Curl => command.args(["-fsSL", "-C", "-", "--max-time", "20", "-o", FILE, &url]),
            Kind::Wget => command.args(["-q", "-c", "-t", "3", "-T", "10", "--waitretry=1", &url]),
            Kind::Aria => {
                let connections = if noise.chance(70) { "4" } else { "1" };
                command.args(["-q", "-c", "-x", connections, "-s", connections, "-k1M", "--timeout=10"]);
                command.args(["--max-tries=2", "--retry-wait=1", "-o", FILE, &url])
            }
            Kind::Fast => return Ok(false),
        };
        Ok(process::run(command, LIMIT)?.ok())
    }
}

impl Tools {
    /// Asks for names that do not exist, from another address than all others.
    pub(crate) fn invent(&self, mirror: &str, from: u64) -> Result<()> {
        let Some((_, curl)) = self.programs.iter().find(|(kind, _)| *kind == Kind::Curl) else { return Ok(()) };
        let names = format!("{mirror}/api/models/org/no-[{from}-{}]", from + INVENTED - 1);
        let mut command = Command::new(curl);
        command.args(["-s", "--parallel", "--interface", ELSEWHERE, "--max-time", "10", "-o", "/dev/null", &names]);
        process::run(command, LIMIT).map(drop)
    }
}

/// Asks for the rest of what is there, and begins anew when it gets all of it.
fn fast(mirror: &str, path: &str, file: &Path) -> Result<bool> {
    let mut bytes = fs::read(file).unwrap_or_default();
    let from = (!bytes.is_empty()).then_some(bytes.len() as u64);
    // No answer is a failure like any other.
    let Ok(got) = web::get(mirror, path, from, None, LIMIT) else { return Ok(false) };
    match got.status {
        200 => bytes = got.body,
        206 => bytes.extend(got.body),
        _ => return Ok(false),
    }
    fs::write(file, bytes)?;
    Ok(got.whole)
}

/// Whether a file that a client calls whole is the model's.
pub(crate) fn judge(model: &str, folder: &Path) -> Result<(), String> {
    let bytes = fs::read(folder.join(FILE)).map_err(|error| error.to_string())?;
    let label = identify(&bytes)?;
    if label.name == format!("{model}/{FILE}") { Ok(()) } else { Err(format!("is {}", label.name)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::torture::content::content;

    #[test]
    fn wrong_files_are_told_from_right_ones() {
        let folder = tempfile::tempdir().unwrap();
        let right = content("org/cold-1/model.safetensors", 0, 5000);
        let mut flipped = right.clone();
        flipped[4000] ^= 1;
        for (bytes, model, is_right) in [
            (&right, "org/cold-1", true),
            (&right, "org/cold-2", false),
            (&flipped, "org/cold-1", false),
            (&right[..4000].to_vec(), "org/cold-1", false),
        ] {
            fs::write(folder.path().join(FILE), bytes).unwrap();
            assert_eq!(judge(model, folder.path()).is_ok(), is_right, "{model}");
        }
    }
}
