//! The process that holds a file lock, from `/proc/locks`: Linux only, same PID namespace only.

use std::fs::File;

/// Largest file of `/proc` that is read, in bytes.
#[cfg(target_os = "linux")]
const MAX_TEXT: u64 = 16 << 20;

/// A process that holds a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) pid: u32,
    /// Whether it was stopped by a signal.
    pub(crate) stopped: bool,
}

/// Finds a process that holds a `flock` of the file; `None` where that is unknown.
#[cfg(target_os = "linux")]
pub(crate) fn find(file: &File) -> Option<Holder> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = file.metadata().ok()?;
    let dev = metadata.dev();
    let id = format!("{:02x}:{:02x}:{}", rustix::fs::major(dev), rustix::fs::minor(dev), metadata.ino());
    let pid = holder_in(&cache_fs::read_text("/proc/locks", MAX_TEXT).ok()?, &id)?;
    let stat = cache_fs::read_text(format!("/proc/{pid}/stat"), MAX_TEXT).ok()?;
    Some(Holder { pid, stopped: is_stopped(&stat) })
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn find(_file: &File) -> Option<Holder> {
    None
}

/// Reads lines as of proc_locks(5): `1: FLOCK  ADVISORY  WRITE 1234 08:01:5678 0 EOF`; those that wait have an arrow.
#[cfg(any(target_os = "linux", test))]
fn holder_in(locks: &str, id: &str) -> Option<u32> {
    locks.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        match fields[..] {
            [_, "FLOCK", _, _, pid, file, ..] if file == id => pid.parse().ok(),
            _ => None,
        }
    })
}

/// Reads the state of proc_pid_stat(5). `t`, being traced, is none that lasts.
#[cfg(any(target_os = "linux", test))]
fn is_stopped(stat: &str) -> bool {
    stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('T'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_is_found_among_all_locks() {
        let locks = "1: POSIX  ADVISORY  WRITE 7 08:01:99 0 EOF\n2: FLOCK  ADVISORY  READ 8 08:01:98 0 EOF\n\
                     3: -> FLOCK  ADVISORY  WRITE 9 08:01:99 0 EOF\n4: FLOCK  ADVISORY  WRITE 10 08:01:99 0 EOF\n";
        assert_eq!(holder_in(locks, "08:01:99"), Some(10));
        assert_eq!(holder_in(locks, "08:02:99"), None);
        assert!(is_stopped("10 (a) b) T 1 1") && !is_stopped("10 (T) S 1 1") && !is_stopped("10 (x) t 1 1"));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_holder_of_a_lock_is_this_process() {
        // In memory: some file systems show another device in `stat` than in the list of locks.
        let file = File::from(rustix::fs::memfd_create("lock", rustix::fs::MemfdFlags::CLOEXEC).unwrap());
        assert_eq!(find(&file), None);
        file.lock().unwrap();
        assert_eq!(find(&file), Some(Holder { pid: std::process::id(), stopped: false }));
    }
}
