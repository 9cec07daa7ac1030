//! Killed at any moment, or with a disk that fails, the references have all that was acknowledged, and
//! whole batches only.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use bytes::Bytes;
use futures::future::join_all;
use stasis_core::ref_store::{Batch, Key, Order, RefError, RefStore as _, Scan, Start};
use stasis_store::SledRefStore;

use super::{ref_store::open, *};

const ROUNDS: u64 = 60;
const TASKS: u64 = 4;
/// How many steps back each task keeps.
const KEPT: u64 = 20;
const DIR: &str = "STASIS_STORE_REFS_CRASH_DIR";
const COMMITTED: &str = "committed ";

fn counter(task: u64) -> Key {
    Key::new("counters", task.to_be_bytes())
}

fn steps_of(task: u64) -> String {
    format!("steps of {task}")
}

/// What a step leaves; some are short and some are kept in several parts.
fn trace_of(step: u64) -> Bytes {
    noise(step, (step % 5 * 20_000 + 1) as usize).into()
}

async fn count(store: &SledRefStore, task: u64) -> (u64, Option<Bytes>) {
    let value = store.get(&counter(task)).await.expect("get");
    let text = value.as_deref().map_or("0", |value| str::from_utf8(value).expect("digits"));
    (text.parse().expect("a number"), value)
}

/// Takes a step: the counter, the step's trace, and the end of an old one, all at once.
async fn step(store: &SledRefStore, task: u64) -> u64 {
    let (before, value) = count(store, task).await;
    let now = before + 1;
    let mut batch = Batch::default();
    batch.require(counter(task), value);
    batch.put(counter(task), now.to_string());
    batch.put(Key::new(steps_of(task), now.to_be_bytes()), trace_of(now));
    batch.delete(Key::new(steps_of(task), now.saturating_sub(KEPT).to_be_bytes()));
    store.commit(batch).await.expect("commit");
    now
}

/// Counts in several tasks until it is killed, if it is the child; else does nothing.
#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::print_stdout, reason = "this is how the child acknowledges")]
async fn child() {
    let Some(dir) = std::env::var_os(DIR) else { return };
    let store = open(Path::new(&dir));
    let counting = (0..TASKS).map(async |task| {
        loop {
            println!("{COMMITTED}{task} {}", step(&store, task).await);
        }
    });
    join_all(counting).await;
}

fn start(dir: &Path) -> Child {
    let command = child_test("ref_store_crash::child");
    let mut command_line = Command::new(&command[0]);
    command_line.args(&command[1..]).env(DIR, dir).stdout(Stdio::piped());
    command_line.spawn().expect("start the child")
}

/// A line that was cut short by the kill acknowledges an earlier step, or nothing.
fn committed(line: &str) -> Option<(usize, u64)> {
    let (task, step) = line.split_once(COMMITTED)?.1.split_once(' ')?;
    Some((task.parse().ok()?, step.parse().ok()?))
}

/// Kills the child some time after its first acknowledgement; returns the last step of each task that
/// it acknowledged.
fn acknowledged_until_killed(mut child: Child, round: u64) -> [u64; TASKS as usize] {
    let mut lines = BufReader::new(child.stdout.take().expect("stdout")).lines().map_while(Result::ok);
    let first = lines.by_ref().find_map(|line| committed(&line)).expect("the child commits");
    thread::sleep(Duration::from_micros(round * 7919 % 30_000));
    child.kill().expect("kill");
    let mut last = [0; TASKS as usize];
    for (task, step) in lines.filter_map(|line| committed(&line)).chain([first]) {
        last[task] = last[task].max(step);
    }
    child.wait().expect("wait");
    last
}

/// The counter and the traces of a task tell of the same step, and of none that is half done.
async fn assert_whole(store: &SledRefStore, task: u64) -> u64 {
    let (count, _) = count(store, task).await;
    let partition = steps_of(task);
    let all = Scan { partition: &partition, start: Start::First, order: Order::Ascending, limit: 1000 };
    let found = store.scan(all).await.expect("scan");
    let steps = count.saturating_sub(KEPT) + 1..=count;
    assert!(found.iter().map(|entry| &entry.sort[..]).eq(steps.clone().map(u64::to_be_bytes)), "{task}");
    assert!(found.iter().map(|entry| &entry.value).eq(steps.map(trace_of).collect::<Vec<_>>().iter()));
    count
}

#[tokio::test]
async fn every_acknowledged_commit_survives_whole() {
    let dir = tempfile::tempdir().expect("tempdir");
    let mut counts = [0; TASKS as usize];
    for round in 0..ROUNDS {
        let acknowledged = acknowledged_until_killed(start(dir.path()), round);
        let store = open(dir.path());
        for (task, count) in (0..).zip(&mut counts) {
            let found = assert_whole(&store, task).await;
            assert!(found >= acknowledged[task as usize].max(*count), "task {task} was set back to {found}");
            *count = found;
        }
    }
}

const FULL_DIR: &str = "STASIS_STORE_REFS_FULL_DIR";

/// Commits until its file cannot grow, if it is the child; else does nothing.
#[tokio::test]
#[expect(clippy::print_stdout, reason = "this is how the child acknowledges")]
async fn failing_child() {
    let Some(dir) = std::env::var_os(FULL_DIR) else { return };
    let store = open(Path::new(&dir));
    let put = async |n: u64| {
        let mut batch = Batch::default();
        batch.put(Key::new("steps", n.to_be_bytes()), noise(n, 10_000));
        store.commit(batch).await
    };
    let mut n = 0;
    let error = loop {
        match put(n).await {
            Ok(()) => println!("{COMMITTED}0 {n}"),
            Err(error) => break error,
        }
        n += 1;
    };
    assert!(matches!(error, RefError::Unavailable(_)), "{error:?}");
    for n in n..n + 3 {
        assert!(matches!(put(n).await, Err(RefError::Unavailable(_))));
    }
    println!("stopped");
}

/// A limit on the size of files is how a write can be made to fail at any moment.
#[tokio::test]
async fn a_failed_write_stops_the_store_and_loses_nothing_acknowledged() {
    for blocks in [2000, 2111, 2345] {
        let dir = tempfile::tempdir().expect("tempdir");
        let script = format!(r#"trap "" XFSZ; ulimit -f {blocks}; exec "$0" "$@""#);
        let output = Command::new("sh")
            .args(["-c", &script])
            .args(child_test("ref_store_crash::failing_child"))
            .env(FULL_DIR, dir.path())
            .output()
            .expect("run the child");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("stopped"), "{text}");
        let (_, last) = text.lines().filter_map(committed).next_back().expect("something was committed");
        assert!(last > 10);
        let store = open(dir.path());
        for n in 0..=last {
            let found = store.get(&Key::new("steps", n.to_be_bytes())).await.expect("get");
            assert_eq!(found, Some(noise(n, 10_000).into()), "{n} of {last}");
        }
    }
}
