//! Scripts that want to do harm: each may only hurt its own run.
//!
//! The scripts are files in `tests/hostile`; those that are too large for that are made by
//! [`generated`]. Each begins with what must become of it, see [`case`].

mod case;
mod generated;

use std::{
    fs,
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use crate::support::{self, Answer, Cli, assert_none};
use case::Case;

/// As many run at a time.
const PARALLEL: usize = 2;
/// The time limit of scripts that set none, in seconds.
const TIMEOUT: &str = "20";
/// How much longer than its limit a run may take: it is started, stopped, and its memory given back.
const GRACE: Duration = Duration::from_secs(8);

#[test]
fn hostile_scripts_hurt_only_their_own_run() {
    let files = support::folder();
    generated::write(files.path());
    let mut cases = Case::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("hostile"));
    cases.extend(Case::load(files.path()));
    assert!(cases.len() >= 250, "only {} scripts were found", cases.len());
    run_all(&cases);
}

fn run_all(cases: &[Case]) {
    let _busy = support::busy();
    let (next, complaints) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..PARALLEL {
            scope.spawn(|| {
                let store = support::folder();
                while let Some(case) = cases.get(next.fetch_add(1, Relaxed)) {
                    if let Err(complaint) = run(case, store.path()) {
                        complaints.lock().expect("nobody panics").push(format!("{}: {complaint}", case.name));
                    }
                }
                complaints.lock().expect("nobody panics").extend(what_is_left(store.path()));
            });
        }
    });
    assert_none(&complaints.into_inner().expect("nobody panics"));
}

/// Runs a script, and sees whether the folder still works.
fn run(case: &Case, store: &Path) -> Result<(), String> {
    let mut cli = Cli::file(&case.path, store).args(&case.flags);
    if !case.flags.iter().any(|flag| flag == "--execution-timeout") {
        cli = cli.args(&["--execution-timeout", TIMEOUT]);
    }
    let begun = Instant::now();
    let answer = cli.answer();
    let took = begun.elapsed();
    case.expect.check(&answer)?;
    check_exit(&answer)?;
    if took > case.time_limit(TIMEOUT) + GRACE {
        return Err(format!("took {took:?}"));
    }
    for (code, expect) in &case.then {
        let heap = answer.heap.as_deref().ok_or_else(|| format!("no heap: {:?}", answer.heap_error))?;
        let next = Cli::script(code.as_str(), store).heap(heap).answer();
        if next.result.as_deref() != Some(expect) {
            return Err(format!("then {code}: {:?} {:?}, expected {expect}", next.result, next.error));
        }
    }
    let normal = Cli::script("1 + 1", store).arg("--stateless").answer();
    if normal.result.as_deref() == Some("2") { Ok(()) } else { Err(format!("afterwards: {normal:?}")) }
}

/// The exit status says the same as the answer.
fn check_exit(answer: &Answer) -> Result<(), String> {
    const STOPPED: [&str; 3] = ["Out of memory: V8 heap", "Too much console output", "The script crashed"];
    let error = answer.error.as_deref().unwrap_or_default();
    let fitting = match answer.status.as_str() {
        "completed" if answer.heap_error.is_some() => 7,
        "completed" => 0,
        "failed" if !STOPPED.iter().any(|text| error.starts_with(text)) => 1,
        _ => 3,
    };
    let has_heap = answer.heap.is_some() && answer.status != "completed";
    if answer.code == Some(fitting) && !has_heap {
        return Ok(());
    }
    Err(format!("exit status {:?}, heap {:?} of {} {error}", answer.code, answer.heap, answer.status))
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
