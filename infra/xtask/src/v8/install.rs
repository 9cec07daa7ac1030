//! Copies a file into place: checked on the way, and whole or not at all.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    process,
};

use sha2::{Digest, Sha256};

use crate::failure::Failure;

/// The SHA-256 of a file, in lower-case hex.
pub(crate) fn sha256(path: &Path) -> Result<String, Failure> {
    let mut source = File::open(path).map_err(Failure::file("open", path))?;
    copy_hashing(&mut source, &mut io::sink()).map_err(Failure::file("read", path))
}

/// Makes `to` a copy of `from`, which must have this hash.
///
/// Other processes see all of `to` or nothing. Two of them may install at the same time.
pub(crate) fn copy_verified(from: &Path, to: &Path, expected: &str) -> Result<(), Failure> {
    let directory = to.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(directory).map_err(Failure::file("create", directory))?;
    let partial = Partial(to.with_extension(format!("{}.partial", process::id())));

    let mut source = File::open(from).map_err(Failure::file("open", from))?;
    let mut copy = File::create(&partial.0).map_err(Failure::file("create", &partial.0))?;
    let actual = copy_hashing(&mut source, &mut copy).map_err(Failure::file("write", &partial.0))?;
    copy.sync_all().map_err(Failure::file("write", &partial.0))?;
    if actual != expected {
        let message = format!("{} is damaged: SHA-256 is {actual}, must be {expected}", from.display());
        return Err(Failure::Broken(message));
    }
    fs::rename(&partial.0, to).map_err(Failure::file("install", to))
}

fn copy_hashing(source: &mut impl Read, copy: &mut impl Write) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let length = source.read(&mut buffer)?;
        if length == 0 {
            return Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect());
        }
        hash.update(&buffer[..length]);
        copy.write_all(&buffer[..length])?;
    }
}

/// A file that is not complete; gone when this is dropped, unless it was renamed.
struct Partial(PathBuf);

impl Drop for Partial {
    fn drop(&mut self) {
        // After the rename there is nothing left to remove; a leftover harms nobody.
        drop(fs::remove_file(&self.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the three bytes `abc`.
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_copy_with_the_right_hash_is_installed() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("new/place/to"));
        fs::write(&from, "abc").unwrap();
        assert_eq!(sha256(&from).unwrap(), ABC);
        copy_verified(&from, &to, ABC).unwrap();
        assert_eq!(fs::read(&to).unwrap(), b"abc");
        assert_eq!(names(to.parent().unwrap()), ["to"]);
    }

    #[test]
    fn a_damaged_file_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("place/to"));
        fs::write(&from, "abd").unwrap();
        let failure = copy_verified(&from, &to, ABC).unwrap_err();
        assert!(failure.message().unwrap().contains("is damaged"), "{failure:?}");
        assert!(names(to.parent().unwrap()).is_empty());
    }
}
