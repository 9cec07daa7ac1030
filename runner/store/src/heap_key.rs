//! The key that authenticates heaps.

use std::{
    fmt,
    fs::{self, File},
    io::{self, Read as _, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use hmac::{Hmac, KeyInit as _, Mac as _};
use rustix::{
    fs::{Mode, OFlags},
    io::Errno,
};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::{
    directory::{Directory, DirectoryError},
    draft::{self, Draft},
};

/// The file that says which key a directory belongs to: the key's tag of this name.
const CLAIM: &str = "heap.key.claim";

/// Length of a key and of a tag.
const LEN: usize = 32;

/// An authentication tag (HMAC-SHA-256).
pub(crate) type Tag = [u8; LEN];

/// The secret that tells this installation's heaps from forged ones. All nodes share it.
///
/// It is never shown, and wiped from memory when dropped. A file that holds one is 32 raw bytes,
/// accessible to its owner only.
pub struct HeapKey(Zeroizing<[u8; LEN]>);

/// A key that cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// There is no such file.
    #[error("there is no heap key at {}", .0.display())]
    Absent(PathBuf),
    /// Users other than the owner may read or write the file.
    #[error("others may access the heap key {} (mode {mode:03o}); set it to 600", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file is not exactly one key long, or not a regular file.
    #[error("{} is not a heap key: expected a file of 32 bytes", .0.display())]
    NotAKey(PathBuf),
    /// What is kept in the directory was authenticated with another key.
    #[error("what is kept in {} belongs to another heap key", .0.display())]
    Other(PathBuf),
    /// The key's directory cannot be used.
    #[error("cannot create a heap key")]
    Directory(#[from] DirectoryError),
    /// The file system failed.
    #[error("cannot use the heap key {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What happened.
        #[source]
        error: io::Error,
    },
}

impl HeapKey {
    /// Wraps a key that is kept elsewhere.
    pub fn from_bytes(bytes: [u8; LEN]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Makes a new key from the kernel's random generator.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn generate() -> io::Result<Self> {
        let mut key = Self::from_bytes([0; LEN]);
        draft::fill_random(&mut key.0[..])?;
        Ok(key)
    }

    /// Reads the key from a file.
    ///
    /// # Errors
    /// If there is none, if others may access it, or if it is not a key.
    pub fn load(path: &Path) -> Result<Self, KeyError> {
        // Not blocking, so that a pipe in its place does not hold us up.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = match rustix::fs::open(path, flags, Mode::empty()) {
            Ok(fd) => File::from(fd),
            Err(Errno::NOENT) => return Err(KeyError::Absent(path.to_owned())),
            Err(error) => return Err(io_error(path)(error.into())),
        };
        let metadata = file.metadata().map_err(io_error(path))?;
        let mode = metadata.permissions().mode() & 0o777;
        if !metadata.is_file() || metadata.len() != LEN as u64 {
            return Err(KeyError::NotAKey(path.to_owned()));
        }
        if mode & 0o077 != 0 {
            return Err(KeyError::Exposed { path: path.to_owned(), mode });
        }
        let mut key = Self::from_bytes([0; LEN]);
        (&file).read_exact(&mut key.0[..]).map_err(io_error(path))?;
        Ok(key)
    }

    /// Reads the key from a file, creating file and key if it is not there. Processes that start at
    /// once end up with the same key.
    ///
    /// # Errors
    /// As [`HeapKey::load`], or if the file cannot be created.
    pub fn load_or_create(path: &Path) -> Result<Self, KeyError> {
        match Self::load(path) {
            Err(KeyError::Absent(_)) => {}
            other => return other,
        }
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| KeyError::NotAKey(path.to_owned()))?;
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let directory = Directory::open_or_create(parent.unwrap_or(Path::new(".")))?;
        Self::generate().and_then(|key| create(&directory, name, &key.0[..])).map_err(io_error(path))?;
        Self::load(path)
    }

    /// Claims a directory for this key, creating it if it is not there: whoever comes with another
    /// key is told so before anything is taken for forged.
    ///
    /// # Errors
    /// If another key has claimed it, or the directory cannot be used.
    pub fn claim(&self, directory: &Path) -> Result<(), KeyError> {
        let path = directory.join(CLAIM);
        let directory_of_claim = Directory::open_or_create(directory)?;
        if directory_of_claim.open_file(CLAIM).map_err(io_error(&path))?.is_none() {
            create(&directory_of_claim, CLAIM, &self.sign(CLAIM.as_bytes())).map_err(io_error(&path))?;
        }
        let claim = fs::read(&path).map_err(io_error(&path))?;
        match Tag::try_from(claim) {
            Ok(tag) if self.verify(CLAIM.as_bytes(), &tag) => Ok(()),
            Ok(_) | Err(_) => Err(KeyError::Other(directory.to_owned())),
        }
    }

    /// Authenticates a message. Callers begin messages of different kinds differently.
    pub(crate) fn sign(&self, message: &[u8]) -> Tag {
        self.mac(message).finalize().into_bytes().into()
    }

    /// Checks a tag, taking the same time wherever it differs.
    pub(crate) fn verify(&self, message: &[u8], tag: &Tag) -> bool {
        self.mac(message).verify_slice(tag).is_ok()
    }

    fn mac(&self, message: &[u8]) -> Hmac<Sha256> {
        // A key shorter than a block is by definition the same as one padded with zeros.
        let mut block = Zeroizing::new([0; 64]);
        block[..LEN].copy_from_slice(&self.0[..]);
        let mut mac = Hmac::new((&*block).into());
        mac.update(message);
        mac
    }
}

/// Creates a file for its owner only, unless there is one.
fn create(directory: &Directory, name: &str, content: &[u8]) -> io::Result<()> {
    let mut draft = Draft::create(directory, 0o600)?;
    draft.file().write_all(content)?;
    draft.file().sync_all()?;
    draft.publish(name)?;
    directory.sync()
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> KeyError {
    move |error| KeyError::Io { path: path.to_owned(), error }
}

impl fmt::Debug for HeapKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HeapKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Barrier, thread};

    use super::*;

    fn check(content: &[u8], mode: u32, expect: &str) {
        let dir = tempfile::tempdir().expect("tempdir");
        let path = dir.path().join("key");
        fs::write(&path, content).expect("write");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("chmod");
        for load in [HeapKey::load, HeapKey::load_or_create] {
            let got = load(&path).map_or_else(|error| error.to_string(), |key| format!("{key:?}"));
            assert_eq!(got.replace(&path.display().to_string(), "KEY"), expect);
        }
        assert_eq!(fs::read(&path).expect("read"), content, "never changed");
    }

    #[test]
    fn only_private_files_of_32_bytes_are_keys() {
        let not_a_key = "KEY is not a heap key: expected a file of 32 bytes";
        check(&[7; 32], 0o600, "HeapKey(…)");
        check(&[7; 32], 0o400, "HeapKey(…)");
        check(&[], 0o600, not_a_key);
        check(&[7; 31], 0o600, not_a_key);
        check(&[7; 33], 0o600, not_a_key);
        for (mode, shown) in [(0o640, "640"), (0o604, "604"), (0o620, "620"), (0o601, "601")] {
            let exposed = format!("others may access the heap key KEY (mode {shown}); set it to 600");
            check(&[7; 32], mode, &exposed);
        }
    }

    #[test]
    fn what_is_no_file_is_refused() {
        let dir = tempfile::tempdir().expect("tempdir");
        assert!(matches!(HeapKey::load(dir.path()), Err(KeyError::NotAKey(_))));
        assert!(matches!(HeapKey::load(&dir.path().join("key")), Err(KeyError::Absent(_))));
        let below_a_file = dir.path().join("file/key");
        fs::write(dir.path().join("file"), "").expect("write");
        assert!(matches!(HeapKey::load_or_create(&below_a_file), Err(KeyError::Io { .. })));
    }

    #[test]
    fn a_directory_belongs_to_the_key_that_came_first() {
        let dir = tempfile::tempdir().expect("tempdir");
        let place = dir.path().join("state");
        let [first, other] = [[1; LEN], [2; LEN]].map(HeapKey::from_bytes);
        let other_is_refused = || matches!(other.claim(&place), Err(KeyError::Other(path)) if path == place);
        for _ in 0..2 {
            first.claim(&place).expect("it is the first one's");
            assert!(other_is_refused());
        }
        fs::write(place.join(CLAIM), "too short").expect("write");
        assert!(other_is_refused(), "what is damaged is nobody's");
    }

    #[test]
    fn who_starts_at_once_gets_the_same_key() {
        const STARTERS: usize = 8;
        for _ in 0..20 {
            let dir = tempfile::tempdir().expect("tempdir");
            let path = dir.path().join("state/key");
            let barrier = Barrier::new(STARTERS);
            let start = || {
                barrier.wait();
                HeapKey::load_or_create(&path).expect("key").sign(b"message")
            };
            let tags: Vec<_> = thread::scope(|scope| {
                let starters: Vec<_> = (0..STARTERS).map(|_| scope.spawn(start)).collect();
                starters.into_iter().map(|starter| starter.join().expect("join")).collect()
            });
            assert!(tags.iter().all(|tag| *tag == tags[0]));
            assert_eq!(path.metadata().expect("metadata").permissions().mode() & 0o777, 0o600);
            assert_eq!(fs::read_dir(path.parent().expect("parent")).expect("list").count(), 1);
        }
    }

    #[test]
    fn tags_are_hmac_sha_256() {
        // RFC 4231, case 1, whose 20-byte key is the same as one padded with zeros.
        let mut key = [0; LEN];
        key[..20].fill(0x0b);
        let tag: String =
            HeapKey::from_bytes(key).sign(b"Hi There").iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(tag, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    }
}
