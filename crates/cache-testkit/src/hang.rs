//! A file that cannot be opened for a while, as on a file system whose server is stopped.

use std::io::{self, BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// Takes a lease on a file (fcntl(2)): the kernel lets no other process open it until the lease is given back. SIGIO
/// comes when one waits.
const HOLDER: &str = "\
import fcntl, os, signal, sys
signal.signal(signal.SIGIO, lambda *_: os.write(1, b'waiting\\n'))
held = os.open(sys.argv[1], os.O_RDWR)
fcntl.fcntl(held, fcntl.F_SETLEASE, fcntl.F_WRLCK)
os.write(1, b'held\\n')
sys.stdin.read()
";

/// Makes opening a file wait until it is dropped, at most the 45 s that the kernel allows. Linux only.
#[derive(Debug)]
pub struct Hang {
    child: Child,
    waiting: Arc<AtomicBool>,
    listener: Option<JoinHandle<()>>,
}

impl Hang {
    /// Holds a regular file that nothing has open.
    ///
    /// # Errors
    /// Those of starting python, or of the lease.
    pub fn of(path: &Path) -> io::Result<Self> {
        let mut child = Command::new("python3")
            .args(["-c", HOLDER])
            .arg(path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut said = BufReader::new(child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?);
        let mut line = String::new();
        said.read_line(&mut line)?;
        if line != "held\n" {
            return Err(io::Error::other(format!("{}: no lease", path.display())));
        }
        let waiting = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&waiting);
        let listener = std::thread::spawn(move || {
            if said.read_line(&mut String::new()).is_ok_and(|read| read > 0) {
                seen.store(true, Ordering::SeqCst);
            }
        });
        Ok(Self { child, waiting, listener: Some(listener) })
    }

    /// Whether something waits to open the file.
    #[must_use]
    pub fn is_waited_for(&self) -> bool {
        self.waiting.load(Ordering::SeqCst)
    }
}

impl Drop for Hang {
    fn drop(&mut self) {
        // It ends with its input, and its lease with it.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
        let _ = self.listener.take().map(JoinHandle::join);
    }
}
