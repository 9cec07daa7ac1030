//! Finds out where a path leads when its links are followed: the path that the policy is asked about.
//!
//! Nothing is opened here for reading or writing, and nothing that is found out has to stay true: what is
//! decided upon is a path without links, and [`super::place`] follows none on the way there.

use rustix::{
    fd::OwnedFd,
    fs::{FileType, Mode, OFlags},
    io::Errno,
};

use super::{
    error::FileError,
    forbidden,
    script_path::{MAX_PATH_BYTES, ScriptPath, push_lexically},
};

/// Most links on the way to a file, as in the kernel.
const MAX_LINKS: usize = 40;

/// What becomes of a link at the end of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LastLink {
    /// What it points to is meant.
    Followed,
    /// The link itself is meant.
    Itself,
}

/// Where a path leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resolved {
    names: Vec<String>,
    /// What was found there.
    pub(crate) found: Found,
    /// Whether only a folder can be meant, as the path ends in a slash.
    pub(crate) names_folder: bool,
}

/// What was found at the end of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// There is something.
    Present(FileType),
    /// There is nothing, in a folder that is there.
    Absent,
    /// The way ended before; from there on, the path is what was written.
    Unreachable(Errno),
}

impl Resolved {
    /// The absolute path.
    pub(crate) fn path(&self) -> String {
        format!("/{}", self.names.join("/"))
    }

    /// The names from the root on.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }
}

/// Follows the links of a path.
///
/// # Errors
/// Those of the root folder, and [`FileError::NotUnicode`] for a link whose target no policy could be asked
/// about. What goes wrong on the way is part of the result: the policy comes first, so that nobody learns what
/// is there and what is not where they may not look.
pub(crate) fn resolve(path: &ScriptPath, last: LastLink) -> Result<Resolved, FileError> {
    let mut walk = Walk::from_root()?;
    let mut ahead: Vec<String> = path.names().iter().rev().cloned().collect();
    let mut links = 0;
    let mut found = Found::Present(FileType::Directory);
    let names_folder = path.names_folder();
    while let Some(name) = ahead.pop() {
        let at_end = ahead.is_empty();
        if walk.is_too_long(&name) {
            return Ok(walk.ended(name, ahead, Errno::NAMETOOLONG));
        }
        if forbidden::is_special(&walk.names, &name) {
            return Ok(walk.ended(name, ahead, Errno::ACCESS));
        }
        match walk.look_at(&name) {
            Ok(Step::Folder(folder)) => {
                walk.enter(name, folder);
                found = Found::Present(FileType::Directory);
            }
            Ok(Step::Link(link)) if !at_end || last == LastLink::Followed => {
                links += 1;
                if links > MAX_LINKS {
                    return Ok(walk.ended(name, ahead, Errno::LOOP));
                }
                let target = target_of(&link)?;
                if target.starts_with('/') {
                    walk.restart()?;
                }
                ahead.extend(target.rsplit('/').filter(|name| !matches!(*name, "" | ".")).map(str::to_owned));
                found = Found::Present(FileType::Directory);
            }
            Ok(Step::Link(_)) => {
                walk.names.push(name);
                found = Found::Present(FileType::Symlink);
            }
            Ok(Step::Other(kind)) if at_end => {
                walk.names.push(name);
                found = Found::Present(kind);
            }
            Ok(Step::Other(_)) => return Ok(walk.ended(name, ahead, Errno::NOTDIR)),
            Err(Errno::NOENT) if at_end => {
                walk.names.push(name);
                found = Found::Absent;
            }
            Err(errno) => return Ok(walk.ended(name, ahead, errno)),
        }
    }
    if names_folder && matches!(found, Found::Present(kind) if kind != FileType::Directory) {
        found = Found::Unreachable(Errno::NOTDIR);
    }
    Ok(Resolved { names: walk.names, found, names_folder })
}

/// The way so far.
struct Walk {
    names: Vec<String>,
    folder: OwnedFd,
}

/// What a name stands for.
enum Step {
    Folder(OwnedFd),
    Link(OwnedFd),
    Other(FileType),
}

impl Walk {
    fn from_root() -> Result<Self, FileError> {
        Ok(Self { names: Vec::new(), folder: open_root()? })
    }

    fn restart(&mut self) -> Result<(), FileError> {
        *self = Self::from_root()?;
        Ok(())
    }

    fn is_too_long(&self, name: &str) -> bool {
        self.names.iter().map(|name| name.len() + 1).sum::<usize>() + name.len() + 1 > MAX_PATH_BYTES
    }

    fn look_at(&self, name: &str) -> Result<Step, Errno> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(&self.folder, name, flags, Mode::empty())?;
        Ok(match FileType::from_raw_mode(rustix::fs::fstat(&fd)?.st_mode) {
            FileType::Directory => Step::Folder(fd),
            FileType::Symlink => Step::Link(fd),
            other => Step::Other(other),
        })
    }

    fn enter(&mut self, name: String, folder: OwnedFd) {
        push_lexically(&mut self.names, &name);
        self.folder = folder;
    }

    /// The way cannot be gone on: the rest is taken as it is written.
    fn ended(self, name: String, ahead: Vec<String>, errno: Errno) -> Resolved {
        let mut names = self.names;
        for name in std::iter::once(name).chain(ahead.into_iter().rev()) {
            push_lexically(&mut names, &name);
        }
        Resolved { names, found: Found::Unreachable(errno), names_folder: false }
    }
}

/// The root folder, as a place to start from.
pub(crate) fn open_root() -> Result<OwnedFd, FileError> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open("/", flags, Mode::empty()).map_err(FileError::in_call("open"))
}

fn target_of(link: &OwnedFd) -> Result<String, FileError> {
    let target = rustix::fs::readlinkat(link, "", Vec::new()).map_err(FileError::in_call("readlink"))?;
    target.into_string().map_err(|_| FileError::NotUnicode)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_are_followed() {
        let folder = tempfile::tempdir().expect("tempdir");
        let root = folder.path().canonicalize().expect("canonicalize");
        let root = root.to_str().expect("UTF-8");
        std::fs::create_dir_all(format!("{root}/a/b")).expect("create");
        std::fs::write(format!("{root}/a/file"), "").expect("write");
        for (link, target) in [
            ("up", ".."),
            ("a/b/up", "../../a/file"),
            ("to_a", "a"),
            ("absolute", &format!("{root}/a/b")),
            ("dangling", "a/new"),
            ("loop", "loop"),
            ("proc", "/proc/self/root"),
        ] {
            symlink(target, format!("{root}/{link}")).expect("symlink");
        }
        let check = |path: &str, last: LastLink, expect: &str, found: Found| {
            let path = ScriptPath::parse(&format!("{root}{path}")).expect("a path");
            let resolved = resolve(&path, last).expect("resolve");
            assert_eq!(resolved.path(), expect.replace('~', root), "{path:?}");
            assert_eq!(resolved.found, found, "{path:?}");
        };
        use LastLink::{Followed, Itself};
        let (directory, file) = (Found::Present(FileType::Directory), Found::Present(FileType::RegularFile));
        check("/a", Followed, "~/a", directory);
        check("/to_a/file", Followed, "~/a/file", file);
        check("/to_a/file/", Followed, "~/a/file", Found::Unreachable(Errno::NOTDIR));
        check("/to_a", Itself, "~/to_a", Found::Present(FileType::Symlink));
        check("/to_a/", Itself, "~/to_a", Found::Unreachable(Errno::NOTDIR));
        check("/absolute/up", Followed, "~/a/file", file);
        check("/to_a/../a", Followed, "~/a", directory);
        check("/dangling", Followed, "~/a/new", Found::Absent);
        check("/dangling/x", Followed, "~/a/new/x", Found::Unreachable(Errno::NOENT));
        check("/a/file/x", Followed, "~/a/file/x", Found::Unreachable(Errno::NOTDIR));
        check("/loop", Followed, "~/loop", Found::Unreachable(Errno::LOOP));
        check("/proc/etc", Followed, "/proc/self/root/etc", Found::Unreachable(Errno::ACCESS));
    }
}
