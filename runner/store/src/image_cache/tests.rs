//! Tests of the image cache: trust, damage, eviction.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{FileExt as _, MetadataExt as _, PermissionsExt as _},
    path::PathBuf,
    time::Duration,
};

use super::*;
use crate::{UnixMillis, sealed};

const MAX: ByteSize = ByteSize::mebibytes(64);
const LARGE: ByteSize = ByteSize::mebibytes(1);

struct Fixture {
    dir: tempfile::TempDir,
    cache: ImageCache,
}

fn key() -> Arc<HeapKey> {
    Arc::new(HeapKey::from_bytes([7; 32]))
}

fn facts() -> HeapFacts {
    let fingerprint = Digest::of(b"build");
    HeapFacts { base: Some(Digest::of(b"base")), fingerprint, created: UnixMillis::new(42) }
}

impl Fixture {
    fn new(budget: ByteSize) -> Self {
        let dir = tempfile::tempdir().expect("tempdir");
        let cache = ImageCache::open(dir.path(), budget, key()).expect("open");
        Self { dir, cache }
    }

    /// The same directory as another process sees it.
    fn reopened(&self) -> ImageCache {
        ImageCache::open(self.dir.path(), LARGE, key()).expect("open")
    }

    fn admit(&self, content: &[u8]) -> MappableImage {
        let file = self.cache.create_tmp().expect("create");
        self.admit_file(file, content)
    }

    fn admit_file(&self, mut file: File, content: &[u8]) -> MappableImage {
        file.write_all(content).expect("write");
        let (verified, _) = sealed::seal(file, facts(), self.cache.key(), MAX).expect("seal");
        self.cache.admit(verified).expect("admit")
    }

    fn path(&self, id: HeapId, suffix: &str) -> PathBuf {
        self.dir.path().join(format!("{id}{suffix}"))
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.dir.path()).expect("list");
        let mut names: Vec<_> =
            entries.map(|entry| entry.expect("entry").file_name().into_string().expect("utf-8")).collect();
        names.sort();
        names
    }
}

fn content(image: &MappableImage) -> Vec<u8> {
    let mut bytes = vec![0; image.len() as usize];
    image.file().read_exact_at(&mut bytes, 0).expect("read");
    bytes
}

#[test]
fn an_image_is_admitted_once_and_found_by_every_process() {
    let fixture = Fixture::new(LARGE);
    let image = fixture.admit(b"image");
    assert_eq!((image.id(), image.len(), *image.facts()), (Digest::of(b"image"), 5, facts()));
    assert_eq!(content(&image), b"image");
    image.file().write_at(b"x", 0).expect_err("handed out for reading only");
    let again = fixture.admit(b"image");
    let found = fixture.reopened().get(image.id()).expect("get").expect("is there");
    let inode = |image: &MappableImage| image.file().metadata().expect("metadata").ino();
    assert_eq!([inode(&again), inode(&found)], [inode(&image); 2]);
    assert!(Arc::ptr_eq(again.file(), image.file()));
    assert_eq!(*found.facts(), facts());
    let mode = fixture.path(image.id(), IMAGE).metadata().expect("metadata").permissions().mode();
    assert_eq!(mode & 0o777, 0o400);
    assert_eq!(fixture.names().len(), 2);
}

#[test]
fn files_from_elsewhere_are_copied() {
    let fixture = Fixture::new(LARGE);
    let elsewhere = tempfile::tempfile_in("/dev/shm").expect("tempfile");
    assert_eq!(content(&fixture.admit_file(elsewhere, b"other file system")), b"other file system");
    // Without a name, and not made for getting one.
    let named = tempfile::NamedTempFile::new_in(fixture.dir.path()).expect("tempfile");
    let nameless = named.reopen().expect("reopen");
    named.close().expect("unlink");
    assert_eq!(content(&fixture.admit_file(nameless, b"nameless")), b"nameless");
    assert_eq!(fixture.names().len(), 4);
}

#[test]
fn works_where_drafts_need_names() {
    let dir = tempfile::tempdir().expect("tempdir");
    let directory = Directory::open_or_create(dir.path()).expect("open").with_named_drafts();
    let cache = ImageCache::try_open(directory, LARGE, key()).expect("open");
    let fixture = Fixture { dir, cache };
    assert_eq!(content(&fixture.admit(b"image")), b"image");
    assert_eq!(fixture.names().len(), 2);
}

fn open_to_write(path: &Path) -> File {
    fs::set_permissions(path, Permissions::from_mode(0o600)).expect("chmod");
    File::options().write(true).open(path).expect("open")
}

/// Changes an entry's files, then looks what is left of it, for this process and for another.
fn check_change(change: impl Fn(&Fixture, HeapId), survives: bool) {
    for by_another in [false, true] {
        let fixture = Fixture::new(LARGE);
        let id = fixture.admit(b"image").id();
        fixture.admit(b"other");
        change(&fixture, id);
        let cache = if by_another { &fixture.reopened() } else { &fixture.cache };
        for _ in 0..2 {
            let got = cache.get(id).expect("get");
            assert_eq!(got.as_ref().map(content), survives.then(|| b"image".to_vec()));
            assert!(got.is_none_or(|image| *image.facts() == facts()));
        }
        assert_eq!(fixture.path(id, IMAGE).exists(), survives);
        assert_eq!(fixture.names().len(), if survives { 4 } else { 2 });
    }
}

#[test]
fn an_image_that_was_touched_is_hashed_again() {
    let set_times = |path: PathBuf| {
        let file = File::open(path).expect("open");
        file.set_modified(SystemTime::UNIX_EPOCH).expect("set times");
    };
    check_change(|fixture, id| set_times(fixture.path(id, IMAGE)), true);
    let copy = |fixture: &Fixture, id| {
        let copied = fixture.dir.path().join("copy");
        fs::copy(fixture.path(id, IMAGE), &copied).expect("copy");
        fs::rename(copied, fixture.path(id, IMAGE)).expect("rename");
    };
    check_change(copy, true);
}

#[test]
fn an_image_that_was_changed_is_never_handed_out() {
    let write = |path: PathBuf, at: u64, bytes: &[u8]| {
        let file = open_to_write(&path);
        file.write_all_at(bytes, at).expect("write");
        file.set_modified(SystemTime::UNIX_EPOCH).expect("set times");
    };
    let truncate = |path: PathBuf, len| open_to_write(&path).set_len(len).expect("set length");
    check_change(|fixture, id| write(fixture.path(id, IMAGE), 2, b"X"), false);
    check_change(|fixture, id| write(fixture.path(id, IMAGE), 5, b"X"), false);
    check_change(|fixture, id| truncate(fixture.path(id, IMAGE), 4), false);
    check_change(|fixture, id| truncate(fixture.path(id, IMAGE), 0), false);
}

#[test]
fn an_image_without_an_authentic_seal_is_removed() {
    let forge = |fixture: &Fixture, _: HeapId, seal: Option<Vec<u8>>| {
        // The right hash under its name, but never sealed by us.
        let forged = Digest::of(b"forged");
        fs::write(fixture.path(forged, IMAGE), b"forged").expect("write");
        if let Some(seal) = seal {
            fs::write(fixture.path(forged, SEAL), seal).expect("write");
        }
        assert!(fixture.cache.get(forged).expect("get").is_none());
        assert!(!fixture.path(forged, IMAGE).exists());
    };
    let seal_of = |fixture: &Fixture, id| fs::read(fixture.path(id, SEAL)).expect("read");
    check_change(|fixture, id| forge(fixture, id, None), true);
    check_change(|fixture, id| forge(fixture, id, Some(vec![])), true);
    check_change(|fixture, id| forge(fixture, id, Some(seal_of(fixture, id))), true);
    let other_key = Fixture::new(LARGE);
    let id = other_key.admit(b"image").id();
    let stranger = ImageCache::open(other_key.dir.path(), LARGE, Arc::new(HeapKey::from_bytes([8; 32])));
    assert!(stranger.expect("open").get(id).expect("get").is_none());
}

#[test]
fn every_byte_of_a_seal_counts() {
    let fixture = Fixture::new(LARGE);
    let id = fixture.admit(b"image").id();
    let seal = fs::read(fixture.path(id, SEAL)).expect("read");
    assert!(Record::parse(&seal, &key()).is_some());
    for at in 0..seal.len() {
        let mut flipped = seal.clone();
        flipped[at] ^= 1;
        assert!(Record::parse(&flipped, &key()).is_none(), "byte {at} flipped");
        assert!(Record::parse(&seal[..at], &key()).is_none(), "cut at {at}");
    }
}

#[test]
fn after_a_reboot_images_are_hashed_again() {
    let fixture = Fixture::new(LARGE);
    let id = fixture.admit(b"image").id();
    let rebooted = || ImageCache { boot: Digest::of(b"another boot"), ..fixture.reopened() };
    assert_eq!(content(&rebooted().get(id).expect("get").expect("is there")), b"image");
    // Content lost with power: same file, same times, but a boot that has not hashed it.
    let path = fixture.path(id, IMAGE);
    let file = open_to_write(&path);
    file.write_all_at(&[0; 5], 0).expect("write");
    let identity = Identity::of(&file).expect("identity").encode();
    let header = SealedHeader { id, image_len: 5, facts: facts() };
    let record = Record { boot: fixture.cache.boot, identity, header };
    open_to_write(&fixture.path(id, SEAL)).write_all_at(&record.encode(&key()), 0).expect("write");
    assert!(rebooted().get(id).expect("get").is_none());
}

#[test]
fn the_least_recently_used_go_first_and_held_ones_stay() {
    let fixture = Fixture::new(ByteSize::bytes(1000));
    let held = fixture.admit(&[0; 200]);
    let [first, second, third] = [1, 2, 3].map(|n| fixture.admit(&[n; 200]).id());
    fixture.cache.get(first).expect("get").expect("is there");
    let next = fixture.admit(&[4; 201]).id();
    let present = |ids: &[HeapId]| ids.iter().map(|id| fixture.path(*id, IMAGE).exists()).collect::<Vec<_>>();
    assert_eq!(present(&[held.id(), first, second, third, next]), [true, true, false, true, true]);
    // Too large to fit: everything that is idle goes, and it is taken in all the same.
    let huge = fixture.admit(&[5; 5000]);
    assert_eq!(present(&[held.id(), first, third, next, huge.id()]), [true, false, false, false, true]);
    assert_eq!(content(&held), [0; 200]);
    assert!(fixture.cache.remove(held.id()).expect("remove"));
    assert_eq!(content(&held), [0; 200], "whoever has it keeps it");
    assert!(fixture.cache.get(held.id()).expect("get").is_none());
}

#[test]
fn a_new_process_knows_the_order_of_use() {
    let fixture = Fixture::new(LARGE);
    let ids = [1, 2, 3].map(|n| fixture.admit(&[n; 200]).id());
    for (id, age) in ids.iter().zip([10, 30, 20]) {
        let seal = File::open(fixture.path(*id, SEAL)).expect("open");
        seal.set_modified(SystemTime::now() - Duration::from_secs(age)).expect("set times");
    }
    fs::write(fixture.path(Digest::of(b"orphan"), SEAL), b"").expect("write");
    fs::write(fixture.dir.path().join("foreign"), b"").expect("write");
    let another = ImageCache::open(fixture.dir.path(), ByteSize::bytes(600), key()).expect("open");
    assert_eq!(fixture.names().len(), 7, "only the orphan is gone");
    another.make_room(200).expect("make room");
    assert_eq!(ids.map(|id| fixture.path(id, IMAGE).exists()), [true, false, false]);
}

#[test]
fn processes_that_admit_the_same_image_at_once_agree() {
    for round in 0..20u8 {
        let fixture = Fixture::new(LARGE);
        let id = Digest::of(&[round; 1000]);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let file = fixture.cache.create_tmp().expect("create");
                    file.write_all_at(&[round; 1000], 0).expect("write");
                    let (verified, _) = sealed::seal(file, facts(), &key(), MAX).expect("seal");
                    let image = fixture.reopened().admit(verified).expect("admit");
                    assert_eq!(content(&image), [round; 1000]);
                });
            }
        });
        assert_eq!(content(&fixture.cache.get(id).expect("get").expect("is there")), [round; 1000]);
        assert_eq!(fixture.names().len(), 2);
    }
}
