//! Signals that ask a supervisor to stop.

use std::{io::Read, thread, time::Duration};

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
    let id = Pid::from_raw(i32::try_from(child.id()).expect("a process id")).expect("not zero");
    kill_process(id, signal).expect("it is ours");
    let mut stdout = String::new();
    child.stdout.take().expect("piped").read_to_string(&mut stdout).expect("UTF-8");
    (child.wait().expect("a child can be waited for").code(), stdout)
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
