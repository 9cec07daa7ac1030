//! Killed at any moment, a store has all that it acknowledged and nothing torn.

use std::{
    collections::HashSet,
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use futures::future::join_all;
use stasis_core::BlobStore as _;

use super::*;

const ROUNDS: u64 = 50;
const TASKS: u64 = 3;
const DIR: &str = "STASIS_STORE_CRASH_DIR";
const ROUND: &str = "STASIS_STORE_CRASH_ROUND";
const SAVED: &str = "saved ";

/// What the child is told, if this is the child.
fn told() -> Option<(std::path::PathBuf, u64)> {
    let round = std::env::var(ROUND).ok()?.parse().expect("a number");
    Some((std::env::var_os(DIR)?.into(), round))
}

#[expect(clippy::print_stdout, reason = "this is how the child acknowledges")]
fn acknowledge(id: HeapId) {
    println!("{SAVED}{id}");
}

fn start(test: &str, dir: &Path, round: u64) -> Child {
    let command = child_test(test);
    Command::new(&command[0])
        .args(&command[1..])
        .env(DIR, dir)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .expect("start the child")
}

/// Kills the child some time after its first acknowledgement; returns what it acknowledged.
fn acknowledged_until_killed(mut child: Child, round: u64) -> Vec<HeapId> {
    let mut lines = BufReader::new(child.stdout.take().expect("stdout")).lines().map_while(Result::ok);
    let mut saved: Vec<HeapId> = lines.by_ref().find_map(|line| saved_id(&line)).into_iter().collect();
    thread::sleep(Duration::from_micros(round * 7919 % 30_000));
    child.kill().expect("kill");
    saved.extend(lines.filter_map(|line| saved_id(&line)));
    child.wait().expect("wait");
    assert!(!saved.is_empty(), "the child saved something before it was killed");
    saved
}

/// A line that was cut short by the kill acknowledges nothing.
fn saved_id(line: &str) -> Option<HeapId> {
    let (_, id) = line.split_once(SAVED)?;
    id.parse().ok()
}

fn assert_only(dir: &Path, suffixes: &[&str]) {
    for name in names(dir) {
        assert!(suffixes.iter().any(|suffix| name.ends_with(suffix)), "{name} was left behind");
    }
}

/// Saves heaps until it is killed, if it is the child; else does nothing.
#[tokio::test(flavor = "multi_thread")]
async fn heaps_child() {
    let Some((dir, round)) = told() else { return };
    let store = store_in(&dir, "cache");
    let saving = (0..TASKS).map(async |task| {
        for n in 0.. {
            let seed = round << 32 | task << 24 | n;
            acknowledge(save(&store, &noise(seed, (seed % 7) as usize * 40_000 + 1)).await.expect("save"));
        }
    });
    join_all(saving).await;
}

#[tokio::test]
async fn every_acknowledged_heap_survives() {
    let dir = tempfile::tempdir().expect("tempdir");
    let mut acknowledged = HashSet::new();
    for round in 0..ROUNDS {
        let child = start("crash::heaps_child", dir.path(), round);
        acknowledged.extend(acknowledged_until_killed(child, round));
    }
    let (killed, fresh) = (store_in(dir.path(), "cache"), store_in(dir.path(), "empty cache"));
    for id in &acknowledged {
        let opened = killed.open(*id).await.expect("an acknowledged heap opens");
        assert_eq!(Digest::of(&content(&opened)), *id);
    }
    let listed: Vec<_> = fresh.list().await.expect("list").into_iter().map(|(id, _)| id).collect();
    for id in &listed {
        fresh.open(*id).await.expect("no torn heap");
    }
    assert!(acknowledged.iter().all(|id| listed.contains(id)));
    assert_only(&dir.path().join("heaps"), &[".heap"]);
    assert_only(&dir.path().join("cache"), &[".image", ".seal"]);
}

/// A large blob that tells by each of its bytes whether it is whole, and costs little to make.
fn blob(stamp: u64) -> (HeapId, Vec<u8>) {
    let bytes = stamp.to_le_bytes();
    (Digest::from_bytes(bytes.repeat(4).try_into().expect("32 bytes")), bytes.repeat(500_000))
}

/// Puts large blobs until it is killed, if it is the child; else does nothing.
#[tokio::test(flavor = "multi_thread")]
async fn blobs_child() {
    let Some((dir, _)) = told() else { return };
    let store = FileBlobStore::open(&dir).expect("open");
    let putting = (1..=TASKS).map(async |task| {
        for n in 0.. {
            let (id, blob) = blob(task << 32 | n);
            store.put(id, blob.into()).await.expect("put");
            acknowledge(id);
        }
    });
    join_all(putting).await;
}

#[tokio::test]
async fn no_blob_is_torn() {
    for round in 0..ROUNDS {
        let dir = tempfile::tempdir().expect("tempdir");
        let child = start("crash::blobs_child", dir.path(), round);
        let acknowledged = acknowledged_until_killed(child, round);
        let store = FileBlobStore::open(dir.path()).expect("open");
        let listed = store.list().await.expect("list");
        for id in &listed {
            let stamp = id.as_bytes().first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
            let whole = blob(stamp.expect("8 bytes")).1;
            assert!(store.get(*id).await.expect("get").is_some_and(|got| got == whole), "{id} is torn");
        }
        assert!(acknowledged.iter().all(|id| listed.contains(id)));
        assert_only(dir.path(), &[".heap"]);
    }
}
