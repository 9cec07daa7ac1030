//! A directory of our own, addressed by descriptor, so that renaming it does no harm.

use std::{
    fs::{DirBuilder, File},
    io,
    os::{
        fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd},
        unix::fs::DirBuilderExt as _,
    },
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rustix::{
    fs::{Access, AtFlags, CWD, Dir, Mode, OFlags, Timespec, Timestamps, UTIME_NOW},
    io::Errno,
};

use crate::draft;

/// A directory that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the directory {}", path.display())]
pub struct DirectoryError {
    path: PathBuf,
    #[source]
    error: io::Error,
}

impl DirectoryError {
    pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |error| Self { path: path.to_owned(), error }
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Directory {
    fd: OwnedFd,
    drafts: DraftKind,
    syncs: GroupSync,
}

/// How files under construction are kept out of sight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DraftKind {
    /// They have no name until they are published (`O_TMPFILE`); the kernel cleans up.
    Unnamed,
    /// They have a hidden name, for file systems that cannot do better. What a killed process left
    /// is removed when the directory is opened next.
    Named,
}

/// Whether publishing a file made its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Published {
    New,
    Existed,
}

impl Directory {
    /// Opens a directory, creating it (and its parents) for our user only if it is not there.
    pub(crate) fn open_or_create(path: &Path) -> Result<Self, DirectoryError> {
        Self::try_open(path).map_err(DirectoryError::at(path))
    }

    fn try_open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
        let fd = match rustix::fs::open(path, flags, Mode::empty()) {
            Err(Errno::NOENT) => {
                create(path, |directory| File::open(directory)?.sync_all())?;
                rustix::fs::open(path, flags, Mode::empty())?
            }
            other => other?,
        };
        let needed = Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK;
        rustix::fs::accessat(&fd, ".", needed, AtFlags::EACCESS)?;
        let drafts = draft::kind_supported_by(fd.as_fd());
        let this = Self { fd, drafts, syncs: GroupSync::default() };
        draft::remove_stale(&this)?;
        Ok(this)
    }

    pub(crate) fn drafts(&self) -> DraftKind {
        self.drafts
    }

    /// Pretends that the file system has no unnamed files.
    #[cfg(test)]
    pub(crate) fn with_named_drafts(mut self) -> Self {
        self.drafts = DraftKind::Named;
        self
    }

    /// Opens a file for reading. What is no file does not hold us up.
    pub(crate) fn open_file(&self, name: &str) -> io::Result<Option<File>> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        absent_as_none(rustix::fs::openat(&self.fd, name, flags, Mode::empty()).map(File::from))
    }

    pub(crate) fn contains(&self, name: &str) -> io::Result<bool> {
        Ok(self.stat(name)?.is_some())
    }

    /// A file's size and the time of its last modification.
    pub(crate) fn stat(&self, name: &str) -> io::Result<Option<(u64, SystemTime)>> {
        let found = rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW);
        let Some(stat) = absent_as_none(found)? else { return Ok(None) };
        let seconds = Duration::from_secs(u64::try_from(stat.st_mtime).unwrap_or(0));
        let modified = UNIX_EPOCH + seconds + Duration::from_nanos(stat.st_mtime_nsec);
        Ok(Some((u64::try_from(stat.st_size).unwrap_or(0), modified)))
    }

    /// Removes a file; says whether there was one.
    pub(crate) fn remove(&self, name: &str) -> io::Result<bool> {
        Ok(absent_as_none(rustix::fs::unlinkat(&self.fd, name, AtFlags::empty()))?.is_some())
    }

    /// Names a file that has none. A name that exists is left alone.
    pub(crate) fn link(&self, file: &File, name: &str) -> io::Result<Published> {
        // Linking by descriptor alone needs a capability; this path does not.
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        published(rustix::fs::linkat(CWD, path, &self.fd, name, AtFlags::SYMLINK_FOLLOW))
    }

    /// Gives a file of this directory a second name. A name that exists is left alone.
    pub(crate) fn link_name(&self, old: &str, new: &str) -> io::Result<Published> {
        published(rustix::fs::linkat(&self.fd, old, &self.fd, new, AtFlags::empty()))
    }

    /// Sets a file's times to now, if it is there.
    pub(crate) fn touch(&self, name: &str) -> io::Result<()> {
        let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
        let times = Timestamps { last_access: now, last_modification: now };
        absent_as_none(rustix::fs::utimensat(&self.fd, name, &times, AtFlags::SYMLINK_NOFOLLOW))?;
        Ok(())
    }

    /// The names in the directory. Names that are not UTF-8 are not ours and left out.
    pub(crate) fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.fd)? {
            if let Ok(name) = entry?.file_name().to_str() {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    }

    /// Makes the names durable that were made and removed before this call.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.syncs.sync(|| Ok(rustix::fs::fsync(&self.fd)?))
    }
}

impl AsFd for Directory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Creates a directory and its parents, durably: every directory that gets a new name is synced.
fn create(path: &Path, mut sync: impl FnMut(&Path) -> io::Result<()>) -> io::Result<()> {
    let names = path.ancestors().take_while(|path| !path.as_os_str().is_empty());
    let missing: Vec<&Path> = names.take_while(|path| !path.exists()).collect();
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    missing.iter().filter_map(|made| made.parent()).try_for_each(|parent| match parent.as_os_str() {
        here if here.is_empty() => sync(Path::new(".")),
        _ => sync(parent),
    })
}

fn absent_as_none<T>(result: rustix::io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn published(result: rustix::io::Result<()>) -> io::Result<Published> {
    match result {
        Ok(()) => Ok(Published::New),
        Err(Errno::EXIST) => Ok(Published::Existed),
        Err(error) => Err(error.into()),
    }
}

/// Lets many callers share one sync: whoever waited while another's sync began after its own call
/// need not sync again.
#[derive(Debug, Default)]
struct GroupSync {
    asked: AtomicU64,
    done: Mutex<u64>,
}

impl GroupSync {
    fn sync(&self, sync: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let ticket = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        if *done >= ticket {
            return Ok(());
        }
        let covers = self.asked.load(Ordering::SeqCst);
        // After a failure `done` stays: whoever waits tries by itself and learns of it too. A
        // journal that could not be written stays failed, so a later success is a true one.
        sync()?;
        *done = covers;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::PermissionsExt as _, sync::Barrier, thread};

    use super::*;

    #[test]
    fn a_new_directory_is_for_our_user_only() {
        let parent = tempfile::tempdir().expect("tempdir");
        let path = parent.path().join("a/b");
        Directory::open_or_create(&path).expect("create");
        let mode = path.metadata().expect("metadata").permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }

    #[test]
    fn every_directory_with_a_new_name_is_synced() {
        let parent = tempfile::tempdir().expect("tempdir");
        let [a, b, c] = ["a", "a/b", "a/b/c"].map(|path| parent.path().join(path));
        let check = |path: &Path, expect: &[&Path]| {
            let mut synced = Vec::new();
            let sync = |directory: &Path| {
                synced.push(directory.to_owned());
                Ok(())
            };
            create(path, sync).expect("create");
            assert_eq!(synced, expect, "{}", path.display());
            assert!(path.is_dir());
        };
        check(&b, &[&a, parent.path()]);
        check(&c, &[&b]);
        create(&c.join("d"), |_| Err(io::Error::other("broken"))).expect_err("a failure is told");
    }

    #[test]
    fn what_is_no_directory_is_refused_with_its_name() {
        let parent = tempfile::tempdir().expect("tempdir");
        let path = parent.path().join("file");
        std::fs::write(&path, "").expect("write");
        for path in [path.clone(), path.join("below")] {
            let error = Directory::open_or_create(&path).expect_err("no directory");
            assert_eq!(error.to_string(), format!("cannot use the directory {}", path.display()));
        }
    }

    #[test]
    fn waiting_callers_share_a_sync() {
        const CALLERS: usize = 8;
        let (group, syncs, barrier) = (GroupSync::default(), AtomicU64::new(0), Barrier::new(CALLERS));
        let slow = || {
            thread::sleep(Duration::from_millis(20));
            syncs.fetch_add(1, Ordering::SeqCst);
            Ok(())
        };
        thread::scope(|scope| {
            for _ in 0..CALLERS {
                scope.spawn(|| {
                    barrier.wait();
                    group.sync(slow).expect("sync");
                });
            }
        });
        assert!((1..CALLERS as u64).contains(&syncs.load(Ordering::SeqCst)));
        group.sync(|| Err(io::Error::other("broken"))).expect_err("a failure is told");
        group.sync(|| Ok(())).expect("and does not stay");
    }
}
