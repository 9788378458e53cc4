//! Byte-range locks of an open file description: one file serves any number of flights.
//!
//! `F_OFD_SETLK` of Linux 3.15, see fcntl(2). The bytes need not exist.

use std::fs::File;
use std::io;

/// Whether this platform has byte-range locks of open file descriptions.
pub(crate) const SUPPORTED: bool = cfg!(all(target_os = "linux", target_pointer_width = "64"));

/// `F_OFD_SETLK` of asm-generic/fcntl.h; not every target of libc has it.
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
const OFD_SETLK: libc::c_int = 37;

/// The kinds of `struct flock`, as wide as its fields.
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
const WRITE: libc::c_short = short(libc::F_WRLCK);
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
const UNLOCK: libc::c_short = short(libc::F_UNLCK);
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
const FROM_START: libc::c_short = short(libc::SEEK_SET);

/// Narrows a constant; one that does not fit is an error of the build.
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
const fn short(number: libc::c_int) -> libc::c_short {
    let [a, b, high, sign] = number.to_le_bytes();
    assert!(high == 0 && sign == 0, "the constant fits its field");
    libc::c_short::from_le_bytes([a, b])
}

/// Locks a byte against other handles; false when another handle has it.
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
pub(crate) fn try_lock(file: &File, at: u32) -> io::Result<bool> {
    match set(file, at, WRITE) {
        Err(error) if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EACCES)) => Ok(false),
        other => other.map(|()| true),
    }
}

/// Unlocks a byte.
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
pub(crate) fn unlock(file: &File, at: u32) -> io::Result<()> {
    set(file, at, UNLOCK)
}

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
fn set(file: &File, at: u32, kind: libc::c_short) -> io::Result<()> {
    use std::os::fd::AsRawFd as _;

    let range = libc::flock { l_type: kind, l_whence: FROM_START, l_start: libc::off_t::from(at), l_len: 1, l_pid: 0 };
    loop {
        // SAFETY: the descriptor is open as long as `file` is borrowed, and the call reads one valid `flock`.
        #[expect(
            unsafe_code,
            reason = "rustix and std have no F_OFD_SETLK; nix has it, and would be a crate for one call"
        )]
        let result = unsafe { libc::fcntl(file.as_raw_fd(), OFD_SETLK, &raw const range) };
        if result != -1 {
            return Ok(());
        }
        match io::Error::last_os_error() {
            error if error.kind() == io::ErrorKind::Interrupted => {}
            error => return Err(error),
        }
    }
}

/// Unsupported here.
#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
pub(crate) fn try_lock(_: &File, _: u32) -> io::Result<bool> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Unsupported here.
#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
pub(crate) fn unlock(_: &File, _: u32) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(all(test, target_os = "linux", target_pointer_width = "64"))]
mod tests {
    use super::*;

    #[test]
    fn a_byte_is_locked_against_other_handles() {
        let locks = tempfile::NamedTempFile::new().unwrap();
        let open = || fs_err::OpenOptions::new().append(true).open(locks.path()).unwrap().into_file();
        let (one, other) = (open(), open());
        for at in [0, 1, u32::MAX] {
            assert!(try_lock(&one, at).unwrap(), "{at}");
            assert!(try_lock(&one, at).unwrap(), "{at}: of one handle it is one lock");
            assert!(!try_lock(&other, at).unwrap(), "{at}");
        }
        // The bytes beside it are free, and a byte that is given back as well.
        assert!(try_lock(&other, 2).unwrap());
        unlock(&one, 1).unwrap();
        assert!(try_lock(&other, 1).unwrap() && !try_lock(&other, 0).unwrap());
        let clone = one.try_clone().unwrap();
        drop(one);
        assert!(!try_lock(&other, 0).unwrap(), "a clone keeps it");
        drop(clone);
        assert!(try_lock(&other, 0).unwrap());
        let closed = fs_err::File::open(locks.path()).unwrap().into_file();
        assert!(try_lock(&closed, 9).is_err(), "a handle that cannot write locks nothing");
    }
}
