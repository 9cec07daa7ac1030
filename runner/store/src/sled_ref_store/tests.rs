//! What only shows from inside: how often is synced, and what happens when that fails.

use std::{
    io,
    sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use futures::{FutureExt as _, future::join_all};
use stasis_core::ref_store::{MAX_PARTITION, MAX_SORT, MAX_VALUE, Order, Start};

use super::*;

/// A disk that is slow enough for groups to form, and fails when told.
#[derive(Debug)]
struct TestDisk {
    syncs: AtomicUsize,
    fails: AtomicBool,
    hangs: AtomicBool,
    room: AtomicU64,
}

impl Disk for Arc<TestDisk> {
    fn sync(&self) -> io::Result<()> {
        thread::sleep(Duration::from_millis(10));
        while self.hangs.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(10));
        }
        self.syncs.fetch_add(1, Ordering::SeqCst);
        if self.fails.load(Ordering::SeqCst) { Err(io::Error::other("broken")) } else { Ok(()) }
    }

    fn note_durable(&self, _: u64) -> io::Result<()> {
        Ok(())
    }

    fn room(&self) -> io::Result<u64> {
        Ok(self.room.load(Ordering::SeqCst))
    }
}

fn open_on_test_disk(folder: &Path) -> (SledRefStore, Arc<TestDisk>) {
    open_with_patience(folder, PATIENCE)
}

fn open_with_patience(folder: &Path, patience: Duration) -> (SledRefStore, Arc<TestDisk>) {
    let disk = Arc::new(TestDisk {
        syncs: AtomicUsize::new(0),
        fails: AtomicBool::new(false),
        hangs: AtomicBool::new(false),
        room: AtomicU64::new(u64::MAX),
    });
    let inner = Arc::clone(&disk);
    (SledRefStore::open_on(folder, |_| Box::new(inner), patience).expect("open"), disk)
}

fn key(n: usize) -> Key {
    Key::new("partition", n.to_be_bytes())
}

fn put(n: usize) -> Batch {
    let mut batch = Batch::default();
    batch.put(key(n), "value");
    batch
}

fn put_if_absent(n: usize) -> Batch {
    let mut batch = put(n);
    batch.require(key(n), None);
    batch
}

async fn present(store: &SledRefStore, n: usize) -> bool {
    store.get(&key(n)).await.expect("get").is_some()
}

#[tokio::test]
async fn commits_that_wait_share_a_sync() {
    const COMMITS: usize = 100;
    let dir = tempfile::tempdir().expect("tempdir");
    let (store, disk) = open_on_test_disk(dir.path());
    for result in join_all((0..COMMITS).map(|n| store.commit(put(n)))).await {
        result.expect("commit");
    }
    let syncs = disk.syncs.load(Ordering::SeqCst);
    assert!((1..=5).contains(&syncs), "{syncs} syncs for {COMMITS} commits");
    store.commit(Batch::default()).await.expect("nothing to do");
    assert_eq!(disk.syncs.load(Ordering::SeqCst), syncs, "nothing was written");
}

#[tokio::test]
async fn in_a_group_each_batch_sees_those_before_it() {
    let dir = tempfile::tempdir().expect("tempdir");
    let (store, disk) = open_on_test_disk(dir.path());
    let delete = |n| {
        let mut batch = Batch::default();
        batch.require(key(n), Some("value".into()));
        batch.delete(key(n));
        batch
    };
    // The first occupies the writer; the others wait and are one group.
    let batches = [put(0), put_if_absent(1), put_if_absent(1), delete(1), delete(1), put_if_absent(1)];
    let results = join_all(batches.map(|batch| store.commit(batch))).await;
    let committed = results.iter().map(Result::is_ok);
    assert!(committed.eq([true, true, false, true, false, true]), "{results:?}");
    assert!(results.iter().flat_map(Result::as_ref).count() + 2 == results.len());
    assert!(present(&store, 1).await);
    assert!(disk.syncs.load(Ordering::SeqCst) <= 2);
}

#[tokio::test]
async fn a_failed_sync_stops_the_store() {
    let dir = tempfile::tempdir().expect("tempdir");
    let (store, disk) = open_on_test_disk(dir.path());
    store.commit(put(0)).await.expect("commit");
    disk.fails.store(true, Ordering::SeqCst);
    // The last one loses against the first, whose fate is unknown.
    for result in
        join_all([put_if_absent(1), put(2), put_if_absent(1)].map(|batch| store.commit(batch))).await
    {
        assert!(matches!(result, Err(RefError::Unavailable(_))), "{result:?}");
    }
    disk.fails.store(false, Ordering::SeqCst);
    let syncs = disk.syncs.load(Ordering::SeqCst);
    for batch in [put(3), Batch::default(), put_if_absent(0)] {
        let Err(RefError::Unavailable(reason)) = store.commit(batch).await else { panic!("acknowledged") };
        let source = reason.source().expect("why").source().expect("the cause").to_string();
        assert!(reason.to_string().contains("stopped") && source == "broken", "{reason} {source}");
    }
    assert_eq!(disk.syncs.load(Ordering::SeqCst), syncs, "a failed sync is not repeated");
    assert!(matches!(store.get(&key(0)).await, Err(RefError::Unavailable(_))));
    drop(store);
    let store = SledRefStore::open(dir.path()).expect("open anew");
    assert!(present(&store, 0).await);
    store.commit(put(3)).await.expect("commit");
}

#[tokio::test]
async fn writing_that_does_not_end_stops_the_store() {
    const PATIENCE: Duration = Duration::from_millis(400);
    /// More than are handed to the writer, and more than may wait for it.
    const COMMITS: usize = 600;
    let dir = tempfile::tempdir().expect("tempdir");
    let (store, disk) = open_with_patience(dir.path(), PATIENCE);
    store.commit(put(0)).await.expect("commit");
    disk.hangs.store(true, Ordering::SeqCst);
    let begun = Instant::now();
    for result in join_all((1..COMMITS).map(|n| store.commit(put(n)))).await {
        let Err(RefError::Unavailable(reason)) = result else { panic!("acknowledged") };
        let source = reason.source().expect("why").to_string();
        assert!(source.contains("not ended within 400ms"), "{source}");
    }
    let asked = Instant::now();
    assert!(asked - begun >= PATIENCE);
    assert!(matches!(store.get(&key(0)).await, Err(RefError::Unavailable(_))));
    drop(store);
    assert!(asked.elapsed() < PATIENCE, "what is known to hang is not waited for");
    // It may go on to write for as long as it is there.
    assert!(matches!(SledRefStore::open(dir.path()), Err(OpenError::Locked { .. })));
    disk.hangs.store(false, Ordering::SeqCst);
    let store = loop {
        match SledRefStore::open(dir.path()) {
            Err(OpenError::Locked { .. }) => thread::sleep(Duration::from_millis(10)),
            opened => break opened.expect("open anew"),
        }
    };
    assert!(present(&store, 0).await && present(&store, 1).await);
}

#[tokio::test]
async fn a_store_that_is_dropped_does_not_wait_forever() {
    const PATIENCE: Duration = Duration::from_millis(200);
    let dir = tempfile::tempdir().expect("tempdir");
    let (store, disk) = open_with_patience(dir.path(), PATIENCE);
    disk.hangs.store(true, Ordering::SeqCst);
    assert!(store.commit(put(1)).now_or_never().is_none());
    let begun = Instant::now();
    drop(store);
    assert!((PATIENCE..PATIENCE * 20).contains(&begun.elapsed()));
    disk.hangs.store(false, Ordering::SeqCst);
}

#[tokio::test]
async fn a_full_disk_is_told_before_anything_is_changed() {
    let dir = tempfile::tempdir().expect("tempdir");
    let (store, disk) = open_on_test_disk(dir.path());
    store.commit(put(0)).await.expect("commit");
    disk.room.store(1 << 20, Ordering::SeqCst);
    assert!(matches!(store.commit(put(1)).await, Err(RefError::Full(_))));
    let mut delete = Batch::default();
    delete.delete(key(0));
    store.commit(delete).await.expect("deleting is how room is made");
    disk.room.store(u64::MAX, Ordering::SeqCst);
    assert!(!present(&store, 0).await && !present(&store, 1).await);
    store.commit(put(1)).await.expect("there is room again");
}

#[tokio::test]
async fn a_dropped_commit_does_no_harm() {
    let dir = tempfile::tempdir().expect("tempdir");
    let (store, _) = open_on_test_disk(dir.path());
    for n in 0..1000 {
        // More than may wait: some are dropped before they are sent, some after.
        assert!(store.commit(put(n)).now_or_never().is_none());
    }
    store.commit(put(1000)).await.expect("commit");
    let mut kept = 0;
    for n in 0..=1000 {
        kept += usize::from(present(&store, n).await);
    }
    assert!((2..=1001).contains(&kept), "{kept}");
}

#[tokio::test]
async fn what_is_too_long_is_refused_and_found_nowhere() {
    let dir = tempfile::tempdir().expect("tempdir");
    let (store, _) = open_on_test_disk(dir.path());
    let check = async |key: Key, value: usize| {
        let mut batch = put(0);
        batch.put(key.clone(), vec![1; value]);
        assert!(matches!(store.commit(batch).await, Err(RefError::Unavailable(_))));
        assert_eq!(store.get(&key).await.expect("get"), None);
        assert!(!present(&store, 0).await);
    };
    check(Key::new("p".repeat(MAX_PARTITION + 1), ""), 0).await;
    check(Key::new("p".repeat(1 << 17), ""), 0).await;
    check(Key::new("p", vec![0; MAX_SORT + 1]), 0).await;
    check(Key::new("p", "s"), MAX_VALUE + 1).await;
    let name = "p".repeat(1 << 17);
    let scan = Scan { partition: &name, start: Start::First, order: Order::Descending, limit: 1 };
    assert_eq!(store.scan(scan).await.expect("scan"), []);
}

/// Long values are kept in parts, which come and go with them.
#[tokio::test]
async fn values_of_any_length_follow_each_other() {
    const PART: usize = 32 << 10;
    let dir = tempfile::tempdir().expect("tempdir");
    let store = SledRefStore::open(dir.path()).expect("open");
    let lengths = [0, 1, PART, PART + 1, MAX_VALUE, PART * 3, MAX_VALUE - 1, 2 * PART, 5];
    for (n, length) in lengths.into_iter().enumerate() {
        let value = Bytes::from(vec![n as u8; length]);
        let mut batch = Batch::default();
        batch.put(key(0), value.clone());
        store.commit(batch).await.expect("commit");
        assert_eq!(store.get(&key(0)).await.expect("get"), Some(value));
    }
    let mut batch = Batch::default();
    batch.put(key(1), vec![1; MAX_VALUE]);
    store.commit(batch).await.expect("commit");
    let mut batch = Batch::default();
    batch.delete(key(0));
    batch.delete(key(1));
    store.commit(batch).await.expect("commit");
    assert_eq!(store.database.entries.pairs(), 1, "only the group's number is left");
}

/// The database never syncs the files that it keeps large pages in, so there must be none.
#[tokio::test]
async fn the_largest_entries_need_no_files_of_their_own() {
    let dir = tempfile::tempdir().expect("tempdir");
    let (store, _) = open_on_test_disk(dir.path());
    // Keys that differ early and late: nothing can be shared between them.
    let key = |n: usize| {
        let unlike = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Key::new(
            format!("{unlike:016x}").repeat(MAX_PARTITION / 16),
            unlike.to_le_bytes().repeat(MAX_SORT / 8),
        )
    };
    for first in (0..4000).step_by(100) {
        let mut batch = Batch::default();
        for n in first..first + 100 {
            batch.put(key(n), if n < 200 { vec![1; MAX_VALUE] } else { vec![] });
        }
        store.commit(batch).await.expect("commit");
    }
    assert_eq!(store.get(&key(7)).await.expect("get").expect("there").len(), MAX_VALUE);
    let blobs = std::fs::read_dir(dir.path().join("blobs")).expect("list");
    assert_eq!(blobs.count(), 0);
}
