//! The use case on fakes.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
};

use futures::{FutureExt as _, future};

use super::*;
use crate::{
    ByteSize, ConsoleLevel, Limits, Removal, SessionName, StopReason,
    engine::fake::FakeEngine,
    host::Surroundings,
    ref_store::{Key, MemoryRefStore},
};

/// A runner on fakes.
struct Bench {
    engine: Arc<FakeEngine>,
    refs: Arc<MemoryRefStore>,
    runner: Runner,
}

struct Quiet;

impl RunEvents for Quiet {
    fn console(&mut self, _level: ConsoleLevel, _text: &str) {}
}

/// Counts how often it was asked, and notes the run.
#[derive(Default)]
struct Notes(AtomicU64);

#[async_trait]
impl Recorder for Notes {
    fn decide(&self, outcome: Outcome) -> Outcome {
        outcome
    }

    async fn closing(&self, _report: &Report) -> Result<Batch, RefError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        let mut batch = Batch::default();
        batch.put(Key::new("noted", "run"), "");
        Ok(batch)
    }
}

impl Bench {
    fn new() -> Self {
        let (engine, refs) = (Arc::new(FakeEngine::default()), Arc::new(MemoryRefStore::default()));
        let runner = Runner::new(engine.clone(), refs.clone());
        Self { engine, refs, runner }
    }

    async fn run(&self, run: RequestedRun) -> Result<Report, RunError> {
        self.run_noting(run, &Notes::default()).await
    }

    async fn run_noting(&self, run: RequestedRun, notes: &Notes) -> Result<Report, RunError> {
        let rules = RunRules {
            limits: Limits::default(),
            stateful: true,
            max_code: ByteSize::mebibytes(1),
            surroundings: Surroundings::default(),
        };
        let request = rules.check(run).expect("a good request");
        let cancel = future::pending().boxed();
        self.runner.run(ExecutionId::new(), &request, &mut Quiet, cancel, notes).await
    }

    async fn entries(&self, session: &str) -> Vec<SessionEntry> {
        let name: SessionName = session.parse().expect("a name");
        self.runner.sessions().entries(&name, 0, 100).await.expect("entries")
    }
}

fn code(code: &str) -> RequestedRun {
    RequestedRun { code: code.to_owned(), ..RequestedRun::default() }
}

fn in_session(text: &str) -> RequestedRun {
    RequestedRun { session: Some("s".to_owned()), ..code(text) }
}

#[tokio::test]
async fn a_session_goes_on_from_its_latest_heap() {
    let bench = Bench::new();
    let first = bench.run(in_session("return 1")).await.expect("a report");
    assert_eq!(first.session, SessionOutcome::Appended { index: 0 });
    let second = bench.run(in_session("return 2")).await.expect("a report");
    assert_eq!(second.session, SessionOutcome::Appended { index: 1 });
    let entries = bench.entries("s").await;
    let inputs: Vec<_> = entries.iter().map(|entry| entry.input_heap).collect();
    assert_eq!(inputs, [None, first.heap]);
    let codes: Vec<_> = entries.iter().map(|entry| entry.code.as_str()).collect();
    assert_eq!(codes, ["return 1", "return 2"]);
    assert_eq!(entries[1].output_heap, second.heap.expect("a heap"));
}

#[tokio::test]
async fn a_branch_starts_from_its_heap_and_is_logged() {
    let bench = Bench::new();
    let first = bench.run(in_session("return 1")).await.expect("a report").heap;
    bench.run(in_session("return 2")).await.expect("a report");
    let branch = RequestedRun { heap: first.map(|heap| heap.to_string()), ..in_session("return 3") };
    assert_eq!(bench.run(branch).await.expect("a report").session, SessionOutcome::Appended { index: 2 });
    assert_eq!(bench.entries("s").await[2].input_heap, first);
}

#[tokio::test]
async fn what_does_not_return_leaves_no_trace_but_its_record() {
    let bench = Bench::new();
    for (code, outcome) in [
        ("throw x", None),
        ("stop memory", Some(StopReason::Memory)),
        ("stop deadline", Some(StopReason::Deadline)),
    ] {
        let tags = Some(BTreeMap::from([("a".to_owned(), "b".to_owned())]));
        let report = bench.run(RequestedRun { tags, ..in_session(code) }).await.expect("a report");
        assert_eq!((report.heap, report.session), (None, SessionOutcome::Unchanged));
        if let Some(reason) = outcome {
            assert_eq!(report.outcome, Outcome::Stopped(reason));
        }
    }
    assert_eq!(bench.entries("s").await, []);
    // The note, and nothing else.
    assert_eq!(bench.refs.len(), 1);
}

#[tokio::test]
async fn a_result_survives_that_its_state_cannot_be_saved() {
    let bench = Bench::new();
    let report = bench.run(in_session("unsaved\nreturn 1")).await.expect("a report");
    assert_eq!(report.outcome, Outcome::Returned("1".to_owned()));
    assert_eq!((report.heap, report.session), (None, SessionOutcome::Unchanged));
    assert_eq!(report.heap_error.as_deref(), Some("the state could not be saved: told not to"));
}

#[tokio::test]
async fn a_heap_that_is_not_there_is_an_error_and_never_a_fresh_start() {
    let bench = Bench::new();
    let absent = RequestedRun { heap: Some("ab".repeat(32)), ..code("return 1") };
    assert!(matches!(bench.run(absent).await, Err(RunError::Engine(EngineError::Absent(_)))));

    let heap = bench.run(in_session("return 1")).await.expect("a report").heap.expect("a heap");
    bench.engine.lose(heap);
    let lost = bench.run(in_session("return 2")).await;
    assert!(matches!(lost, Err(RunError::Engine(EngineError::Absent(id))) if id == heap));
    assert_eq!(bench.entries("s").await.len(), 1);
}

#[tokio::test]
async fn of_two_runs_on_one_session_the_second_to_finish_is_told() {
    let bench = Bench::new();
    let notes = Notes::default();
    let slow = bench.run_noting(in_session("wait\nreturn slow"), &notes);
    let fast = async {
        let fast = bench.run(in_session("return fast")).await.expect("a report");
        bench.engine.release();
        fast
    };
    let (slow, fast) = futures::join!(slow, fast);
    let slow = slow.expect("a report");
    assert_eq!(fast.session, SessionOutcome::Appended { index: 0 });
    assert_eq!(slow.session, SessionOutcome::MovedOn { length: 1 });
    let heap = slow.heap.expect("nothing is lost");
    assert!(bench.runner.has_heap(heap).await.expect("it is there"));
    assert_eq!(bench.entries("s").await.len(), 1);
    assert_eq!(notes.0.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn tags_go_to_the_heap_that_a_run_leaves() {
    let bench = Bench::new();
    let tags = BTreeMap::from([("kind".to_owned(), "test".to_owned())]);
    let run = RequestedRun { tags: Some(tags.clone()), ..code("return 1") };
    let heap = bench.run(run).await.expect("a report").heap.expect("a heap");
    assert_eq!(bench.runner.tags().get(heap).await.expect("tags").as_map(), &tags);
    bench.runner.tags().delete(heap, Removal::All).await.expect("delete");
}

#[tokio::test]
async fn an_engine_that_fails_is_an_error() {
    let failed = Bench::new().run(code("fail")).await;
    assert!(matches!(failed, Err(RunError::Engine(EngineError::Failed(_)))));
}
