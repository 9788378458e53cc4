//! Injections by strace.

use std::process::Command;

use crate::shell::found;

/// Groups of system calls that change something, each injected as one set.
pub(crate) const MUTATING: [&str; 10] = [
    "openat,open,creat",
    "write,pwrite64,pwritev,writev",
    "fsync,fdatasync",
    "fallocate,ftruncate",
    "rename,renameat,renameat2",
    "link,linkat,symlink,symlinkat",
    "unlink,unlinkat,rmdir",
    "mkdir,mkdirat",
    "chmod,fchmod,fchmodat,fchmodat2,utimensat",
    "flock",
];

/// Why injections cannot be made here.
pub(crate) fn missing() -> Option<String> {
    match found("strace") {
        None => Some("strace is not installed".to_owned()),
        Some(strace) => {
            let works = Command::new(strace).args(["-qq", "-e", "trace=none", "true"]).output();
            let works = works.is_ok_and(|output| output.status.success());
            (!works).then(|| "strace may trace nothing here".to_owned())
        }
    }
}

/// The same command with something done to its system calls, in every thread.
pub(crate) fn inject(command: &Command, set: &str, what: &str, log: Option<&std::path::Path>) -> Command {
    let mut traced = Command::new("strace");
    // Without --seccomp-bpf: with it strace 6.1 injects at the first call only.
    traced.args(["-f", "-y", "-qq", "-e", &format!("trace={}", known(set)), "-e"]);
    traced.arg(format!("inject={}:{what}", known(set)));
    traced.arg("-o").arg(log.unwrap_or(std::path::Path::new("/dev/null")));
    traced.arg("--").arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => traced.env(name, value),
            None => traced.env_remove(name),
        };
    }
    traced
}

/// Calls that this machine does not have are no error.
fn known(set: &str) -> String {
    set.split(',').map(|call| format!("?{call}")).collect::<Vec<_>>().join(",")
}

/// What an injection has met, by its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Met {
    /// The run had fewer such calls.
    Nothing,
    /// A file or a folder.
    Files,
    /// The runtime's own pipes, sockets and event counters, which never fail on a real machine: what a runtime does then
    /// is not our subject, but the store must be right all the same.
    Runtime,
}

pub(crate) fn met(log: &str) -> Met {
    let foreign = |line: &&str| ["<anon_inode:", "<socket:", "<pipe:", "<TCP"].iter().any(|kind| line.contains(kind));
    // Each thread counts for itself, so more than one may have met its own.
    let calls = injected(log);
    match (calls.is_empty(), calls.iter().any(foreign)) {
        (true, _) => Met::Nothing,
        (_, true) => Met::Runtime,
        (_, false) => Met::Files,
    }
}

/// The calls that were injected, each as the line that has its arguments.
pub(crate) fn injected(log: &str) -> Vec<&str> {
    let lines: Vec<&str> = log.lines().collect();
    let whole = |(at, end): (usize, &&str)| -> Option<usize> {
        if !end.contains(" resumed>") {
            return Some(at);
        }
        // Another thread's line came in between: the same thread's last one holds the beginning.
        let thread = end.split_whitespace().next();
        let begins = |line: &&str| line.split_whitespace().next() == thread && line.contains("<unfinished");
        lines.iter().take(at).rposition(begins)
    };
    let ends = lines.iter().enumerate().filter(|(_, line)| line.contains("(INJECTED)"));
    ends.filter_map(|end| lines.get(whole(end)?).copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_keeps_its_arguments_and_variables() {
        let mut command = Command::new("/bin/echo");
        command.args(["a", "b"]).env("X", "1").env_remove("Y");
        let traced = inject(&command, "fsync,fdatasync", "error=EIO:when=3", None);
        let shown = crate::shell::shown(&traced);
        for part in ["inject=?fsync,?fdatasync:error=EIO:when=3", "-- /bin/echo a b", "X='1'"] {
            assert!(shown.contains(part), "{part} is not in {shown}");
        }
    }

    #[test]
    fn what_was_met_is_told_apart() {
        assert_eq!(
            met("1 fsync(3</s/x>) = -1 EIO (Input/output error) (INJECTED)\n2 fsync(3</s/y>) = 0\n"),
            Met::Files
        );
        assert_eq!(met("1 write(4<anon_inode:[eventfd]>, \"\\1\", 8) = -1 EIO (…) (INJECTED)\n"), Met::Runtime);
        assert_eq!(met("1 write(4<anon_inode:[eventfd]>, 8) = 8\n"), Met::Nothing);
        let split = "1 write(4<anon_inode:[eventfd]>, 8 <unfinished ...>\n2 write(5</s/x>, 8) = 8\n\
                     1 <... write resumed>) = -1 EIO (…) (INJECTED)\n";
        assert_eq!(met(split), Met::Runtime);
    }
}
