//! Heaps that are absent, damaged, forged, or of another build.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use super::{
    Store, refused, replace,
    status::{ABSENT, DAMAGED, INTERNAL, OTHER_BUILD, USAGE},
};
use crate::support::{self, Cli};

#[test]
fn an_absent_heap_is_named() {
    let store = Store::new();
    let absent = "ab".repeat(32);
    let message = format!("there is no heap {absent}");
    refused(Cli::script("1", store.path()).heap(&absent), ABSENT, &message);
    refused(
        Cli::script("1", store.path()).heap(&absent).arg("--json"),
        ABSENT,
        &format!("{{\"error\":\"{message}\"}}"),
    );
    refused(Cli::new(&["heap", "show", &absent]).store(store.path()), ABSENT, &message);
    refused(Cli::new(&["heap", "rm", &absent]).store(store.path()), ABSENT, &message);
}

#[test]
fn a_removed_heap_is_absent() {
    let store = Store::new();
    let removed = Cli::new(&["heap", "rm", &store.heap]).store(store.path()).finish();
    assert_eq!(removed.code, Some(0), "{removed:?}");
    refused(store.resume(), ABSENT, "there is no heap");
    assert!(!store.cached("image").exists());
}

#[test]
fn a_heap_without_its_base_image_says_which_is_missing() {
    let store = Store::new();
    let blobs = fs::read_dir(store.path()).expect("a folder").map(|entry| entry.expect("an entry").path());
    let is_base = |path: &PathBuf| path.extension() == Some("heap".as_ref()) && *path != store.blob();
    let bases: Vec<PathBuf> = blobs.filter(is_base).collect();
    let [base] = &bases[..] else { panic!("one heap, one base image: {bases:?}") };
    fs::remove_file(base).expect("ours to remove");
    store.forget_images();
    let missing = base.file_stem().expect("a name").display();
    let message = format!("heap {} cannot be resumed: its base image {missing} is missing", store.heap);
    refused(store.resume(), ABSENT, &message);
    let (result, _) = Cli::script("1 + 1", store.path()).saved();
    assert_eq!(result, "2", "a new base image is made");
}

/// Every byte counts: whatever is changed, cut off or added is noticed before anything runs.
#[test]
fn a_damaged_heap_never_runs() {
    let store = Store::new();
    let whole = fs::read(store.blob()).expect("read");
    let length = whole.len();
    let flip = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x40;
        bytes
    };
    let check = |bytes: &[u8], code: i32, part: &str| {
        replace(&store.blob(), bytes);
        store.forget_images();
        refused(store.resume(), code, part);
    };
    check(&flip(0), DAMAGED, "not a heap");
    check(&flip(8), OTHER_BUILD, "is stored in format");
    for at in [12, 13, 14, 16, 31, 32, 63, 64, 95, 96, 127, 128, 159] {
        check(&flip(at), DAMAGED, "not authenticated");
    }
    // A few bits of a zstd frame mean nothing, but no two bytes.
    let invert = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at..at + 2].iter_mut().for_each(|byte| *byte = !*byte);
        bytes
    };
    for at in [160, 164, 200, length / 4, length / 2, length - 9, length - 2] {
        check(&invert(at), DAMAGED, "is damaged");
    }
    for size in [0, 1, 7, 8, 11, 159, 160, 161, 4096, length / 2, length - 1] {
        check(&whole[..size], DAMAGED, "is damaged");
    }
    check(&[&whole[..], b"more"].concat(), DAMAGED, "is damaged");
    check(&vec![0; length], DAMAGED, "not a heap");
    check(b"#!/bin/sh\n", DAMAGED, "not a heap");
    replace(&store.blob(), &whole);
    store.assert_resumes();
}

#[test]
fn a_heap_under_another_ones_name_is_not_taken() {
    let store = Store::new();
    let (_, other) = Cli::script("var kept = 6", store.path()).saved();
    let bytes = fs::read(store.path().join(format!("{other}.heap"))).expect("read");
    replace(&store.blob(), &bytes);
    store.forget_images();
    refused(store.resume(), DAMAGED, "is damaged");
}

#[test]
fn what_is_no_file_is_no_heap() {
    let store = Store::new();
    fs::remove_file(store.blob()).expect("ours to remove");
    fs::create_dir(store.blob()).expect("folder");
    store.forget_images();
    let ended = store.resume().finish();
    assert!(matches!(ended.code, Some(1..)) && ended.stderr.starts_with("error: "), "{ended:?}");
    assert_eq!(ended.stdout, "");
}

#[test]
fn an_image_that_cannot_be_read_is_no_failure_to_save() {
    let store = Store::new();
    fs::remove_file(store.cached("image")).expect("ours to remove");
    fs::create_dir(store.cached("image")).expect("folder");
    refused(store.resume(), INTERNAL, "the local image cache failed");
}

#[test]
fn keys_are_checked() {
    let store = Store::new();
    let files = support::folder();
    let key = |name: &str, bytes: &[u8], mode: u32| {
        let path = files.path().join(name);
        fs::write(&path, bytes).expect("write");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("ours");
        path
    };
    let with = |path: &Path| store.resume().arg("--heap-key").arg(path);
    refused(with(&files.path().join("absent")), USAGE, "there is no heap key at");
    refused(with(&key("short", &[7; 31], 0o600)), USAGE, "expected a file of 32 bytes");
    refused(with(&key("long", &[7; 33], 0o600)), USAGE, "expected a file of 32 bytes");
    refused(with(&key("exposed", &[7; 32], 0o644)), USAGE, "set it to 600");
    refused(with(files.path()), USAGE, "is not a heap key");
    store.assert_resumes();
}

/// Who comes with another key is told so, whatever is asked; nothing is made, removed or taken for forged.
#[test]
fn another_key_is_refused_and_changes_nothing() {
    let store = Store::new();
    let files = support::folder();
    let key = |name: &str, byte: u8| {
        let path = files.path().join(name);
        fs::write(&path, [byte; 32]).expect("write");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("ours");
        path
    };
    let (other, own) = (key("other", 7), store.path().join(".state/heap.key"));
    let before = all_files(store.path());
    let with = |cli: Cli| cli.arg("--heap-key").arg(&other);
    let message = "belongs to another heap key";
    refused(with(Cli::script("1 + 1", store.path())), DAMAGED, message);
    refused(with(store.resume()), DAMAGED, message);
    refused(with(Cli::new(&["heap", "ls"]).store(store.path())), DAMAGED, message);
    refused(with(Cli::new(&["heap", "rm", &store.heap]).store(store.path())), DAMAGED, message);
    assert_eq!(all_files(store.path()), before);
    let answer = store.resume().arg("--heap-key").arg(&own).answer();
    assert_eq!(answer.result.as_deref(), Some("5"), "the same key by its name");

    // A heap that was sealed elsewhere is refused by itself.
    let elsewhere = support::folder();
    let (_, foreign) = with(Cli::script("6", elsewhere.path())).saved();
    let name = format!("{foreign}.heap");
    fs::copy(elsewhere.path().join(&name), store.path().join(&name)).expect("copy");
    let message = "not authenticated by this installation's heap key";
    refused(Cli::script("1", store.path()).heap(&foreign), DAMAGED, message);
}

/// The names of all files below a folder.
fn all_files(folder: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(all_files(&path));
        } else {
            found.insert(path);
        }
    }
    found
}

/// The linker's note is what tells builds apart; a copy with another note is another build.
#[test]
fn a_heap_of_another_build_says_so() {
    let store = Store::new();
    let files = support::folder();
    let other = files.path().join("stasis");
    fs::write(&other, with_another_build_id(fs::read(support::binary()).expect("read"))).expect("write");
    fs::set_permissions(&other, fs::Permissions::from_mode(0o700)).expect("ours");
    let own = Cli::script("1 + 1", store.path()).program(&other).answer();
    assert_eq!(own.result.as_deref(), Some("2"), "the other build works: {own:?}");
    refused(store.resume().program(&other), OTHER_BUILD, "build");
    let heap = own.heap.expect("it is saved");
    refused(Cli::script("1", store.path()).heap(&heap), OTHER_BUILD, "build");
    store.assert_resumes();
}

/// Changes the first byte of the `NT_GNU_BUILD_ID` note.
fn with_another_build_id(mut program: Vec<u8>) -> Vec<u8> {
    let note = [&3_u32.to_le_bytes()[..], b"GNU\0"].concat();
    let at = program.windows(note.len()).position(|window| window == note);
    let at = at.expect("the linker leaves a build id") + note.len();
    program[at] ^= 0xff;
    program
}
