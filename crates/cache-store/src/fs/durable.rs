//! Changes to the store that outlive a power cut. The only module that renames.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::SystemTime;

use fs_err as fs;
use fs_err::os::unix::fs::OpenOptionsExt as _;
use rustix::fs::{CWD, RenameFlags};

use crate::fs::failpoints::{Mutant, mutant, point};
use crate::fs::io_context::OrAbsent as _;
use crate::fs::layout::Layout;
use crate::fs::mode::{FILE_MODE, FOLDER_MODE, inherited, share};

/// Whether a change must survive a power cut, or can be derived again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
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
    point("sync.data");
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

#[cfg(test)]
thread_local! {
    static AT_WRITE: std::cell::RefCell<Option<SyncHook>> = const { std::cell::RefCell::new(None) };
}

/// The same before this thread's next write of a small file.
#[cfg(test)]
pub(crate) fn at_next_write(hook: impl FnOnce() -> io::Result<()> + 'static) {
    AT_WRITE.set(Some(Box::new(hook)));
}

/// Syncs the names in a folder, and once in a process the folder's own name: its maker may have died before that.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    if mutant(Mutant::NoFsync) {
        return Ok(());
    }
    let open = fs::File::open(folder)?;
    retry_interrupted(|| open.sync_all())?;
    let id = id_of(&open.metadata()?);
    if NAMED.lock().unwrap_or_else(PoisonError::into_inner).contains(&id) {
        return Ok(());
    }
    // A parent above the store may be closed to this user.
    if let Some(Ok(parent)) = folder.parent().map(fs::File::open) {
        retry_interrupted(|| parent.sync_all())?;
        #[cfg(test)]
        SYNCED_PARENTS.with_borrow_mut(|synced| synced.push(folder.to_path_buf()));
    }
    remember_named(id);
    Ok(())
}

/// Folders whose own names are known to be on the disk.
static NAMED: LazyLock<Mutex<HashSet<FolderId>>> = LazyLock::new(Mutex::default);
/// Folders remembered at most: forgetting them costs a sync each.
const MAX_NAMED: usize = 1 << 16;

/// Device, inode, and when it was made: inodes are used again.
type FolderId = (u64, u64, Option<SystemTime>);

fn id_of(metadata: &std::fs::Metadata) -> FolderId {
    (metadata.dev(), metadata.ino(), metadata.created().ok())
}

fn remember_named(id: FolderId) {
    let mut named = NAMED.lock().unwrap_or_else(PoisonError::into_inner);
    if named.len() >= MAX_NAMED {
        named.clear();
    }
    named.insert(id);
}

#[cfg(test)]
thread_local! {
    /// The folders whose parents this thread has synced.
    static SYNCED_PARENTS: std::cell::RefCell<Vec<std::path::PathBuf>> = const { std::cell::RefCell::new(Vec::new()) };
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
pub(crate) fn create_folders(folder: &Path, durability: Durability) -> io::Result<()> {
    create_with(folder, durability, create_shared)
}

/// Makes the store's own folder and those above it, without taking over rights from outside.
pub(crate) fn create_root(folder: &Path) -> io::Result<()> {
    create_with(folder, Durability::Durable, create_plain)
}

fn create_with(folder: &Path, durability: Durability, make: fn(&Path) -> io::Result<()>) -> io::Result<()> {
    match make(folder) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return if folder.is_dir() { Ok(()) } else { Err(error) };
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let Some(parent) = folder.parent() else { return Err(error) };
            create_with(parent, durability, make)?;
            match make(folder) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => {}
                other => other?,
            }
        }
        Err(error) => return Err(error),
    }
    if let (Durability::Durable, Some(parent)) = (durability, folder.parent()) {
        sync_folder(parent)?;
        if let Ok(made) = fs::symlink_metadata(folder) {
            remember_named(id_of(&made));
        }
    }
    Ok(())
}

/// Makes one folder, never writable by all.
fn create_plain(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new()
        .mode(FOLDER_MODE)
        .create(folder)
        .map_err(|error| io::Error::new(error.kind(), format!("make {}: {error}", folder.display())))
}

/// The same, shared by a group where the folder around it is.
fn create_shared(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    create_plain(folder)?;
    let inherited = folder.parent().and_then(|parent| inherited(&fs::metadata(parent).ok()?));
    if let Some(mode) = inherited {
        fs::set_permissions(folder, std::fs::Permissions::from_mode(mode))?;
    }
    Ok(())
}

/// Moves `from` to `to`, which must not exist. Both folders are synced when durable.
///
/// `AlreadyExists` when `to` is there; `from` is then untouched.
pub(crate) fn rename_new(from: &Path, to: &Path, durability: Durability) -> io::Result<()> {
    in_folder_of(to, durability, || match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::OPNOTSUPP) => {
            // Not every file system knows the flag; a second name that cannot replace anything does the same.
            fs::hard_link(from, to)?;
            fs::remove_file(from)
        }
        other => named(other, from, to),
    })?;
    point("rename.done");
    sync_both(from, to, durability)
}

/// Moves `from` to `to`, replacing it in one step.
pub(crate) fn rename_over(from: &Path, to: &Path, durability: Durability) -> io::Result<()> {
    in_folder_of(to, durability, || named(rustix::fs::rename(from, to), from, to))?;
    point("rename.done");
    sync_both(from, to, durability)
}

/// Lets two names of derived files change places in one step. `Unsupported` where the file system cannot.
pub(crate) fn exchange(a: &Path, b: &Path) -> io::Result<()> {
    match rustix::fs::renameat_with(CWD, a, CWD, b, RenameFlags::EXCHANGE) {
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::OPNOTSUPP) => {
            Err(io::ErrorKind::Unsupported.into())
        }
        other => named(other, a, b),
    }
}

/// rustix's errors name no path.
fn named(result: rustix::io::Result<()>, from: &Path, to: &Path) -> io::Result<()> {
    result.map_err(|errno| {
        let error = io::Error::from(errno);
        io::Error::new(error.kind(), format!("rename {} to {}: {error}", from.display(), to.display()))
    })
}

/// Does something that makes a name, and once more when the folder was missing.
fn in_folder_of(path: &Path, durability: Durability, make: impl Fn() -> io::Result<()>) -> io::Result<()> {
    match make() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let Some(folder) = path.parent() else { return Err(error) };
            create_folders(folder, durability)?;
            make()
        }
        other => other,
    }
}

fn sync_both(from: &Path, to: &Path, durability: Durability) -> io::Result<()> {
    if durability == Durability::Derived {
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
pub(crate) fn write(layout: &Layout, to: &Path, bytes: &[u8], durability: Durability) -> io::Result<()> {
    #[cfg(test)]
    AT_WRITE.take().map_or(Ok(()), |hook| hook())?;
    through_temp(layout, |temp| {
        let lock = write_temp(temp, bytes, durability)?;
        point("write.temp");
        let renamed = rename_over(temp, to, durability);
        drop(lock);
        renamed
    })
}

/// Writes a small file whole. `AlreadyExists` when it is there.
pub(crate) fn write_new(layout: &Layout, to: &Path, bytes: &[u8], durability: Durability) -> io::Result<()> {
    through_temp(layout, |temp| {
        let lock = write_temp(temp, bytes, durability)?;
        let renamed = rename_new(temp, to, durability);
        drop(lock);
        renamed
    })
}

/// Runs `make` with a temporary name, again with another one when the name vanished: a collector that came between
/// creation and lock may have taken the file for debris.
fn through_temp(layout: &Layout, make: impl Fn(&Path) -> io::Result<()>) -> io::Result<()> {
    let mut attempts = 0;
    loop {
        let temp = layout.temp();
        let Err(error) = make(&temp) else { return Ok(()) };
        let _ = fs::remove_file(&temp);
        attempts += 1;
        if error.kind() != io::ErrorKind::NotFound || attempts > 3 {
            return Err(error);
        }
        if let Some(folder) = temp.parent() {
            create_folders(folder, Durability::Durable)?;
        }
    }
}

/// Writes a temporary file. The returned handle holds a lock, which keeps collectors away.
fn write_temp(temp: &Path, bytes: &[u8], durability: Durability) -> io::Result<fs::File> {
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(temp)?;
    let _ = file.try_lock();
    share(file.file(), temp);
    file.write_all(bytes)?;
    if durability == Durability::Durable {
        sync_file(file.file())?;
        point("write.synced");
    }
    Ok(file)
}

/// Creates a small file that only its owner can read. `AlreadyExists` when it is there.
pub(crate) fn create_private(layout: &Layout, to: &Path, bytes: &[u8]) -> io::Result<()> {
    let temp = layout.temp();
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temp)?;
    let _ = file.try_lock();
    let written = file.write_all(bytes).and_then(|()| sync_file(file.file()));
    let renamed = written.and_then(|()| rename_new(&temp, to, Durability::Durable));
    if renamed.is_err() {
        let _ = fs::remove_file(&temp);
    }
    renamed
}

/// Makes `link` a symlink with this target. `AlreadyExists` when it is there. Never synced: links are derived.
pub(crate) fn new_symlink(target: &Path, link: &Path) -> io::Result<()> {
    in_folder_of(link, Durability::Derived, || fs::os::unix::fs::symlink(target, link))
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
    match in_folder_of(link, Durability::Derived, || make(link)) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        other => return other,
    }
    through_temp(layout, |temp| {
        make(temp)?;
        point("place.temp");
        let result = rename_over(temp, link, Durability::Derived);
        // Renaming over another name of the same file leaves both in place (rename(2)).
        fs::remove_file(temp).or_absent()?;
        result
    })
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
        create_folders(&layout.partials(), Durability::Durable).unwrap();
        (dir, layout)
    }

    fn partials(layout: &Layout) -> usize {
        fs::read_dir(layout.partials()).unwrap().count()
    }

    #[test]
    fn small_file_is_replaced_without_leftovers() {
        let (dir, layout) = store();
        let path = dir.path().join("a/b/file");
        write(&layout, &path, b"one", Durability::Durable).unwrap();
        write(&layout, &path, b"two", Durability::Derived).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(partials(&layout), 0);
    }

    #[test]
    fn a_failed_write_leaves_nothing() {
        let (dir, layout) = store();
        fs::create_dir_all(dir.path().join("full/x")).unwrap();
        assert!(write(&layout, &dir.path().join("full"), b"one", Durability::Durable).is_err());
        assert_eq!(partials(&layout), 0);
    }

    #[test]
    fn a_rename_to_a_taken_name_changes_nothing() {
        let (dir, layout) = store();
        let (a, b) = (dir.path().join("a"), dir.path().join("b"));
        write(&layout, &a, b"a", Durability::Durable).unwrap();
        write(&layout, &b, b"b", Durability::Durable).unwrap();
        let error = rename_new(&a, &b, Durability::Durable).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&b).unwrap(), b"b");
    }

    #[test]
    fn a_folder_made_by_others_is_synced_once() {
        let (dir, layout) = store();
        let shard = dir.path().join("blobs/ab");
        fs::create_dir_all(&shard).unwrap();
        let synced = || SYNCED_PARENTS.with_borrow(|synced| synced.iter().filter(|folder| **folder == shard).count());
        write(&layout, &shard.join("one"), b"1", Durability::Derived).unwrap();
        assert_eq!(synced(), 0, "what is derived need not outlive a power cut");
        for name in ["one", "two"] {
            write(&layout, &shard.join(name), b"1", Durability::Durable).unwrap();
            assert_eq!(synced(), 1, "its maker may have died before syncing its name");
        }
    }

    #[test]
    fn a_link_whose_temporary_name_vanishes_is_made() {
        let (dir, layout) = store();
        let link = dir.path().join("links/b");
        symlink(&layout, Path::new("../a"), &link).unwrap();
        let partials = layout.partials();
        crate::fs::failpoints::hook::at("place.temp", move || fs::remove_dir_all(&partials).unwrap());
        symlink(&layout, Path::new("../c"), &link).unwrap();
        assert_eq!(fs::read_link(&link).unwrap(), Path::new("../c"));
        fs::remove_dir_all(layout.partials()).unwrap();
        symlink(&layout, Path::new("../d"), &link).unwrap();
        assert_eq!(fs::read_link(&link).unwrap(), Path::new("../d"), "the folder is made again");
    }

    #[test]
    fn links_replace_what_is_there() {
        let (dir, layout) = store();
        let (a, b) = (dir.path().join("a"), dir.path().join("links/b"));
        write(&layout, &a, b"a", Durability::Durable).unwrap();
        for _ in 0..2 {
            hard_link(&layout, &a, &b).unwrap();
        }
        symlink(&layout, Path::new("../a"), &b).unwrap();
        assert_eq!(fs::read_link(&b).unwrap(), Path::new("../a"));
        assert_eq!(partials(&layout), 0);
    }
}
