//! References in an embedded database, over real folders.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader},
    os::unix::fs::PermissionsExt as _,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use bytes::Bytes;
use proptest::{collection::vec, prelude::*};
use stasis_core::ref_store::{Batch, Key, Order, RefError, RefStore as _, Scan, Start, conformance};
use stasis_store::{OpenError, SledRefStore};

use super::*;

pub(crate) fn open(dir: &Path) -> SledRefStore {
    SledRefStore::open(dir).expect("open the references")
}

async fn put(store: &SledRefStore, key: &Key, value: impl Into<Bytes>) {
    let mut batch = Batch::default();
    batch.put(key.clone(), value);
    store.commit(batch).await.expect("commit");
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_the_contract() {
    let dir = tempfile::tempdir().expect("tempdir");
    conformance::all(Arc::new(open(dir.path()))).await;
}

#[tokio::test]
async fn everything_is_there_after_reopening() {
    let dir = tempfile::tempdir().expect("tempdir");
    let folder = dir.path().join("a/b");
    let mut expect = Vec::new();
    for round in 0..5_u8 {
        let store = open(&folder);
        for (key, value) in &expect {
            assert_eq!(store.get(key).await.expect("get").as_ref(), Some(value), "{key:?}");
        }
        for n in 0..20_u8 {
            let key = Key::new(format!("round {round}"), [n]);
            let value = Bytes::from(noise(n.into(), usize::from(n) * 5000));
            put(&store, &key, value.clone()).await;
            expect.push((key, value));
        }
    }
    assert_eq!(folder.metadata().expect("metadata").permissions().mode() & 0o777, 0o700);
}

#[derive(Debug, Clone)]
enum Step {
    Put(Key, u16),
    Delete(Key),
    Scan(Key, Order, usize),
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let sort = vec(prop::sample::select(&[0, 1, 0x61, 0xff][..]), 0..4);
    let key = ("[\0a\u{10ffff}]{0,2}", sort).prop_map(|(name, sort)| Key::new(name, sort));
    let order = prop::sample::select(&[Order::Ascending, Order::Descending][..]);
    let step = prop_oneof![
        40 => (key.clone(), any::<u16>()).prop_map(|(key, length)| Step::Put(key, length)),
        20 => key.clone().prop_map(Step::Delete),
        20 => (key, order, 0_usize..10).prop_map(|(key, order, limit)| Step::Scan(key, order, limit)),
        1 => Just(Step::Reopen),
    ];
    vec(step, 1..150)
}

/// What a scan ought to find.
fn expected(model: &BTreeMap<Key, Bytes>, scan: &Scan<'_>) -> Vec<(Vec<u8>, Bytes)> {
    let is_wanted = |sort: &[u8]| match (scan.start, scan.order) {
        (Start::First, _) => true,
        (Start::At(start), Order::Ascending) => sort >= start,
        (Start::After(start), Order::Ascending) => sort > start,
        (Start::At(start), Order::Descending) => sort <= start,
        (Start::After(start), Order::Descending) => sort < start,
    };
    let mut found: Vec<_> = model
        .iter()
        .filter(|(key, _)| key.partition == scan.partition && is_wanted(&key.sort))
        .map(|(key, value)| (key.sort.clone(), value.clone()))
        .collect();
    if scan.order == Order::Descending {
        found.reverse();
    }
    found.truncate(scan.limit);
    found
}

async fn behaves_like_a_map(steps: Vec<Step>) {
    let dir = tempfile::tempdir().expect("tempdir");
    let mut store = open(dir.path());
    let mut model = BTreeMap::new();
    for step in steps {
        match step {
            Step::Put(key, length) => {
                let value = Bytes::from(noise(length.into(), length.into()));
                put(&store, &key, value.clone()).await;
                model.insert(key, value);
            }
            Step::Delete(key) => {
                let mut batch = Batch::default();
                batch.require(key.clone(), model.remove(&key));
                batch.delete(key);
                store.commit(batch).await.expect("commit");
            }
            Step::Scan(Key { partition, sort }, order, limit) => {
                for start in [Start::First, Start::At(&sort), Start::After(&sort)] {
                    let scan = Scan { partition: &partition, start, order, limit };
                    let found = store.scan(scan).await.expect("scan");
                    let found: Vec<_> = found.into_iter().map(|entry| (entry.sort, entry.value)).collect();
                    assert_eq!(found, expected(&model, &scan), "{scan:?}");
                }
            }
            Step::Reopen => {
                drop(store);
                store = open(dir.path());
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn it_is_an_ordered_map(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("runtime");
        runtime.block_on(behaves_like_a_map(steps));
    }
}

const DIR: &str = "STASIS_STORE_REFS_DIR";

/// Opens the store and holds it, if it is the child; else does nothing.
#[test]
#[expect(clippy::print_stdout, reason = "this is how the child tells that it is ready")]
fn holding_child() {
    let Some(dir) = std::env::var_os(DIR) else { return };
    let _store = open(Path::new(&dir));
    println!("ready");
    loop {
        std::thread::park();
    }
}

/// Does not outlive the test.
struct Holder(Child);

impl Holder {
    fn start(dir: &Path) -> Self {
        let command = child_test("ref_store::holding_child");
        let mut command_line = Command::new(&command[0]);
        command_line.args(&command[1..]).env(DIR, dir).stdout(Stdio::piped());
        let mut this = Self(command_line.spawn().expect("start the child"));
        let mut lines = BufReader::new(this.0.stdout.take().expect("stdout")).lines().map_while(Result::ok);
        assert!(lines.any(|line| line.ends_with("ready")));
        this
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        self.0.kill().expect("kill");
        self.0.wait().expect("wait");
    }
}

fn assert_locked_by(dir: &Path, expect: u32) {
    let error = SledRefStore::open(dir).expect_err("it is in use");
    let text = error.to_string();
    assert!(matches!(error, OpenError::Locked { pid: Some(pid), .. } if pid == expect), "{error:?}");
    assert!(text.contains(&dir.display().to_string()) && text.contains(&expect.to_string()), "{text}");
}

#[test]
fn one_process_at_a_time_has_it_open() {
    let dir = tempfile::tempdir().expect("tempdir");
    let holder = Holder::start(dir.path());
    assert_locked_by(dir.path(), holder.0.id());
    drop(holder);
    let store = open(dir.path());
    assert_locked_by(dir.path(), std::process::id());
    drop(store);
    drop(open(dir.path()));
}

#[test]
fn what_a_killed_process_leaves_for_a_moment_is_waited_for() {
    const MOMENT: Duration = Duration::from_millis(300);
    let dir = tempfile::tempdir().expect("tempdir");
    let mut dead = Command::new("true").spawn().expect("a process");
    dead.wait().expect("it ends");
    // A process that it started has the lock, and not its number.
    let lock = fs::File::create(dir.path().join("pid")).expect("a file");
    fs::write(dir.path().join("pid"), format!("{}\n", dead.id())).expect("written");
    lock.try_lock().expect("nobody else has it");
    let begun = Instant::now();
    let holder = std::thread::spawn(move || {
        std::thread::sleep(MOMENT);
        drop(lock);
    });
    drop(open(dir.path()));
    assert!(begun.elapsed() >= MOMENT, "the lock was held");
    holder.join().expect("it does not panic");
}

/// Copies a store, changes one of its files, and opens it: what was committed is found or is an error.
async fn is_never_wrong(dir: &Path, expect: &[(Key, Bytes)], name: &str, damage: impl Fn(&mut Vec<u8>)) {
    let copy = tempfile::tempdir().expect("tempdir");
    fs::create_dir(copy.path().join("blobs")).expect("create");
    for file in names(dir).iter().filter(|file| *file != "blobs") {
        let mut bytes = fs::read(dir.join(file)).expect("read");
        if file.starts_with(name) {
            damage(&mut bytes);
        }
        fs::write(copy.path().join(file), bytes).expect("write");
    }
    let store = match SledRefStore::open(copy.path()) {
        Ok(store) => store,
        Err(OpenError::Damaged { .. } | OpenError::OtherFormat { .. } | OpenError::Io { .. }) => return,
        Err(error) => panic!("{error:?}"),
    };
    for (key, value) in expect {
        match store.get(key).await {
            Ok(found) => assert!(found.as_ref() == Some(value), "{key:?} is wrong"),
            Err(RefError::Damaged(_) | RefError::Unavailable(_)) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
}

#[tokio::test]
async fn what_is_damaged_is_an_error_and_never_a_wrong_value() {
    let dir = tempfile::tempdir().expect("tempdir");
    let mut expect = Vec::new();
    for round in 0..2 {
        let store = open(dir.path());
        for n in 0..100_u64 {
            let key = Key::new(format!("partition {round}"), n.to_be_bytes());
            let value = Bytes::from(noise(n, 1 + (n as usize % 4) * 10_000));
            put(&store, &key, value.clone()).await;
            expect.push((key, value));
        }
    }
    let check = async |name: &str, damage: &dyn Fn(&mut Vec<u8>)| {
        is_never_wrong(dir.path(), &expect, name, damage).await;
    };
    for file in ["conf", "db", "snap"] {
        for eighth in 0..8 {
            let at = |bytes: &Vec<u8>| bytes.len() * eighth / 8;
            check(file, &|bytes| {
                let at = at(bytes);
                bytes[at] ^= 0x55;
            })
            .await;
            check(file, &|bytes| bytes.truncate(at(bytes))).await;
            check(file, &|bytes| {
                let (at, end) = (at(bytes), bytes.len().min(at(bytes) + 4096));
                bytes[at..end].fill(0);
            })
            .await;
        }
    }
}
