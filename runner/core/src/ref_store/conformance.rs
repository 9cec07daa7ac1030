//! What every [`RefStore`] must pass; a store's own tests call [`all`] on an empty one.

use std::sync::Arc;

use bytes::Bytes;
use futures::future::join_all;

use super::{
    Batch, Key, MAX_BATCH, MAX_PARTITION, MAX_SORT, MAX_VALUE, Order, RefError, RefStore, Scan, Start,
};

/// Runs the whole suite.
///
/// # Panics
/// On the first breach of the contract.
pub async fn all(store: Arc<dyn RefStore>) {
    what_was_committed_is_got(&*store).await;
    a_scan_sees_its_partition_in_order(&*store).await;
    a_batch_is_all_or_nothing(&*store).await;
    the_largest_is_taken(&*store).await;
    of_racing_commits_one_wins(&store).await;
    readers_see_whole_commits(&store).await;
}

fn put(key: &Key, value: &'static str) -> Batch {
    let mut batch = Batch::default();
    batch.put(key.clone(), value);
    batch
}

async fn get(store: &dyn RefStore, key: &Key) -> Option<Bytes> {
    store.get(key).await.expect("get")
}

async fn what_was_committed_is_got(store: &dyn RefStore) {
    let key = Key::new("got", "a");
    assert_eq!(get(store, &key).await, None);
    store.commit(Batch::default()).await.expect("nothing to do");
    for value in ["one", "two", ""] {
        store.commit(put(&key, value)).await.expect("put");
        assert_eq!(get(store, &key).await.as_deref(), Some(value.as_bytes()));
    }
    let mut batch = Batch::default();
    batch.delete(key.clone());
    batch.delete(Key::new("got", "never there"));
    store.commit(batch).await.expect("delete");
    assert_eq!(get(store, &key).await, None);
}

async fn a_scan_sees_its_partition_in_order(store: &dyn RefStore) {
    const SORTS: [&[u8]; 5] = [b"", b"a", b"a\0", b"b", b"\xff\xff"];
    let mut batch = Batch::default();
    for sort in SORTS {
        batch.put(Key::new("scanned", sort), Bytes::from_static(sort));
    }
    // Neighbours by name are none of its business.
    for near in ["scanne", "scanned\0", "scanned\u{1}", "scannee", "scanneda"] {
        batch.put(Key::new(near, "a"), "neighbour");
    }
    store.commit(batch).await.expect("commit");

    let check = async |start, order, limit, expect: &[&[u8]]| {
        let found = store.scan(Scan { partition: "scanned", start, order, limit }).await.expect("scan");
        let sorts: Vec<&[u8]> = found.iter().map(|entry| entry.sort.as_slice()).collect();
        assert_eq!(sorts, expect, "{start:?} {order:?} {limit}");
        assert!(found.iter().all(|entry| entry.value == entry.sort));
    };
    let [none, a, a0, b, last] = SORTS;
    check(Start::First, Order::Ascending, 10, &SORTS).await;
    check(Start::First, Order::Ascending, 2, &[none, a]).await;
    check(Start::First, Order::Ascending, 0, &[]).await;
    check(Start::At(a), Order::Ascending, 2, &[a, a0]).await;
    check(Start::After(a), Order::Ascending, 2, &[a0, b]).await;
    check(Start::At(b"aa"), Order::Ascending, 1, &[b]).await;
    check(Start::After(last), Order::Ascending, 1, &[]).await;
    check(Start::First, Order::Descending, 10, &[last, b, a0, a, none]).await;
    check(Start::First, Order::Descending, 1, &[last]).await;
    check(Start::At(b), Order::Descending, 2, &[b, a0]).await;
    check(Start::After(b), Order::Descending, 2, &[a0, a]).await;
    check(Start::At(b"aa"), Order::Descending, 1, &[a0]).await;
    check(Start::After(none), Order::Descending, 1, &[]).await;
    let nowhere = Scan { partition: "nowhere", start: Start::First, order: Order::Ascending, limit: 1 };
    assert_eq!(store.scan(nowhere).await.expect("scan"), []);
}

async fn a_batch_is_all_or_nothing(store: &dyn RefStore) {
    let (present, other) = (Key::new("atomic", "present"), Key::new("atomic", "other"));
    store.commit(put(&present, "old")).await.expect("put");
    let check = async |key: &Key, value: Option<&'static str>, expect: bool| {
        let mut batch = put(&other, "changed");
        batch.require(key.clone(), value.map(Into::into));
        match store.commit(batch).await {
            Ok(()) => assert!(expect, "{key:?} is not {value:?}"),
            Err(RefError::Conflict) => assert!(!expect, "{key:?} is {value:?}"),
            Err(error) => panic!("{error:?}"),
        }
        assert_eq!(get(store, &other).await.is_some(), expect);
        let mut undo = Batch::default();
        undo.delete(other.clone());
        store.commit(undo).await.expect("delete");
    };
    check(&present, None, false).await;
    check(&present, Some("new"), false).await;
    check(&present, Some(""), false).await;
    check(&present, Some("old"), true).await;
    check(&other, Some(""), false).await;
    check(&other, None, true).await;
    let mut several = put(&other, "changed");
    several.require(other.clone(), None);
    several.require(present.clone(), Some("new".into()));
    assert!(matches!(store.commit(several).await, Err(RefError::Conflict)));
    assert_eq!(get(store, &other).await, None);
}

async fn the_largest_is_taken(store: &dyn RefStore) {
    let key = Key::new("p".repeat(MAX_PARTITION), vec![0xff; MAX_SORT]);
    let value = Bytes::from(vec![7; MAX_VALUE]);
    let mut batch = Batch::default();
    batch.put(key.clone(), value.clone());
    store.commit(batch).await.expect("the largest value");
    assert_eq!(get(store, &key).await, Some(value));

    let mut batch = Batch::default();
    for n in 0..MAX_BATCH as u64 {
        batch.put(Key::new("many", n.to_be_bytes()), "x");
    }
    store.commit(batch).await.expect("the largest batch");
    let all = Scan { partition: "many", start: Start::First, order: Order::Ascending, limit: 1000 };
    assert_eq!(store.scan(all).await.expect("scan").len(), MAX_BATCH);
}

/// Counts with compare-and-set from many sides at once: no step is lost or made twice.
async fn of_racing_commits_one_wins(store: &Arc<dyn RefStore>) {
    const RACERS: usize = 8;
    const STEPS: u64 = 10;
    let key = Key::new("counter", "n");
    let count = async |_| {
        let mut steps = 0;
        while steps < STEPS {
            let before = store.get(&key).await.expect("get");
            let text = before.as_deref().map_or("0", |value| str::from_utf8(value).expect("digits"));
            let next = text.parse::<u64>().expect("a number") + 1;
            let mut batch = Batch::default();
            batch.require(key.clone(), before.clone());
            batch.put(key.clone(), next.to_string());
            match store.commit(batch).await {
                Ok(()) => steps += 1,
                Err(RefError::Conflict) => {}
                Err(error) => panic!("{error:?}"),
            }
        }
    };
    join_all((0..RACERS).map(count)).await;
    let total = RACERS as u64 * STEPS;
    assert_eq!(get(&**store, &key).await, Some(total.to_string().into()));
}

/// Two entries that are always changed together are never seen apart.
async fn readers_see_whole_commits(store: &Arc<dyn RefStore>) {
    let write = async {
        for n in 0..50_u32 {
            let mut batch = Batch::default();
            batch.put(Key::new("pair", "a"), n.to_string());
            batch.put(Key::new("pair", "b"), n.to_string());
            store.commit(batch).await.expect("commit");
        }
    };
    let read = async {
        for _ in 0..50 {
            let pair = Scan { partition: "pair", start: Start::First, order: Order::Ascending, limit: 2 };
            let found = store.scan(pair).await.expect("scan");
            assert!(found.is_empty() || found[0].value == found[1].value, "{found:?}");
        }
    };
    futures::join!(write, read);
}
