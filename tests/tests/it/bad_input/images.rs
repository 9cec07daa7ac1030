//! A damaged cache of images is no loss: what is wrong in it is made anew from what is stored.

use std::{fs, os::unix::fs::symlink};

use super::{Store, replace};
use crate::support::Cli;

/// Damages the cache; the heap must resume all the same, twice, and the cache must be whole again.
#[track_caller]
fn check(what: &str, damage: impl FnOnce(&Store)) {
    let store = Store::new();
    damage(&store);
    for _ in 0..2 {
        let answer = store.resume().answer();
        assert_eq!(answer.result.as_deref(), Some("5"), "{what}: {answer:?}");
    }
    assert!(store.cached("image").is_file(), "{what}: it is cached again");
}

#[test]
fn a_changed_image_is_noticed() {
    for at in [0, 8, 16, 60, 4096, 10_000] {
        check(&format!("byte {at} is flipped"), |store| {
            let mut bytes = fs::read(store.cached("image")).expect("read");
            bytes[at] ^= 1;
            replace(&store.cached("image"), &bytes);
        });
    }
    check("cut short", |store| {
        let bytes = fs::read(store.cached("image")).expect("read");
        replace(&store.cached("image"), &bytes[..bytes.len() / 2]);
    });
    check("empty", |store| replace(&store.cached("image"), b""));
    check("longer", |store| {
        let bytes = fs::read(store.cached("image")).expect("read");
        replace(&store.cached("image"), &[&bytes[..], &[0; 4096]].concat());
    });
}

#[test]
fn an_image_that_is_something_else_is_not_used() {
    check("another heap's image", |store| {
        let (_, other) = Cli::script("var kept = 6", store.path()).saved();
        let other = store.path().join(".state/images").join(format!("{other}.image"));
        replace(&store.cached("image"), &fs::read(other).expect("read"));
    });
    check("another heap's image with its seal", |store| {
        let (_, other) = Cli::script("var kept = 6", store.path()).saved();
        for extension in ["image", "seal"] {
            let other = store.path().join(".state/images").join(format!("{other}.{extension}"));
            replace(&store.cached(extension), &fs::read(other).expect("read"));
        }
    });
}

#[test]
fn a_wrong_seal_vouches_for_nothing() {
    check("no seal", |store| fs::remove_file(store.cached("seal")).expect("ours"));
    check("an empty seal", |store| replace(&store.cached("seal"), b""));
    check("a changed seal", |store| {
        let mut bytes = fs::read(store.cached("seal")).expect("read");
        bytes[50] ^= 1;
        replace(&store.cached("seal"), &bytes);
    });
    check("a changed image of the same size with its old seal", |store| {
        let mut bytes = fs::read(store.cached("image")).expect("read");
        let last = bytes.len() - 5000;
        bytes[last..].fill(0);
        replace(&store.cached("image"), &bytes);
    });
}

#[test]
fn a_lost_cache_is_made_anew() {
    check("all images gone", Store::forget_images);
    check("the folder gone", |store| {
        fs::remove_dir_all(store.path().join(".state/images")).expect("ours");
    });
    check("foreign files in it", |store| {
        fs::write(store.path().join(".state/images/README"), "hello").expect("write");
        fs::write(store.path().join(".state/images/zz.image"), "hello").expect("write");
        fs::create_dir(store.path().join(".state/images/sub")).expect("folder");
    });
}

#[test]
fn a_note_that_names_a_wrong_base_image_is_corrected() {
    for note in ["", "garbage\n", &format!("{}\n", "ab".repeat(32)), "../../x"] {
        check(&format!("the note is {note:?}"), |store| {
            for entry in fs::read_dir(store.path().join(".state")).expect("state") {
                let path = entry.expect("an entry").path();
                if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("base-")) {
                    fs::write(path, note).expect("write");
                }
            }
            let (result, _) = Cli::script("1 + 1", store.path()).saved();
            assert_eq!(result, "2");
        });
    }
}

#[test]
fn an_image_that_is_a_link_is_made_anew() {
    check("a link elsewhere", |store| {
        fs::remove_file(store.cached("image")).expect("ours");
        symlink("/etc/passwd", store.cached("image")).expect("link");
    });
}
