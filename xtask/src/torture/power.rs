//! Power cuts: a file system on a loop device is shut down without a flush, and mounted again.

use std::path::{Path, PathBuf};
use std::process::Command;

use fs_err as fs;

use crate::failure::Result;
use crate::shell::{self, found, target};
use crate::torture::plan::{Plan, Tally};
use crate::torture::process;
use crate::torture::setup::{From, LIMIT, Setup};

const TOOLS: [&str; 6] = ["xfs_io", "mkfs.xfs", "mkfs.ext4", "losetup", "mount", "umount"];
const SIZE: u64 = 512 << 20;

pub(crate) fn missing() -> Option<String> {
    if let Some(tool) = TOOLS.iter().find(|tool| found(tool).is_none()) {
        return Some(format!("{tool} is not installed"));
    }
    if !rustix::process::geteuid().is_root() {
        return Some("only root mounts".to_owned());
    }
    let probe = Disk::new("ext4").and_then(|disk| disk.cut());
    probe.err().map(|error| format!("no loop device to mount: {error}"))
}

/// A file system in a file, on a loop device.
#[derive(Debug)]
struct Disk {
    image: PathBuf,
    mount: tempfile::TempDir,
}

fn tool(name: &str, arguments: &[&Path]) -> Result<()> {
    let program = found(name).ok_or_else(|| format!("{name} is not installed"))?;
    shell::output(Command::new(program).args(arguments)).map(drop)
}

impl Disk {
    fn new(kind: &str) -> Result<Self> {
        fs::create_dir_all(target())?;
        let mount = tempfile::tempdir()?;
        let image = target().join(format!("torture-{kind}-{}.img", std::process::id()));
        fs::File::create(&image)?.set_len(SIZE)?;
        let disk = Self { image, mount };
        tool(&format!("mkfs.{kind}"), &[Path::new("-q"), &disk.image])?;
        disk.mount()?;
        Ok(disk)
    }

    fn mount(&self) -> Result<()> {
        tool("mount", &[Path::new("-o"), Path::new("loop"), &self.image, self.mount.path()])
    }

    /// What was not synced is gone.
    fn cut(&self) -> Result<()> {
        tool("xfs_io", &[Path::new("-x"), Path::new("-c"), Path::new("shutdown"), self.mount.path()])?;
        tool("umount", &[self.mount.path()])?;
        self.mount()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = tool("umount", &[self.mount.path()]);
        let _ = fs::remove_file(&self.image);
    }
}

pub(crate) fn run(setup: &Setup, plan: &Plan) -> Result<Tally> {
    let mut tally = Tally::default();
    let disks = [("xfs", Disk::new("xfs")?), ("ext4", Disk::new("ext4")?)];
    let mut number = 0;
    // The fail point after which the power goes; 0: after the run has said it is done.
    let mut at = 0;
    while !tally.enough(plan) {
        for (kind, disk) in &disks {
            number += 1;
            let store = disk.mount.path().join(format!("store-{number}"));
            let (killed, problems) = cycle(setup, plan, disk, &store, at)?;
            if problems.is_empty() {
                fs::remove_dir_all(&store)?;
            }
            tally.point(&format!("{kind}, cut at fail point {at}"), problems);
            // Every other cut comes after the acknowledgement, the rest walk through the fail points.
            if *kind == "ext4" {
                at = if killed || at == 0 { at + 1 } else { 0 };
            }
        }
    }
    tally.notes.push(format!("{} cuts on XFS and ext4 each", tally.points / 2));
    Ok(tally)
}

fn cycle(setup: &Setup, plan: &Plan, disk: &Disk, store: &Path, at: u64) -> Result<(bool, Vec<String>)> {
    let mut command = setup.get(store, From::Honest, plan.mutant);
    if at > 0 {
        command.env("MODEL_CACHE_FAILPOINT", format!("*=abort:{at}"));
    }
    let ended = process::run(command, LIMIT)?;
    disk.cut()?;
    let mut problems = setup.inspect(store);
    if ended.ok() {
        // The view is derived: an offline run makes it again from what was acknowledged.
        let offline =
            setup.command(store, From::Honest, plan.mutant, &["get", "--quiet", "--offline", super::setup::MODEL]);
        let again = process::run(offline, LIMIT)?;
        problems.extend(setup.acknowledged(store, &again));
        if !again.ok() {
            problems.push(format!("what was acknowledged is gone: {}", again.words()));
        }
    } else if !ended.killed() {
        problems.push(ended.words());
    }
    problems.extend(setup.recovers(store, plan.mutant)?);
    Ok((ended.killed(), problems))
}
