//! What people and disks get wrong: each has its own clear message and its exit status, and leaves
//! nothing half-written.

mod disks;
mod heaps;
mod images;
mod scripts;

use std::{fs, path::Path};

use crate::support::{self, Answer, Cli};

/// Exit statuses, as `stasis run --help` has them.
mod status {
    pub(super) const THREW: i32 = 1;
    pub(super) const USAGE: i32 = 2;
    pub(super) const ABSENT: i32 = 4;
    pub(super) const DAMAGED: i32 = 5;
    pub(super) const OTHER_BUILD: i32 = 6;
    pub(super) const NOT_SAVED: i32 = 7;
    pub(super) const INTERNAL: i32 = 70;
}

/// A command must be refused with this status and a message with this in it, both ways of asking.
#[track_caller]
fn refused(cli: Cli, code: i32, part: &str) {
    let ended = cli.finish();
    assert_eq!(ended.code, Some(code), "expected {part:?}: {ended:?}");
    assert!(ended.stderr.contains(part), "expected {part:?}: {}", ended.stderr);
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
    assert_eq!(ended.stdout, "", "nothing ran");
}

/// A store with one heap in it, in which `kept` is 5.
struct Store {
    folder: tempfile::TempDir,
    heap: String,
}

impl Store {
    fn new() -> Self {
        let folder = support::folder();
        let (_, heap) = Cli::script("var kept = 5", folder.path()).saved();
        Self { folder, heap }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The stored form of the heap.
    fn blob(&self) -> std::path::PathBuf {
        self.path().join(format!("{}.heap", self.heap))
    }

    /// A file of the cache of images.
    fn cached(&self, extension: &str) -> std::path::PathBuf {
        self.path().join(".state/images").join(format!("{}.{extension}", self.heap))
    }

    /// Removes all cached images, so that what is stored is read.
    fn forget_images(&self) {
        for entry in fs::read_dir(self.path().join(".state/images")).expect("there is a cache") {
            fs::remove_file(entry.expect("an entry").path()).expect("ours to remove");
        }
    }

    /// Asks the heap what it keeps.
    fn resume(&self) -> Cli {
        Cli::script("kept", self.path()).heap(&self.heap)
    }

    #[track_caller]
    fn assert_resumes(&self) -> Answer {
        let answer = self.resume().answer();
        assert_eq!(answer.result.as_deref(), Some("5"), "{answer:?}");
        answer
    }
}

/// Replaces a file that is read-only.
fn replace(path: &Path, content: &[u8]) {
    fs::remove_file(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    fs::write(path, content).expect("ours to write");
}
