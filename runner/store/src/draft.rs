//! Files under construction: nobody sees them until they are whole.

use std::{
    fs::File,
    io,
    os::{
        fd::{AsRawFd as _, BorrowedFd, OwnedFd},
        unix::fs::MetadataExt as _,
    },
};

use rustix::{
    fs::{FlockOperation, Mode, OFlags},
    io::Errno,
};

use crate::directory::{Directory, DraftKind, Published};

const PREFIX: &str = ".draft-";
/// How often a race that the other side should not win twice is run again.
const TRIES: usize = 16;

/// A file under construction. Dropped, it is gone.
#[derive(Debug)]
pub(crate) struct Draft<'a> {
    directory: &'a Directory,
    file: File,
    name: Option<String>,
}

impl<'a> Draft<'a> {
    /// Creates an empty one, open for reading and writing whatever `mode` says.
    pub(crate) fn create(directory: &'a Directory, mode: u32) -> io::Result<Self> {
        let mode = Mode::from_raw_mode(mode);
        match directory.drafts() {
            DraftKind::Unnamed => {
                let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
                let file = rustix::fs::openat(directory, ".", flags, mode)?.into();
                Ok(Self { directory, file, name: None })
            }
            DraftKind::Named => Self::create_named(directory, mode),
        }
    }

    fn create_named(directory: &'a Directory, mode: Mode) -> io::Result<Self> {
        for _ in 0..TRIES {
            let name = random_name()?;
            let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::CLOEXEC;
            let file = File::from(rustix::fs::openat(directory, &name, flags, mode)?);
            let draft = Self { directory, file, name: Some(name) };
            // The lock says that the draft's maker lives. Before we had it, another process may
            // have taken the draft for a stale one.
            rustix::fs::flock(&draft.file, FlockOperation::LockExclusive)?;
            if draft.file.metadata()?.nlink() > 0 {
                return Ok(draft);
            }
        }
        Err(io::Error::other("drafts are removed as fast as they are made"))
    }

    pub(crate) fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Gives the file its name. A name that exists is left alone, and the draft is dropped.
    pub(crate) fn publish(self, name: &str) -> io::Result<Published> {
        self.link(name)
    }

    /// Gives the file its name in place of what has it.
    pub(crate) fn publish_replacing(self, name: &str) -> io::Result<()> {
        replacing(self.directory, name, || self.link(name))
    }

    /// Gives up on a name and returns the file. On file systems without unnamed files it cannot be
    /// linked any more, only copied.
    pub(crate) fn into_file(mut self) -> io::Result<File> {
        let file = self.file.try_clone()?;
        if let Some(name) = self.name.take() {
            self.directory.remove(&name)?;
        }
        Ok(file)
    }

    fn link(&self, name: &str) -> io::Result<Published> {
        match &self.name {
            None => self.directory.link(&self.file, name),
            Some(own) => self.directory.link_name(own, name),
        }
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        if let Some(name) = &self.name
            && let Err(error) = self.directory.remove(name)
        {
            // The next opening of the directory will find it.
            tracing::warn!(%error, name, "a draft was left behind");
        }
    }
}

/// Links with `link`, removing what has the name until that works.
pub(crate) fn replacing(
    directory: &Directory,
    name: &str,
    link: impl Fn() -> io::Result<Published>,
) -> io::Result<()> {
    for _ in 0..TRIES {
        match link()? {
            Published::New => return Ok(()),
            Published::Existed => directory.remove(name)?,
        };
    }
    Err(io::Error::other("the file is replaced as fast as it is removed"))
}

/// Tries out what the file system can do. Any doubt is answered with what works everywhere.
pub(crate) fn kind_supported_by(directory: BorrowedFd<'_>) -> DraftKind {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let unnamed = rustix::fs::openat(directory, ".", flags, Mode::RUSR | Mode::WUSR);
    // Naming a file goes by way of /proc.
    let reachable = |file: OwnedFd| File::open(format!("/proc/self/fd/{}", file.as_raw_fd())).is_ok();
    if unnamed.is_ok_and(reachable) { DraftKind::Unnamed } else { DraftKind::Named }
}

/// Removes named drafts whose makers are gone.
pub(crate) fn remove_stale(directory: &Directory) -> io::Result<()> {
    for name in directory.names()?.iter().filter(|name| name.starts_with(PREFIX)) {
        let Some(file) = directory.open_file(name)? else { continue };
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => directory.remove(name)?,
            Err(Errno::WOULDBLOCK) => continue,
            Err(error) => return Err(error.into()),
        };
    }
    Ok(())
}

fn random_name() -> io::Result<String> {
    let mut bytes = [0; 16];
    fill_random(&mut bytes)?;
    Ok(format!("{PREFIX}{:032x}", u128::from_le_bytes(bytes)))
}

/// Fills a short buffer from the kernel's generator.
pub(crate) fn fill_random(buffer: &mut [u8]) -> io::Result<()> {
    let filled = rustix::rand::getrandom(&mut *buffer, rustix::rand::GetRandomFlags::empty())?;
    if filled == buffer.len() { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn visible(directory: &Directory) -> Vec<String> {
        let mut names = directory.names().expect("names");
        names.retain(|name| name != "." && name != "..");
        names.sort();
        names
    }

    #[test]
    fn a_draft_is_published_whole_or_not_at_all() {
        let dir = tempfile::tempdir().expect("tempdir");
        let open = || Directory::open_or_create(dir.path()).expect("open");
        for (directory, name) in [(open(), "unnamed"), (open().with_named_drafts(), "named")] {
            let mut draft = Draft::create(&directory, 0o400).expect("create");
            draft.file().write_all(b"first").expect("write");
            assert!(!directory.contains(name).expect("contains"));
            assert_eq!(draft.publish(name).expect("publish"), Published::New);
            let again = Draft::create(&directory, 0o400).expect("create");
            assert_eq!(again.publish(name).expect("publish"), Published::Existed);
            assert_eq!(std::fs::read(dir.path().join(name)).expect("read"), b"first");
            let over = Draft::create(&directory, 0o400).expect("create");
            over.publish_replacing(name).expect("replace");
            assert_eq!(std::fs::read(dir.path().join(name)).expect("read"), b"");
            Draft::create(&directory, 0o400).expect("create").into_file().expect("file");
            drop(Draft::create(&directory, 0o400).expect("create"));
        }
        assert_eq!(visible(&open()), ["named", "unnamed"]);
    }

    #[test]
    fn only_drafts_of_the_dead_are_removed() {
        let dir = tempfile::tempdir().expect("tempdir");
        std::fs::write(dir.path().join(".draft-of-the-dead"), "").expect("write");
        let directory = Directory::open_or_create(dir.path()).expect("open").with_named_drafts();
        assert_eq!(visible(&directory), Vec::<String>::new());
        let draft = Draft::create(&directory, 0o400).expect("create");
        Directory::open_or_create(dir.path()).expect("open again");
        assert_eq!(draft.publish("done").expect("publish"), Published::New);
        assert_eq!(visible(&directory), ["done"]);
    }
}
