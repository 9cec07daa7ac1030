//! Places that no policy can open: the kernel's own file systems, through which a script would reach the
//! server's process, and the folders where the server keeps its secrets.

use std::path::{Path, PathBuf};

use rustix::{fd::AsFd, io::Errno};

use super::{error::FileError, resolve::Resolved};

/// Folders of the root that hold no files.
const SPECIAL_FOLDERS: [&str; 3] = ["proc", "sys", "dev"];

/// File systems that hold no files, wherever they are mounted: `f_type` of `statfs`.
const SPECIAL_FILE_SYSTEMS: [u64; 14] = [
    0x0000_9fa0, // proc
    0x6265_6572, // sysfs
    0x6462_6720, // debugfs
    0x7472_6163, // tracefs
    0x7363_6673, // securityfs
    0x6265_6570, // configfs
    0xcafe_4a11, // bpf
    0x0027_e0eb, // cgroup
    0x6367_7270, // cgroup2
    0x0000_1cd1, // devpts
    0x6e73_6673, // nsfs
    0x5049_4446, // pidfs
    0xf97c_ff8c, // selinuxfs
    0xde5e_81e4, // efivarfs
];

/// Folders that scripts never reach.
#[derive(Debug, Clone, Default)]
pub(crate) struct Forbidden {
    folders: Vec<PathBuf>,
}

/// What is done to a path, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// What is named.
    Itself,
    /// And everything below: it is moved or removed.
    Below,
}

impl Forbidden {
    /// Adds folders to those that are always off limits.
    pub(crate) fn new(folders: &[PathBuf]) -> Self {
        let resolved = |folder: &PathBuf| folder.canonicalize().unwrap_or_else(|_| folder.clone());
        Self { folders: folders.iter().map(resolved).collect() }
    }

    /// Refuses what lies in such a folder, and what would take one with it.
    pub(crate) fn check(&self, resolved: &Resolved, reach: Reach) -> Result<(), FileError> {
        if let Some(first) = resolved.names().first()
            && is_special(&[], first)
        {
            return Err(FileError::Special);
        }
        let path = resolved.path();
        let path = Path::new(&path);
        let touches = |folder: &PathBuf| {
            path.starts_with(folder) || (reach == Reach::Below && folder.starts_with(path))
        };
        if self.folders.iter().any(touches) { Err(FileError::OffLimits) } else { Ok(()) }
    }
}

/// Whether a name in a folder is one of [`SPECIAL_FOLDERS`].
pub(crate) fn is_special(folder: &[String], name: &str) -> bool {
    folder.is_empty() && SPECIAL_FOLDERS.contains(&name)
}

/// Refuses what lies in one of [`SPECIAL_FILE_SYSTEMS`].
pub(crate) fn refuse_special_file_system(fd: impl AsFd) -> Result<(), FileError> {
    match rustix::fs::fstatfs(fd) {
        // The magic numbers have 32 bits; the field's width and sign depend on the processor.
        Ok(found) if SPECIAL_FILE_SYSTEMS.contains(&(found.f_type as u64 & 0xffff_ffff)) => {
            Err(FileError::Special)
        }
        Ok(_) | Err(Errno::NOSYS) => Ok(()),
        Err(errno) => Err(FileError::in_call("statfs")(errno)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::{
        resolve::{LastLink, resolve},
        script_path::ScriptPath,
    };

    #[test]
    fn folders_of_the_server_are_off_limits_with_all_that_would_move_them() {
        let root = tempfile::tempdir().expect("tempdir");
        let root = root.path().canonicalize().expect("canonicalize");
        let path = |path: &str| format!("{}{path}", root.display());
        std::fs::create_dir_all(path("/data/keys/old")).expect("create");
        std::os::unix::fs::symlink(path("/data/keys"), path("/link")).expect("symlink");
        let forbidden = Forbidden::new(&[PathBuf::from(path("/link"))]);
        let check = |path: &str, reach: Reach, expect: bool| {
            let resolved = resolve(&ScriptPath::parse(path).expect("a path"), LastLink::Followed);
            let checked = forbidden.check(&resolved.expect("resolve"), reach);
            assert_eq!(checked.is_ok(), expect, "{path} {reach:?}");
        };
        check(&path("/data/keys"), Reach::Itself, false);
        check(&path("/data/keys/old"), Reach::Itself, false);
        check(&path("/link/no/such"), Reach::Itself, false);
        check(&path("/data/keys2"), Reach::Itself, true);
        check(&path("/data"), Reach::Itself, true);
        check(&path("/data"), Reach::Below, false);
        check(&path("/data/keys2"), Reach::Below, true);
        check("/", Reach::Below, false);
        check("/proc", Reach::Itself, false);
        check("/process", Reach::Itself, true);
    }

    #[test]
    fn special_file_systems_are_known_wherever_they_are() {
        let proc = std::fs::File::open("/proc").expect("open");
        assert!(matches!(refuse_special_file_system(proc), Err(FileError::Special)));
        let folder = tempfile::tempdir().expect("tempdir");
        refuse_special_file_system(std::fs::File::open(folder.path()).expect("open")).expect("files");
    }
}
