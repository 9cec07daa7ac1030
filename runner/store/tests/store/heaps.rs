//! What the store promises when nothing goes wrong.

use super::*;

/// A store that keeps small images in memory, or in the cache.
fn store_of_kind(dir: &Path, in_memory: bool) -> HeapStore {
    let store = store_in(dir, "cache");
    if in_memory { store.with_small_images_in_memory() } else { store }
}

#[tokio::test]
async fn what_was_saved_can_be_opened_here_and_elsewhere() {
    let dir = tempfile::tempdir().expect("tempdir");
    let store = store_in(dir.path(), "cache");
    for image in [noise(1, 0), noise(2, 1), noise(3, 4096), noise(4, 3_000_000), vec![0; 5_000_000]] {
        let id = save(&store, &image).await.expect("save");
        assert_eq!(id, Digest::of(&image));
        for cache in ["cache", "empty cache", "empty cache"] {
            let opened = store_in(dir.path(), cache).open(id).await.expect("open");
            assert_eq!(content(&opened), image);
            assert_eq!((opened.id(), *opened.facts()), (id, facts()));
        }
    }
}

#[tokio::test]
async fn saving_again_keeps_the_first() {
    for in_memory in [false, true] {
        let dir = tempfile::tempdir().expect("tempdir");
        let store = store_of_kind(dir.path(), in_memory);
        let first = save(&store, b"image").await.expect("save");
        let later = HeapFacts { created: UnixMillis::new(43), ..facts() };
        assert_eq!(save_with(&store, b"image", later).await.expect("save"), first);
        let info = store.info(first).await.expect("info").expect("is there");
        assert_eq!(info.created, facts().created);
        assert_eq!(*store.open(first).await.expect("open").facts(), facts());
        assert_eq!(names(&dir.path().join("heaps")), [format!("{first}.heap")]);
    }
}

#[tokio::test]
async fn what_another_process_removed_is_gone() {
    for in_memory in [false, true] {
        let dir = tempfile::tempdir().expect("tempdir");
        let store = store_of_kind(dir.path(), in_memory);
        let id = save(&store, b"image").await.expect("save");
        assert_eq!(content(&store.open(id).await.expect("open")), b"image");
        assert!(store_in(dir.path(), "cache").remove(id).await.expect("remove"));
        assert!(matches!(store.open(id).await, Err(HeapError::Absent(absent)) if absent == id));
    }
}

#[tokio::test]
async fn a_base_image_stays_as_long_as_heaps_need_it() {
    let dir = tempfile::tempdir().expect("tempdir");
    let store = store_in(dir.path(), "cache");
    let base = save_with(&store, b"base", HeapFacts { base: None, ..facts() }).await.expect("save");
    let on_top = HeapFacts { base: Some(base), ..facts() };
    let first = save_with(&store, b"first", on_top).await.expect("save");
    let second = save_with(&store, b"second", on_top).await.expect("save");
    for (needed_by, next) in [(2, first), (1, second)] {
        assert_eq!(store.count_dependents(base).await.expect("count"), needed_by);
        assert_eq!(store.count_dependents(next).await.expect("count"), 0);
        let refused = store.remove(base).await;
        assert!(
            matches!(refused, Err(HeapError::Needed { id, heaps }) if (id, heaps) == (base, needed_by)),
            "{refused:?}"
        );
        let opened = store.open(next).await.expect("open");
        let opened_base = store.open_base(&opened).await.expect("open the base").expect("there is one");
        assert!(store.open_base(&opened_base).await.expect("open the base").is_none());
        assert_eq!(content(&opened_base), b"base");
        assert!(store.remove(next).await.expect("remove"));
    }
    assert!(store.remove(base).await.expect("remove"));
}

#[tokio::test]
async fn a_damaged_base_image_stays_as_well() {
    let dir = tempfile::tempdir().expect("tempdir");
    let store = store_in(dir.path(), "cache");
    let base = save_with(&store, b"base", HeapFacts { base: None, ..facts() }).await.expect("save");
    let heap = save_with(&store, b"heap", HeapFacts { base: Some(base), ..facts() }).await.expect("save");
    let blob = dir.path().join("heaps").join(format!("{base}.heap"));
    std::fs::remove_file(&blob).expect("ours to remove");
    std::fs::write(&blob, b"STASIS").expect("write");
    assert!(matches!(store.remove(base).await, Err(HeapError::Needed { heaps: 1, .. })));
    assert!(store.remove(heap).await.expect("remove"));
    assert!(store.remove(base).await.expect("what is damaged can be removed"));
}

#[tokio::test]
async fn a_heap_without_its_base_image_names_both() {
    let dir = tempfile::tempdir().expect("tempdir");
    let store = store_in(dir.path(), "cache");
    let heap = save(&store, b"heap").await.expect("save");
    let base = facts().base.expect("there is one");
    let opened = store.open(heap).await.expect("open");
    let error = store.open_base(&opened).await.expect_err("it is not there");
    let message = format!("heap {heap} cannot be resumed: its base image {base} is missing");
    assert_eq!(error.to_string(), message);
}

#[tokio::test]
async fn heaps_are_listed_shown_and_removed() {
    let dir = tempfile::tempdir().expect("tempdir");
    let store = store_in(dir.path(), "cache");
    assert!(store.list().await.expect("list").is_empty());
    let small = save(&store, b"small").await.expect("save");
    let large = save(&store, &[0; 100_000]).await.expect("save");
    let listed = store.list().await.expect("list");
    let mut ids = [small, large];
    ids.sort();
    assert_eq!(listed.iter().map(|(id, _)| *id).collect::<Vec<_>>(), ids);
    let info = store.info(large).await.expect("info").expect("is there");
    assert!(listed.into_iter().any(|(_, listed)| listed.expect("info") == info));
    assert_eq!((info.id, info.image_size), (large, ByteSize::bytes(100_000)));
    assert_eq!((info.base, info.fingerprint), (facts().base, facts().fingerprint));
    assert!((160..1000).contains(&info.stored_size.get()));
    let opened = store.open(large).await.expect("open");
    assert!(store.remove(large).await.expect("remove"));
    assert!(!store.remove(large).await.expect("remove again"));
    assert_eq!(store.info(large).await.expect("info"), None);
    assert!(matches!(store.open(large).await, Err(HeapError::Absent(id)) if id == large));
    assert_eq!(content(&opened), [0; 100_000]);
    assert_eq!(content(&store.open(small).await.expect("open")), b"small");
}

#[tokio::test]
async fn small_images_are_kept_in_memory_and_large_ones_in_files() {
    let dir = tempfile::tempdir().expect("tempdir");
    let store = store_in(dir.path(), "cache").with_small_images_in_memory();
    let cached = || names(&dir.path().join("cache"));
    // More than are kept: what was dropped is read again.
    let small: Vec<_> = (0..150).map(|seed| noise(seed, 1000)).collect();
    for image in small.iter().chain(&small) {
        assert_eq!(save(&store, image).await.expect("save"), Digest::of(image));
    }
    for image in &small {
        let opened = store.open(Digest::of(image)).await.expect("open");
        assert_eq!(
            (content(&opened), opened.id(), *opened.facts()),
            (image.clone(), Digest::of(image), facts())
        );
        let write = std::os::unix::fs::FileExt::write_at(&**opened.file(), b"x", 0);
        assert!(write.is_err(), "nobody can change it");
    }
    assert!(cached().is_empty(), "{:?}", cached());
    // Expected to be small, and not; expected to be large, and not.
    let large = noise(1000, 1_500_000);
    let id = save(&store, &large).await.expect("save");
    assert_eq!(content(&store.open(id).await.expect("open")), large);
    let mut file = store.create_image_file(2 << 20).expect("create");
    file.write_all(b"small after all").expect("write");
    let other = store.save(file, facts()).await.expect("save");
    assert_eq!(content(&store.open(other).await.expect("open")), b"small after all");
    let mut expect: Vec<_> = [id, other].map(|id| [format!("{id}.image"), format!("{id}.seal")]).concat();
    expect.sort();
    assert_eq!(cached(), expect);
    let first = Digest::of(&small[0]);
    assert!(store.remove(first).await.expect("remove"));
    assert!(matches!(store.open(first).await, Err(HeapError::Absent(id)) if id == first));
}

#[tokio::test]
async fn images_beyond_the_limit_are_neither_saved_nor_opened() {
    let dir = tempfile::tempdir().expect("tempdir");
    let id = save(&store_in(dir.path(), "cache"), &[0; 2000]).await.expect("save");
    let strict = store_in(dir.path(), "empty cache").with_max_image(ByteSize::bytes(1000));
    let expect = "a heap image of 2.0 KiB exceeds the limit of 1000 B";
    assert_eq!(strict.open(id).await.expect_err("too large").to_string(), expect);
    assert_eq!(save(&strict, &[1; 2000]).await.expect_err("too large").to_string(), expect);
}

#[tokio::test]
async fn an_image_that_was_saved_before_is_not_new() {
    let dir = tempfile::tempdir().expect("tempdir");
    let store = store_in(dir.path(), "cache").with_small_images_in_memory();
    let save = async |image: &[u8]| {
        let mut file = store.create_image_file(0).expect("a file");
        file.write_all(image).expect("written");
        assert!(HeapStore::can_seal(&file) && HeapStore::seal(&file), "a memory file");
        assert!(file.write_all(b"more").is_err(), "nobody writes to it any more");
        store.save_new(file, facts()).await.expect("saved")
    };
    let (first, is_new) = save(b"image").await;
    assert!(is_new);
    assert_eq!(save(b"image").await, (first, false));
    assert!(save(b"another").await.1);
    assert!(store.contains(first).await.expect("the store works"));
    assert!(!store.contains(Digest::of(b"never made")).await.expect("the store works"));
    let file = tempfile::tempfile().expect("a file");
    assert!(!HeapStore::can_seal(&file) && !HeapStore::seal(&file), "not a memory file");
}
