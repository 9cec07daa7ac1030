//! Workers that are killed under a server: it goes on, and what it acknowledged is kept.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use serde_json::{Value, json};

use super::{
    Dice, processes,
    stores::{self, Acknowledged},
};
use crate::{http::server::Server, support};

const KILLS: usize = 100;
const CALLERS: u64 = 3;
const LATEST: Duration = Duration::from_millis(40);
/// How a run may end: status, error, and why there is no heap.
const ENDS: [[Option<&str>; 3]; 3] = [
    [Some("completed"), None, None],
    [Some("completed"), None, Some("the engine failed")],
    [Some("failed"), Some("The script crashed its worker process."), None],
];

#[test]
fn a_server_goes_on_whichever_worker_is_killed() {
    let _busy = support::busy();
    let folder = support::folder();
    let mut server = Server::at(folder.path(), &[]);
    let (ended, over) = (Mutex::default(), AtomicBool::new(false));
    thread::scope(|scope| {
        for caller in 1..=CALLERS {
            let (server, ended, over) = (&server, &ended, &over);
            scope.spawn(move || call(server, caller * 1_000_000, ended, over));
        }
        kill_workers(&server);
        over.store(true, Relaxed);
    });
    let Ended { saved, ends } = ended.into_inner().expect("nobody panics");
    support::note(&format!("{KILLS} kills: {ends:?}"));
    assert!(server.is_alive(), "{}", server.log());
    assert_eq!(server.code("1 + 1")["result"], "2");
    server.kill();
    assert!(processes::orphans().is_empty());
    stores::assert_is_whole(&folder.path().join("stasis/heaps"), &saved);
}

#[test]
fn a_server_whose_executable_was_replaced_goes_on_when_its_workers_die() {
    let folder = support::folder();
    let server = Server::without_executable(folder.path());
    let heap = server.code("var kept = 5")["heap"].clone();
    for worker in server.children() {
        processes::kill(worker);
    }
    assert_eq!(server.run(&json!({ "code": "kept + 1", "heap": heap }))["result"], "6", "{}", server.log());
    assert_eq!(server.code("1 + 1")["result"], "2", "{}", server.log());
}

/// What callers were told.
#[derive(Default)]
struct Ended {
    saved: Acknowledged,
    /// How many runs ended in each way.
    ends: BTreeMap<String, usize>,
}

/// Kills those that run or have run a script more often than those that wait, which are older.
fn kill_workers(server: &Server) {
    let (mut dice, mut kills) = (Dice::new(), 0);
    while kills < KILLS {
        thread::sleep(dice.moment(LATEST));
        let mut workers = processes::workers_of(server.pid());
        workers.sort_unstable_by_key(|worker| worker.id);
        let first = if dice.below(3) == 0 { 0 } else { workers.len() / 2 };
        let any = first + dice.below((workers.len() - first).max(1) as u64) as usize;
        kills += usize::from(workers.get(any).is_some_and(|worker| processes::kill(worker.id)));
    }
}

/// Runs one script after the other, most of them on the heap that the last one left.
fn call(server: &Server, first: u64, ended: &Mutex<Ended>, over: &AtomicBool) {
    let mut last: Option<(String, u64)> = None;
    for number in (first..).take_while(|_| !over.load(Relaxed)) {
        let (run, kept) = match last.take_if(|_| !number.is_multiple_of(8)) {
            Some((heap, kept)) => {
                (json!({ "code": "kept += 1; fill.fill(kept % 251); kept", "heap": heap }), kept + 1)
            }
            None => {
                // Some megabytes, so that a good part of the time is spent saving.
                let code = format!("var kept = {number}, fill = new Uint8Array(4 << 20).fill(1); kept");
                (json!({ "code": code }), number)
            }
        };
        let record = server.run(&run);
        let end = ["status", "error", "heap_error"].map(|field| record[field].as_str());
        assert!(ENDS.contains(&end), "{record}");
        let mut ended = ended.lock().expect("nobody panics");
        *ended.ends.entry(format!("{end:?}")).or_default() += 1;
        if let Some(heap) = record["heap"].as_str() {
            assert_eq!(record["result"], Value::from(kept.to_string()), "{record}");
            ended.saved.insert(heap.to_owned(), kept);
            last = Some((heap.to_owned(), kept));
        }
    }
}
