//! Injections by strace.

use std::process::Command;

use crate::shell::found;

/// Groups of system calls that change something, each injected as one set.
pub(crate) const MUTATING: [&str; 11] = [
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
    "ioctl,copy_file_range,sendfile",
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
    // The calls are filtered in the kernel: everything else runs at full speed.
    traced.args(["-f", "-qq", "--seccomp-bpf", "-e", &format!("trace={}", known(set)), "-e"]);
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

/// How often a log says that something was injected.
pub(crate) fn injections(log: &str) -> usize {
    log.matches("(INJECTED)").count()
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
    fn injections_are_counted() {
        assert_eq!(injections("1 fsync(3) = -1 EIO (Input/output error) (INJECTED)\n2 fsync(3) = 0\n"), 1);
    }
}
