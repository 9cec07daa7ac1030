//! Workers that are killed under a supervisor: the run ends with a clear word, at once.

use std::{
    io::Read,
    process::Child,
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{
    Dice,
    processes::{self, Process},
    stores::{self, Acknowledged},
};
use crate::support::{self, Cli};

/// No run here is allowed to take that long: a supervisor that waits for a dead worker hangs.
const AT_ONCE: Duration = Duration::from_secs(8);
const LATEST: Duration = Duration::from_millis(60);
/// In each of the tests that kill at random moments.
const KILLS: usize = 110;
/// Enough to find out which process is to be killed.
const BEFORE_SAVING: Duration = Duration::from_millis(10);
const LIMIT_HIT: i32 = 3;
const NOT_SAVED: i32 = 7;
const INTERNAL: i32 = 70;
const CRASHED: &str = "The script crashed its worker process.\n";

#[test]
fn a_run_whose_worker_is_killed_says_that_it_crashed() {
    let store = support::folder();
    let (_, heap) = Cli::script("var kept = 5", store.path()).saved();
    let endless = || Cli::script("console.log('begun'); for (;;);", store.path());
    for cli in [endless(), endless().heap(&heap), endless().arg("--stateless")] {
        let mut child = cli.spawn();
        wait_for(&mut child, "begun\n");
        for worker in processes::workers_of(child.id()) {
            let _others_may_have_ended = processes::kill(worker.id);
        }
        let (code, _, stderr) = end(child);
        assert_eq!(code, Some(LIMIT_HIT), "{stderr}");
        assert_eq!(stderr, CRASHED);
    }
    let after = Cli::script("kept", store.path()).heap(&heap).answer();
    assert_eq!(after.result.as_deref(), Some("5"));
}

/// Any worker, at any moment of its life: the supervisor ends, with a heap that is good or with none.
#[test]
fn no_moment_to_kill_a_worker_makes_the_supervisor_hang() {
    let _busy = support::busy();
    let mut fates = Fates::new();
    while fates.kills < KILLS {
        let code =
            "await new Promise((r) => setTimeout(r, 10)); var fill = 'x'.repeat(1e6); console.log(''); kept";
        let (cli, kept) = fates.next(code);
        let mut child = cli.spawn();
        thread::sleep(fates.dice.moment(LATEST));
        let workers = workers_of(&mut child);
        let any = fates.dice.below(workers.len().max(1) as u64) as usize;
        let is_hit = workers.get(any).is_some_and(|worker| processes::kill(worker.id));
        fates.add(child, kept, is_hit);
    }
    fates.finish();
}

/// The worker that writes its heap, while it does.
#[test]
fn a_worker_that_is_killed_while_it_saves_leaves_no_torn_heap() {
    let _busy = support::busy();
    let mut fates = Fates::new();
    // It takes some milliseconds to write these.
    let code = format!(
        "var fill = new Uint8Array(8 << 20).fill(kept % 251 + 1); console.log(''); \
         await new Promise((r) => setTimeout(r, {})); kept",
        BEFORE_SAVING.as_millis()
    );
    let longest = (0..3).map(|_| time_to_freeze(&fates.next(&code).0)).max().expect("three");
    while fates.kills < KILLS {
        let (cli, kept) = fates.next(&code);
        let mut child = cli.spawn();
        wait_for(&mut child, "\n");
        let begun = Instant::now();
        // The zygote and the template are older.
        let run = processes::workers_of(child.id()).into_iter().max_by_key(|worker| worker.id);
        let moment = BEFORE_SAVING + fates.dice.moment(longest);
        thread::sleep(moment.saturating_sub(begun.elapsed()));
        let is_hit = run.is_some_and(|run| processes::kill(run.id));
        fates.add(child, kept, is_hit);
    }
    assert!(fates.not_saved > KILLS / 4, "only {} kills hit the saving: {longest:?}", fates.not_saved);
    fates.finish();
}

/// What became of runs whose workers were killed.
struct Fates {
    store: tempfile::TempDir,
    /// A heap to start from.
    heap: String,
    dice: Dice,
    runs: u64,
    /// Runs one of whose workers was there to be killed.
    kills: usize,
    /// Runs that returned, and whose heaps could not be saved.
    not_saved: usize,
    saved: Acknowledged,
}

impl Fates {
    fn new() -> Self {
        let store = support::folder();
        let (_, heap) = Cli::script("var kept = 5", store.path()).saved();
        let saved = Acknowledged::from([(heap.clone(), 5)]);
        Self { store, heap, dice: Dice::new(), runs: 0, kills: 0, not_saved: 0, saved }
    }

    /// A run of this code, from nothing and from a heap in turns, and the number that it keeps and gives.
    fn next(&mut self, code: &str) -> (Cli, u64) {
        self.runs += 1;
        let kept = 1000 + self.runs;
        let cli = Cli::script(format!("var kept = {kept}; {code}"), self.store.path());
        (if self.runs.is_multiple_of(2) { cli } else { cli.heap(&self.heap) }, kept)
    }

    /// Waits for the end of a run, which must be one that people can understand.
    fn add(&mut self, child: Child, kept: u64, is_hit: bool) {
        let (code, stdout, stderr) = end(child);
        let has_result = stdout.ends_with(&format!("{kept}\n"));
        let is_fitting = match code {
            Some(0) => has_result && stderr.starts_with("heap "),
            Some(NOT_SAVED) => has_result && stderr.starts_with("error: the state was not saved: "),
            Some(LIMIT_HIT) => !has_result && stderr == CRASHED,
            Some(INTERNAL) => !has_result && stderr.starts_with("error: "),
            _ => false,
        };
        assert!(is_fitting, "{code:?} {stdout:?} {stderr:?}");
        assert!(is_hit || code == Some(0), "nobody was killed: {code:?} {stderr:?}");
        if let Some(heap) = stderr.strip_prefix("heap ") {
            self.saved.insert(heap.trim_end().to_owned(), kept);
        }
        self.kills += usize::from(is_hit);
        self.not_saved += usize::from(code == Some(NOT_SAVED));
        assert!(self.runs < 5 * KILLS as u64, "only {} kills hit anything", self.kills);
    }

    /// What was acknowledged is there, and nothing is torn.
    fn finish(self) {
        let Self { kills, not_saved, saved, .. } = &self;
        support::note(&format!(
            "{kills} kills: {not_saved} hit the saving, {} heaps were saved",
            saved.len()
        ));
        let orphans = processes::orphans();
        assert!(orphans.is_empty(), "{orphans:?}");
        stores::assert_is_whole(self.store.path(), saved);
    }
}

/// The workers of a supervisor as soon as it has any; none if it has ended.
fn workers_of(child: &mut Child) -> Vec<Process> {
    loop {
        let workers = processes::workers_of(child.id());
        if !workers.is_empty() || child.try_wait().expect("a child can be asked").is_some() {
            return workers;
        }
    }
}

/// How long a run's worker writes its heap.
fn time_to_freeze(cli: &Cli) -> Duration {
    let ended = cli.clone().arg("--json").finish();
    let answer: Value = serde_json::from_str(&ended.stdout).expect("an answer");
    let milliseconds = answer["timings_ms"]["freeze"].as_f64().expect("a number");
    Duration::from_secs_f64(milliseconds / 1000.0)
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

/// The answers to its imports cross their withdrawal, and are nothing to wake up for.
#[test]
fn a_run_that_sleeps_takes_no_processor_time() {
    const RUNS: usize = 8;
    let folder = support::folder();
    let write = |name: &str, code: &str| std::fs::write(folder.path().join(name), code).expect("written");
    write("b.ts", "export {}");
    write("c.ts", "export {}");
    write("a.ts", "import './b.ts'; import './missing.ts'; import './c.ts'");
    let code = "try { await import('./a.ts') } catch { console.log('asleep') }
        await new Promise((resolve) => setTimeout(resolve, 3000))";
    write("main.ts", code);
    let run = |_| Cli::file(&folder.path().join("main.ts"), folder.path()).arg("--stateless").spawn();
    let mut runs: Vec<_> = (0..RUNS).map(run).collect();
    runs.iter_mut().for_each(|run| wait_for(run, "asleep\n"));
    let workers: Vec<_> = runs.iter().flat_map(|run| processes::workers_of(run.id())).collect();
    let taken = || workers.iter().map(|worker| processes::processor_time(worker.id)).sum::<Duration>();
    let before = taken();
    thread::sleep(Duration::from_secs(1));
    let taken = taken() - before;
    for run in runs {
        assert_eq!(end(run).0, Some(0));
    }
    assert!(taken < Duration::from_millis(200), "{taken:?}");
}
