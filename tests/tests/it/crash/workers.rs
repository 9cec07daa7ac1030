//! Workers that are killed under a supervisor: the run ends with a clear word, at once.

use std::{
    io::Read,
    process::Child,
    thread,
    time::{Duration, Instant},
};

use super::{Dice, processes};
use crate::support::{self, Answer, Cli};

/// No run here is allowed to take that long: a supervisor that waits for a dead worker hangs.
const AT_ONCE: Duration = Duration::from_secs(8);
const LATEST: Duration = Duration::from_millis(60);
const ROUNDS: usize = 80;
const LIMIT_HIT: i32 = 3;

#[test]
fn a_run_whose_worker_is_killed_says_that_it_crashed() {
    let store = support::folder();
    let (_, heap) = Cli::script("var kept = 5", store.path()).saved();
    let endless = || Cli::script("console.log('begun'); for (;;);", store.path());
    for cli in [endless(), endless().heap(&heap), endless().arg("--stateless")] {
        let mut child = cli.spawn();
        wait_for(&mut child, "begun\n");
        for worker in processes::workers_of(child.id()) {
            processes::kill(worker.id);
        }
        let (code, _, stderr) = end(child);
        assert_eq!(code, Some(LIMIT_HIT), "{stderr}");
        assert_eq!(stderr, "The script crashed its worker process.\n");
    }
    let after = Cli::script("kept", store.path()).heap(&heap).answer();
    assert_eq!(after.result.as_deref(), Some("5"));
}

/// Any worker, at any moment of its life: the supervisor ends, with a heap that is good or with none.
#[test]
fn no_moment_to_kill_a_worker_makes_the_supervisor_hang() {
    let _busy = support::busy();
    let store = support::folder();
    let (_, heap) = Cli::script("var kept = 5", store.path()).saved();
    let mut dice = Dice::new();
    let mut kills = 0;
    for round in 0..ROUNDS {
        let code =
            "var kept = 6; await new Promise((r) => setTimeout(r, 10)); var fill = 'x'.repeat(1e6); kept";
        let cli = Cli::script(code, store.path()).arg("--json");
        let child = if round % 2 == 0 { cli } else { cli.heap(&heap) }.spawn();
        thread::sleep(dice.moment(LATEST));
        let workers = processes::workers_of(child.id());
        if !workers.is_empty() {
            processes::kill(workers[dice.below(workers.len() as u64) as usize].id);
            kills += 1;
        }
        let (code, stdout, stderr) = end(child);
        let Ok(answer) = serde_json::from_str::<Answer>(&stdout) else {
            assert!(
                stderr.contains("\"error\"") && code.is_some_and(|code| code > 0),
                "{code:?} {stdout} {stderr}"
            );
            continue;
        };
        let is_fitting = match answer.status.as_str() {
            "completed" => {
                answer.result.as_deref() == Some("6")
                    && (answer.heap.is_some() != answer.heap_error.is_some())
            }
            "failed" => code == Some(LIMIT_HIT) && answer.heap.is_none(),
            _ => false,
        };
        assert!(is_fitting, "{code:?} {answer:?} {stderr}");
        if let Some(heap) = &answer.heap {
            let kept = Cli::script("kept", store.path()).heap(heap).answer();
            assert_eq!(kept.result.as_deref(), Some("6"), "{kept:?}");
        }
    }
    assert!(kills > ROUNDS / 4, "only {kills} kills hit anything");
    assert!(processes::orphans().is_empty());
}

/// Waits until the child has printed that.
fn wait_for(child: &mut Child, text: &str) {
    let mut read = vec![0; text.len()];
    let stdout = child.stdout.as_mut().expect("piped");
    stdout.read_exact(&mut read).expect("it prints");
    assert_eq!(read, text.as_bytes());
}

/// Waits for the end, which has to come soon.
fn end(mut child: Child) -> (Option<i32>, String, String) {
    let deadline = Instant::now() + AT_ONCE;
    let status = loop {
        if let Some(status) = child.try_wait().expect("a child can be asked") {
            break status;
        }
        if Instant::now() > deadline {
            child.kill().expect("it is ours");
            child.wait().expect("it was killed");
            panic!("the supervisor hangs");
        }
        thread::sleep(Duration::from_millis(2));
    };
    let (mut stdout, mut stderr) = (String::new(), String::new());
    child.stdout.take().expect("piped").read_to_string(&mut stdout).expect("UTF-8");
    child.stderr.take().expect("piped").read_to_string(&mut stderr).expect("UTF-8");
    (status.code(), stdout, stderr)
}
