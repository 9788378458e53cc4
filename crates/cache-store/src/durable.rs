//! Changes to the store that outlive a power cut. The only module that renames.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

use fs_err as fs;
use rustix::fs::{CWD, RenameFlags};

use crate::doing::Absent as _;
use crate::layout::Layout;
use crate::torture::{Mutant, mutant, point};

/// Whether a change must outlive a power cut, or can be made again from what does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    /// Truth: synced, with its folder.
    Durable,
    /// Derived: only ever seen whole, but not synced.
    Derived,
}

/// Syncs a file's bytes and size. After an error the file must be thrown away: the kernel has forgotten what failed.
pub(crate) fn sync_file(file: &File) -> io::Result<()> {
    if mutant(Mutant::NoFsync) {
        return Ok(());
    }
    #[cfg(test)]
    before_sync()?;
    retry_interrupted(|| file.sync_all())
}

/// Syncs a file's bytes, without its times.
pub(crate) fn sync_data(file: &File) -> io::Result<()> {
    if mutant(Mutant::NoFsync) {
        return Ok(());
    }
    #[cfg(test)]
    before_sync()?;
    retry_interrupted(|| file.sync_data())
}

#[cfg(test)]
type SyncHook = Box<dyn FnOnce() -> io::Result<()>>;

#[cfg(test)]
thread_local! {
    static AT_SYNC: std::cell::RefCell<Option<SyncHook>> = const { std::cell::RefCell::new(None) };
}

/// Runs something at this thread's next sync of a file; when it fails, so does the sync.
#[cfg(test)]
pub(crate) fn at_next_sync(hook: impl FnOnce() -> io::Result<()> + 'static) {
    AT_SYNC.set(Some(Box::new(hook)));
}

/// What a sync returns when the disk has lost what was written.
#[cfg(test)]
pub(crate) fn eio() -> io::Result<()> {
    Err(io::Error::from_raw_os_error(5))
}

#[cfg(test)]
fn before_sync() -> io::Result<()> {
    AT_SYNC.take().map_or(Ok(()), |hook| hook())
}

/// Syncs the names in a folder.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    if mutant(Mutant::NoFsync) {
        return Ok(());
    }
    let folder = fs::File::open(folder)?;
    retry_interrupted(|| folder.sync_all())
}

fn retry_interrupted(mut call: impl FnMut() -> io::Result<()>) -> io::Result<()> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// Makes a folder and those above it; each new name is synced in its parent.
pub(crate) fn create_folders(folder: &Path, keep: Keep) -> io::Result<()> {
    match fs::create_dir(folder) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return if folder.is_dir() { Ok(()) } else { Err(error) };
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let Some(parent) = folder.parent() else { return Err(error) };
            create_folders(parent, keep)?;
            match fs::create_dir(folder) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => {}
                other => other?,
            }
        }
        Err(error) => return Err(error),
    }
    match (keep, folder.parent()) {
        (Keep::Durable, Some(parent)) => sync_folder(parent),
        _ => Ok(()),
    }
}

/// Moves `from` to `to`, which must not exist. Both folders are synced when durable.
///
/// `AlreadyExists` when `to` is there; `from` is then untouched.
pub(crate) fn rename_new(from: &Path, to: &Path, keep: Keep) -> io::Result<()> {
    in_folder_of(to, keep, || match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::OPNOTSUPP) => {
            // Not every file system knows the flag; a second name that cannot replace anything does the same.
            fs::hard_link(from, to)?;
            fs::remove_file(from)
        }
        other => named(other, from, to),
    })?;
    point("rename.done");
    sync_both(from, to, keep)
}

/// Moves `from` to `to`, replacing it in one step.
pub(crate) fn rename_over(from: &Path, to: &Path, keep: Keep) -> io::Result<()> {
    in_folder_of(to, keep, || named(rustix::fs::rename(from, to), from, to))?;
    point("rename.done");
    sync_both(from, to, keep)
}

/// Lets two names change places in one step. `Unsupported` where the file system cannot.
pub(crate) fn exchange(a: &Path, b: &Path) -> io::Result<()> {
    match rustix::fs::renameat_with(CWD, a, CWD, b, RenameFlags::EXCHANGE) {
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::OPNOTSUPP) => {
            Err(io::ErrorKind::Unsupported.into())
        }
        other => named(other, a, b),
    }?;
    point("rename.done");
    sync_both(a, b, Keep::Durable)
}

/// rustix's errors name no path.
fn named(result: rustix::io::Result<()>, from: &Path, to: &Path) -> io::Result<()> {
    result.map_err(|errno| {
        let error = io::Error::from(errno);
        io::Error::new(error.kind(), format!("rename {} to {}: {error}", from.display(), to.display()))
    })
}

/// Does something that makes a name, and once more when the folder was missing.
fn in_folder_of(path: &Path, keep: Keep, make: impl Fn() -> io::Result<()>) -> io::Result<()> {
    match make() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let Some(folder) = path.parent() else { return Err(error) };
            create_folders(folder, keep)?;
            make()
        }
        other => other,
    }
}

fn sync_both(from: &Path, to: &Path, keep: Keep) -> io::Result<()> {
    if keep == Keep::Derived {
        return Ok(());
    }
    if let Some(folder) = to.parent() {
        sync_folder(folder)?;
    }
    // What a crash leaves at the old name is only debris or a second name of the same file.
    let _ = from;
    Ok(())
}

/// Writes a small file whole: a reader sees the old one or the new one.
pub(crate) fn write(layout: &Layout, to: &Path, bytes: &[u8], keep: Keep) -> io::Result<()> {
    let mut attempts = 0;
    loop {
        let temp = layout.temp();
        let result = write_temp(&temp, bytes, keep).and_then(|lock| {
            point("write.temp");
            let renamed = rename_over(&temp, to, keep);
            drop(lock);
            renamed
        });
        let Err(error) = result else { return Ok(()) };
        let _ = fs::remove_file(&temp);
        attempts += 1;
        // A collector that came between creation and lock may have taken the temporary file for debris.
        if error.kind() != io::ErrorKind::NotFound || attempts > 3 {
            return Err(error);
        }
        if let Some(folder) = temp.parent() {
            create_folders(folder, Keep::Durable)?;
        }
    }
}

/// The returned handle holds a lock that tells a collector that the file is in use.
fn write_temp(temp: &Path, bytes: &[u8], keep: Keep) -> io::Result<fs::File> {
    let mut file = fs::OpenOptions::new().write(true).create_new(true).open(temp)?;
    let _ = file.try_lock();
    file.write_all(bytes)?;
    if keep == Keep::Durable {
        sync_file(file.file())?;
        point("write.synced");
    }
    Ok(file)
}

/// Makes `link` a symlink with this target, replacing what is there. Never synced: links are derived.
pub(crate) fn symlink(layout: &Layout, target: &Path, link: &Path) -> io::Result<()> {
    let make = |at: &Path| fs::os::unix::fs::symlink(target, at);
    place(layout, link, make)
}

/// Makes `link` a second name of the file `original`, replacing what is there. Never synced: links are derived.
pub(crate) fn hard_link(layout: &Layout, original: &Path, link: &Path) -> io::Result<()> {
    let make = |at: &Path| fs::hard_link(original, at);
    place(layout, link, make)
}

fn place(layout: &Layout, link: &Path, make: impl Fn(&Path) -> io::Result<()>) -> io::Result<()> {
    match in_folder_of(link, Keep::Derived, || make(link)) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        other => return other,
    }
    let temp = layout.temp();
    make(&temp)?;
    let result = rename_over(&temp, link, Keep::Derived);
    // Renaming over another name of the same file leaves both in place (rename(2)).
    fs::remove_file(&temp).or_absent()?;
    result
}

/// Removes a file if it is there. Whether it was.
pub(crate) fn remove(path: &Path) -> io::Result<bool> {
    Ok(fs::remove_file(path).or_absent()?.is_some())
}

/// Removes empty folders from this one upwards, below `top`.
pub(crate) fn remove_empty_folders(folder: &Path, top: &Path) {
    let mut at = Some(folder);
    while let Some(folder) = at.filter(|folder| folder.starts_with(top) && *folder != top) {
        if fs::remove_dir(folder).is_err() {
            return;
        }
        at = folder.parent();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> (tempfile::TempDir, Layout) {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path().to_path_buf());
        create_folders(&layout.partials(), Keep::Durable).unwrap();
        (dir, layout)
    }

    fn partials(layout: &Layout) -> usize {
        fs::read_dir(layout.partials()).unwrap().count()
    }

    #[test]
    fn a_small_file_is_replaced_whole_and_leaves_nothing() {
        let (dir, layout) = store();
        let path = dir.path().join("a/b/file");
        write(&layout, &path, b"one", Keep::Durable).unwrap();
        write(&layout, &path, b"two", Keep::Derived).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(partials(&layout), 0);
    }

    #[test]
    fn a_failed_write_leaves_nothing() {
        let (dir, layout) = store();
        fs::create_dir_all(dir.path().join("full/x")).unwrap();
        assert!(write(&layout, &dir.path().join("full"), b"one", Keep::Durable).is_err());
        assert_eq!(partials(&layout), 0);
    }

    #[test]
    fn a_rename_to_a_taken_name_changes_nothing() {
        let (dir, layout) = store();
        let (a, b) = (dir.path().join("a"), dir.path().join("b"));
        write(&layout, &a, b"a", Keep::Durable).unwrap();
        write(&layout, &b, b"b", Keep::Durable).unwrap();
        let error = rename_new(&a, &b, Keep::Durable).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&b).unwrap(), b"b");
        exchange(&a, &b).unwrap();
        assert_eq!(fs::read(&b).unwrap(), b"a");
    }

    #[test]
    fn links_replace_what_is_there() {
        let (dir, layout) = store();
        let (a, b) = (dir.path().join("a"), dir.path().join("links/b"));
        write(&layout, &a, b"a", Keep::Durable).unwrap();
        for _ in 0..2 {
            hard_link(&layout, &a, &b).unwrap();
        }
        symlink(&layout, Path::new("../a"), &b).unwrap();
        assert_eq!(fs::read_link(&b).unwrap(), Path::new("../a"));
        assert_eq!(partials(&layout), 0);
    }
}
