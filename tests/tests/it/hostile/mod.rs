//! Scripts that want to do harm: each may only hurt its own run.
//!
//! The scripts are files in `tests/hostile`; those that are too large for that are made by
//! [`generated`]. Each begins with what must become of it, see [`case`].

mod case;
mod generated;
mod host;

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
        mpsc::{self, Receiver, TryRecvError},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    http::{client::Request, server::Server},
    support::{self, Cli, assert_none, note},
};
use case::Case;
use host::{CommandLine, Host, Living};

/// How much longer than its limit a run may take: it is started, stopped, and its memory given back.
const GRACE: Duration = Duration::from_secs(8);
/// How long a neighbour's run may take, on a machine whose processors are all busy.
const NEIGHBOURLY: Duration = Duration::from_secs(5);
/// The command line is given what a server cannot be asked for, and of the other scripts one in so many: all of them
/// in both places would take twice as long.
const SAMPLE: usize = 4;
/// After as many runs a server has what it keeps: the heaps of the last ones, and processes for some of them.
const WARM_UP: usize = 80;
/// As many processes and descriptors may come and go: a server has spare runs and processes for heaps that are often
/// resumed, up to eight of each, with two descriptors. A leak would be of as many as there are scripts of its kind.
const COME_AND_GO: [usize; 2] = [12, 24];

#[test]
fn hostile_scripts_hurt_only_their_own_run() {
    let _busy = support::busy();
    let (files, stores) = (support::folder(), [support::folder(), support::folder()]);
    let mut cases = corpus(files.path());
    let mut others = 0..;
    cases.retain(|case| !case.can_be_sent() || others.next().is_some_and(|n| n % SAMPLE == 0));
    let hosts = stores.each_ref().map(|store| CommandLine { store: store.path() });
    let mut complaints = run_all(&cases, &hosts);
    complaints.extend(stores.iter().flat_map(|store| what_is_left(store.path())));
    assert_none(&complaints);
}

#[test]
fn hostile_scripts_hurt_neither_their_server_nor_its_other_callers() {
    let _busy = support::busy();
    let [files, folder, store] = [(); 3].map(|()| support::folder());
    let mut cases = corpus(files.path());
    cases.retain(Case::can_be_sent);
    let heaps = store.path().to_str().expect("UTF-8");
    let limits = ["--heap-memory-max", "4096", "--warm-heaps", "4", "--max-concurrent-executions", "4"];
    let mut server = Server::at(folder.path(), &[&["--directory-path", heaps], &limits[..]].concat());
    let limits: BTreeSet<String> = cases.iter().filter_map(Case::query).collect();
    for limit in limits.iter().cycle().take(WARM_UP) {
        server.ask(&Request::post(&format!("/api/exec?wait=60{limit}")).code("1")).expect(200);
    }
    let before = usage(&server);
    let (at_work, work) = mpsc::channel::<()>();
    let mut complaints = thread::scope(|scope| {
        let neighbour = scope.spawn(|| neighbour(&server, work));
        let mut complaints = run_all(&cases, &[Living { server: &server }, Living { server: &server }]);
        drop(at_work);
        complaints.extend(neighbour.join().expect("it does not panic"));
        complaints
    });
    let deadline = Instant::now() + GRACE;
    let differs = |now: [usize; 2]| (0..2).any(|what| now[what].abs_diff(before[what]) > COME_AND_GO[what]);
    while differs(usage(&server)) && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(20));
    }
    let after = usage(&server);
    let change = format!("{} scripts; processes and descriptors: {before:?}, then {after:?}", cases.len());
    note(&change);
    complaints.extend(differs(after).then_some(change));
    server.assert_serves();
    assert!(server.is_alive() && !server.log().contains("panicked"), "{}", server.log());
    server.kill();
    complaints.extend(what_is_left(store.path()));
    assert_none(&complaints);
}

/// All scripts; those that are made are written to a folder.
fn corpus(generated: &Path) -> Vec<Case> {
    generated::write(generated);
    let mut cases = Case::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("hostile"));
    cases.extend(Case::load(generated));
    assert!(cases.len() >= 250, "only {} scripts were found", cases.len());
    cases
}

/// Each host runs one script at a time.
fn run_all(cases: &[Case], hosts: &[impl Host]) -> Vec<String> {
    let (next, complaints) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for host in hosts {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Relaxed)) {
                    if let Err(complaint) = run(case, host) {
                        complaints.lock().expect("nobody panics").push(format!("{}: {complaint}", case.name));
                    }
                }
            });
        }
    });
    complaints.into_inner().expect("nobody panics")
}

/// Runs a script, and sees whether its host still works.
fn run(case: &Case, host: &impl Host) -> Result<(), String> {
    let begun = Instant::now();
    let answer = host.case(case)?;
    let took = begun.elapsed();
    case.expect.check(&answer)?;
    if answer.heap.is_some() && answer.status != "completed" {
        return Err(format!("{} left heap {:?}", answer.status, answer.heap));
    }
    if took > case.time_limit() + GRACE {
        return Err(format!("took {took:?}"));
    }
    for (code, expect) in &case.then {
        let heap = answer.heap.as_deref().ok_or_else(|| format!("no heap: {:?}", answer.heap_error))?;
        let next = host.code(code, Some(heap))?;
        if next.result.as_deref() != Some(expect) {
            return Err(format!("then {code}: {:?} {:?}, expected {expect}", next.result, next.error));
        }
    }
    let normal = host.code("1 + 1", None)?;
    if normal.result.as_deref() == Some("2") { Ok(()) } else { Err(format!("afterwards: {normal:?}")) }
}

/// Whom none of it concerns: runs of their own, and a session that counts them, for as long as there is work.
fn neighbour(server: &Server, work: Receiver<()>) -> Vec<String> {
    let (mut complaints, mut slowest, mut runs) = (Vec::new(), Duration::ZERO, 0);
    while work.try_recv() == Err(TryRecvError::Empty) {
        runs += 1;
        let sum = (json!({ "code": format!("{runs} + 1") }), runs + 1);
        let count = "var count = (globalThis.count ?? 0) + 1; count";
        for (run, expect) in [sum, (json!({ "code": count, "session": "neighbour" }), runs)] {
            let begun = Instant::now();
            let record = server.run(&run);
            let took = begun.elapsed();
            if record["result"].as_str() != Some(&*expect.to_string()) || took > NEIGHBOURLY {
                complaints.push(format!("a neighbour: {record} after {took:?}, expected {expect}"));
            }
            slowest = slowest.max(took);
        }
    }
    note(&format!("a neighbour ran {} scripts, the slowest took {slowest:?}", 2 * runs));
    complaints
}

fn usage(server: &Server) -> [usize; 2] {
    [server.children().len(), server.descriptors()]
}

/// After all of it the store is whole, has nothing half-written, and takes and gives heaps.
fn what_is_left(store: &Path) -> Vec<String> {
    let mut complaints = Vec::new();
    let listed = Cli::new(&["heap", "ls", "--json"]).store(store).finish();
    if listed.code != Some(0) || listed.stdout.contains("\"error\"") {
        complaints.push(format!("heap ls: {listed:?}"));
    }
    let (_, heap) = Cli::script("var kept = 5", store).saved();
    let kept = Cli::script("kept", store).heap(&heap).answer();
    if kept.result.as_deref() != Some("5") {
        complaints.push(format!("a normal run afterwards: {kept:?}"));
    }
    let names = fs::read_dir(store).expect("the store is a folder");
    for name in names.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()) {
        if !name.ends_with(".heap") && name != ".state" {
            complaints.push(format!("{name} was left in the store"));
        }
    }
    complaints
}
