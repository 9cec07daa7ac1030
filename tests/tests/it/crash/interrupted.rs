//! Signals that ask a supervisor to stop.

use std::{
    io::{BufRead as _, BufReader, Read},
    process::Child,
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};

use super::processes;
use crate::support::{self, Answer, Cli};

/// Interrupts a run that would never end; gives its exit status and what it says.
fn interrupt(code: &str, signal: Signal) -> (Option<i32>, String) {
    let store = support::folder();
    let mut child = Cli::script(code, store.path()).arg("--json").spawn();
    // It is interrupted when its worker runs: the zygote, the template, and the run itself.
    while processes::workers_of(child.id()).len() < 3 {
        thread::sleep(Duration::from_millis(2));
    }
    thread::sleep(Duration::from_millis(50));
    send(&child, signal);
    let mut stdout = String::new();
    child.stdout.take().expect("piped").read_to_string(&mut stdout).expect("UTF-8");
    (child.wait().expect("a child can be waited for").code(), stdout)
}

fn send(child: &Child, signal: Signal) {
    let id = Pid::from_raw(i32::try_from(child.id()).expect("a process id")).expect("not zero");
    kill_process(id, signal).expect("it is ours");
}

#[test]
fn an_interrupted_run_is_cancelled() {
    for code in [
        "for (;;);",
        "await new Promise((r) => setTimeout(r, 60_000))",
        "/(a+)+$/.test('a'.repeat(60) + '!')",
    ] {
        let (status, stdout) = interrupt(code, Signal::INT);
        let answer: Answer = serde_json::from_str(&stdout).expect("an answer");
        assert_eq!((status, answer.status.as_str()), (Some(3), "cancelled"), "{code}");
        assert_eq!(answer.error.as_deref(), Some("Cancelled by user"));
        assert!(answer.heap.is_none());
    }
    assert!(processes::orphans().is_empty());
}

#[test]
fn a_terminated_supervisor_leaves_no_worker() {
    interrupt("for (;;);", Signal::TERM);
    interrupt("for (;;);", Signal::HUP);
    let orphans = processes::orphans();
    assert!(orphans.is_empty(), "{orphans:?}");
}

/// Nobody has to wait for a large heap that is not wanted.
#[test]
fn saving_can_be_interrupted() {
    let store = support::folder();
    Cli::script("1", store.path()).saved();
    let code = "const kept = new Uint32Array(50_000_000);
        for (let at = 0, state = 1; at < kept.length; at++) {
            state ^= state << 13; state ^= state >>> 17; state ^= state << 5; kept[at] = state;
        }
        console.log('made');";
    let mut child = Cli::script(code, store.path()).spawn();
    let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
    let mut line = String::new();
    stdout.read_line(&mut line).expect("UTF-8");
    assert_eq!(line, "made\n");
    // It ends, and its 200 MB are frozen, hashed, compressed and written, which takes far longer.
    thread::sleep(Duration::from_millis(100));
    send(&child, Signal::INT);
    line.clear();
    stdout.read_to_string(&mut line).expect("UTF-8");
    assert_eq!((child.wait().expect("a child can be waited for").code(), line.as_str()), (Some(130), ""));
    assert!(processes::orphans().is_empty());
    let listed = Cli::new(&["heap", "ls", "--json"]).store(store.path()).finish();
    assert_eq!(
        listed.stdout.matches("\"heap\"").count(),
        2,
        "nothing half-written, nothing more: {listed:?}"
    );
}
