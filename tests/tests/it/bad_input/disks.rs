//! Disks that are full, and folders that cannot be written.

use std::{
    fs,
    os::unix::fs::symlink,
    path::Path,
    process::{Command, Stdio},
};

use super::{
    refused,
    status::{NOT_SAVED, USAGE},
};
use crate::support::{self, Cli};

/// A file system in memory, of a size that is soon used up.
struct SmallDisk {
    folder: tempfile::TempDir,
}

impl SmallDisk {
    /// `None`, with a word why, where the test may not mount.
    fn new(megabytes: u32) -> Option<Self> {
        let disk = Self { folder: support::folder() };
        let size = format!("size={megabytes}m");
        if mount(&["-t", "tmpfs", "-o", &size, "tmpfs"], disk.path()) {
            return Some(disk);
        }
        support::note("skipped: only root can mount a small file system to fill it");
        None
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("-l").arg(self.path()).stderr(Stdio::null()).status();
        // Where nothing was mounted there is nothing to take away.
        drop(unmounted);
    }
}

fn mount(arguments: &[&str], folder: &Path) -> bool {
    let status = Command::new("mount").args(arguments).arg(folder).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// What is in the folder is whole: no half-written file, no damaged heap.
#[track_caller]
fn assert_whole(folder: &Path) {
    let listed = Cli::new(&["heap", "ls", "--json"]).store(folder).finish();
    assert!(listed.code == Some(0) && !listed.stdout.contains("\"error\""), "{listed:?}");
    for entry in fs::read_dir(folder).expect("a folder") {
        let name = entry.expect("an entry").file_name().to_string_lossy().into_owned();
        assert!(name.ends_with(".heap") || name == ".state", "{name} was left behind");
    }
}

fn says_full(text: &str) -> bool {
    text.contains("No space left") || text.contains("full")
}

#[test]
fn a_disk_too_small_for_the_base_image_is_said_to_be_full() {
    let Some(disk) = SmallDisk::new(3) else { return };
    let ended = Cli::script("1 + 1", disk.path()).finish();
    assert_eq!(ended.code, Some(NOT_SAVED), "{ended:?}");
    assert!(ended.stderr.starts_with("error: ") && says_full(&ended.stderr), "{ended:?}");
    assert_whole(disk.path());
}

/// Fills the disk heap by heap: each run says its result, and those that could not be saved say why.
#[test]
fn a_full_disk_loses_no_result_and_no_older_heap() {
    let Some(disk) = SmallDisk::new(24) else { return };
    let mut heaps = Vec::new();
    let code = |index: usize| {
        format!("var kept = {index}, fill = crypto.getRandomValues(new Uint8Array(60000)).join(); {index}")
    };
    let full = (0..100).find_map(|index| {
        let answer = Cli::script(code(index), disk.path()).answer();
        assert_eq!(answer.result, Some(index.to_string()), "{answer:?}");
        match answer.heap {
            Some(heap) => {
                heaps.push(heap);
                None
            }
            None => Some(answer),
        }
    });
    let full = full.expect("the disk is full after a hundred heaps");
    let reason = full.heap_error.expect("a reason");
    assert_eq!(full.code, Some(NOT_SAVED), "{reason}");
    // The image is written by a worker, the heap by the supervisor: either can meet the full disk.
    assert!(says_full(&reason), "{reason}");
    assert!(!heaps.is_empty(), "some fitted");
    assert_whole(disk.path());
    for (index, heap) in heaps.iter().enumerate() {
        let kept = Cli::script("kept", disk.path()).heap(heap).arg("--json").finish();
        assert!(kept.stdout.contains(&format!("\"result\":\"{index}\"")), "{kept:?}");
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_refused() {
    let Some(disk) = SmallDisk::new(24) else { return };
    Cli::script("1", disk.path()).saved();
    if !mount(&["-o", "remount,ro"], disk.path()) {
        support::note("skipped: the file system cannot be made read-only");
        return;
    }
    refused(Cli::script("1", disk.path()), USAGE, "cannot use the directory");
    refused(Cli::script("1", &disk.path().join("below")), USAGE, "cannot use the directory");
}

#[test]
fn what_is_no_folder_is_refused() {
    let files = support::folder();
    let file = files.path().join("file");
    fs::write(&file, "").expect("write");
    refused(Cli::script("1", &file), USAGE, "cannot use the directory");
    refused(Cli::script("1", &file.join("below")), USAGE, "cannot use the directory");
    refused(Cli::script("1", Path::new("/proc/stasis")), USAGE, "cannot use the directory");
    let broken = files.path().join("broken");
    fs::create_dir(&broken).expect("folder");
    fs::write(broken.join(".state"), "").expect("write");
    refused(Cli::script("1", &broken), USAGE, "cannot use the heap key");
    let dangling = files.path().join("dangling");
    fs::create_dir(&dangling).expect("folder");
    symlink(files.path().join("nowhere"), dangling.join(".state")).expect("link");
    let message = format!("cannot use the directory {}", dangling.join(".state").display());
    refused(Cli::script("1", &dangling), USAGE, &message);
}
