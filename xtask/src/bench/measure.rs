//! What one run of a program costs: time, processor, memory.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use fs_err as fs;
use wait4::Wait4 as _;

use crate::failure::Result;
use crate::shell::shown;

/// The cost of one run.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Cost {
    pub(crate) wall: Duration,
    /// User and system, all threads and children.
    pub(crate) cpu: Duration,
    /// Most resident memory of one process, in bytes.
    pub(crate) peak: u64,
}

impl Cost {
    /// One after the other.
    fn then(self, next: Self) -> Self {
        Self { wall: self.wall + next.wall, cpu: self.cpu + next.cpu, peak: self.peak.max(next.peak) }
    }
}

/// Runs the groups one after the other, the commands of a group side by side. Fails when one of them fails.
pub(crate) fn groups(groups: Vec<Vec<Command>>) -> Result<Cost> {
    let mut cost = Cost::default();
    for group in groups {
        cost = cost.then(together(group)?);
    }
    Ok(cost)
}

fn together(mut commands: Vec<Command>) -> Result<Cost> {
    let start = Instant::now();
    let mut children = Vec::with_capacity(commands.len());
    for command in &mut commands {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let child = command.spawn().map_err(|error| format!("{}: {error}", shown(command)))?;
        children.push((shown(command), child));
    }
    let results: Vec<Result<Cost>> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            children.into_iter().map(|(name, child)| scope.spawn(move || finish(&name, child, start))).collect();
        let lost = || Err("a measuring thread failed".into());
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| lost())).collect()
    });
    let mut cost = Cost::default();
    for result in results {
        let one = result?;
        cost = Cost { wall: cost.wall.max(one.wall), ..cost.then(one) };
    }
    Ok(cost)
}

/// Waits for a child, reading its peak memory while it lives: what `wait4` reports includes what the child was before
/// it became the program.
fn finish(name: &str, mut child: Child, start: Instant) -> Result<Cost> {
    let status_file = format!("/proc/{}/status", child.id());
    let words = child.stderr.take();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut peak = 0;
            while !over.load(Ordering::Relaxed) {
                peak = fs_err::read_to_string(&status_file).ok().and_then(|text| high_water(&text)).unwrap_or(peak);
                std::thread::sleep(Duration::from_millis(2));
            }
            peak
        });
        let reader =
            scope.spawn(|| words.map(std::io::read_to_string).and_then(std::io::Result::ok).unwrap_or_default());
        let used = child.wait4();
        let wall = start.elapsed();
        over.store(true, Ordering::Relaxed);
        let peak = watcher.join().unwrap_or_default();
        let words = reader.join().unwrap_or_default();
        let used = used?;
        if !used.status.success() {
            let tail: String = words.lines().rev().take(5).collect::<Vec<_>>().join(" | ");
            return Err(format!("{name}: {}: {tail}", used.status).into());
        }
        Ok(Cost { wall, cpu: used.rusage.utime + used.rusage.stime, peak })
    })
}

/// `VmHWM` in bytes. A process that is ending has none.
pub(crate) fn high_water(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * 1024)
}

/// Peak memory of a process that still runs, in bytes.
pub(crate) fn peak(process: u32) -> Option<u64> {
    let status = fs::read_to_string(Path::new("/proc").join(process.to_string()).join("status")).ok()?;
    high_water(&status)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_run_is_measured_and_a_failure_is_told() {
        let cost = groups(vec![vec![sh("true"), sh("true")], vec![sh("true")]]).unwrap();
        assert!(cost.wall > Duration::ZERO);
        let error = groups(vec![vec![sh("echo broken >&2; exit 3")]]).unwrap_err();
        assert!(error.to_string().contains("broken"), "{error}");
    }

    #[test]
    fn the_high_water_mark_is_read() {
        assert_eq!(high_water("Name:\tx\nVmPeak:\t 9 kB\nVmHWM:\t  12 kB\n"), Some(12 * 1024));
        assert_eq!(high_water("Name:\tx\nState:\tZ (zombie)\n"), None);
    }
}
