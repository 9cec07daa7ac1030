//! The life of executions on fakes.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use stasis_core::{
    ByteSize, Limits, RefStore, RequestedRun, RunRules, Status,
    engine::fake::FakeEngine,
    host::Surroundings,
    ref_store::{Batch, Entry, Key, MemoryRefStore, Scan},
};

use super::*;

/// Executions on fakes.
struct Bench {
    engine: Arc<FakeEngine>,
    refs: Arc<Breakable>,
    executions: Executions,
}

/// A store that can be broken.
#[derive(Debug, Default)]
struct Breakable {
    store: MemoryRefStore,
    broken: AtomicBool,
}

impl Breakable {
    fn check(&self) -> Result<(), RefError> {
        if self.broken.load(Ordering::Relaxed) { Err(RefError::Unavailable("broken".into())) } else { Ok(()) }
    }
}

#[async_trait]
impl RefStore for Breakable {
    async fn get(&self, key: &Key) -> Result<Option<bytes::Bytes>, RefError> {
        self.check()?;
        self.store.get(key).await
    }

    async fn scan(&self, scan: Scan<'_>) -> Result<Vec<Entry>, RefError> {
        self.check()?;
        self.store.scan(scan).await
    }

    async fn commit(&self, batch: Batch) -> Result<(), RefError> {
        self.check()?;
        self.store.commit(batch).await
    }
}

const OPTIONS: ExecutionOptions =
    ExecutionOptions { concurrency: 1, queue_max: 2, retention: Retention::DEFAULT };
const LONG: Duration = Duration::from_secs(3600);

impl Bench {
    async fn new() -> Self {
        Self::on(Arc::default()).await
    }

    /// A server that was started on what another one left.
    async fn on(refs: Arc<Breakable>) -> Self {
        let engine = Arc::new(FakeEngine::default());
        let runner = Runner::new(engine.clone(), refs.clone());
        let log = ExecutionLog::new(refs.clone(), "here");
        let executions = Executions::start(runner, log, OPTIONS).await.expect("the store works");
        Self { engine, refs, executions }
    }

    async fn submit(&self, run: RequestedRun) -> Result<ExecutionId, SubmitError> {
        self.executions.submit(request(run), &Caller::new("me"), Starting::Recorded).await
    }

    async fn ended(&self, id: ExecutionId) -> ExecutionRecord {
        self.executions.wait(id, LONG).await.expect("the store works").expect("it is there")
    }

    async fn run(&self, run: RequestedRun) -> ExecutionRecord {
        let id = self.submit(run).await.expect("it is accepted");
        self.ended(id).await
    }

    async fn running(&self, id: ExecutionId) {
        while self.executions.record(id).await.expect("a record").expect("a record").started_at.is_none() {
            tokio::task::yield_now().await;
        }
    }
}

fn request(run: RequestedRun) -> RunRequest {
    let rules = RunRules {
        limits: Limits::default(),
        stateful: true,
        max_code: ByteSize::mebibytes(1),
        surroundings: Surroundings::default(),
    };
    rules.check(run).expect("a good request")
}

fn code(code: &str) -> RequestedRun {
    RequestedRun { code: code.to_owned(), ..RequestedRun::default() }
}

#[tokio::test]
async fn each_end_has_its_status() {
    let bench = Bench::new().await;
    let check = async |text: &str, status, result: Option<&str>, error: Option<&str>| {
        let record = bench.run(code(text)).await;
        let got = (record.status, record.result.as_deref(), record.error.as_deref());
        assert_eq!(got, (status, result, error), "{text}");
        assert!(record.started_at <= record.completed_at && record.started_at.is_some());
        assert_eq!(record.heap.is_some(), status == Status::Completed);
        let stored = bench.executions.inner.log.record(record.id).await.expect("the store works");
        assert_eq!(stored, Some(record));
    };
    check("return 1", Status::Completed, Some("1"), None).await;
    check("throw Error: connection timed out", Status::Failed, None, Some("Error: connection timed out"))
        .await;
    let memory = "Out of memory: V8 heap limit exceeded. Try increasing heap_memory_max_mb.";
    check("stop memory", Status::Failed, None, Some(memory)).await;
    let timeout =
        "Execution timed out: script exceeded the time limit. Try increasing execution_timeout_secs.";
    check("stop deadline", Status::TimedOut, None, Some(timeout)).await;
    check("fail", Status::Failed, None, Some("the engine failed")).await;
}

#[tokio::test]
async fn a_heap_that_is_not_there_is_refused_at_once() {
    let bench = Bench::new().await;
    let absent = RequestedRun { heap: Some("ab".repeat(32)), ..code("return 1") };
    assert!(matches!(bench.submit(absent).await, Err(SubmitError::NoHeap(_))));
}

#[tokio::test]
async fn whoever_waits_gets_the_record_or_the_name() {
    let bench = Bench::new().await;
    let wait = async |text: &str, patience| {
        bench.executions.submit_and_wait(request(code(text)), &Caller::new("me"), patience).await
    };
    let ended = wait("return 1", LONG).await.expect("accepted").expect("it ended");
    assert_eq!((ended.record.status, ended.failure), (Status::Completed, None));
    let id =
        wait("wait\nreturn 2", Duration::from_millis(100)).await.expect("accepted").expect_err("it goes on");
    let stored = bench.executions.inner.log.record(id).await.expect("the store works").expect("it is known");
    assert_eq!(stored.status, Status::Running);
    bench.engine.release();
    assert_eq!(bench.ended(id).await.result.as_deref(), Some("2"));
    let failed = wait("fail", LONG).await.expect("accepted").expect("it ended");
    assert_eq!(failed.failure, Some(FailureKind::Internal));
}

#[tokio::test]
async fn a_cancel_that_was_in_time_stands() {
    let bench = Bench::new().await;
    let running = bench.submit(code("wait\nreturn 1")).await.expect("accepted");
    bench.running(running).await;
    let waiting = bench.submit(code("return 2")).await.expect("accepted");
    for id in [waiting, running] {
        bench.executions.cancel(id).await.expect("in time");
        let record = bench.ended(id).await;
        assert_eq!((record.status, record.error.as_deref()), (Status::Cancelled, Some("Cancelled by user")));
        assert_eq!((record.heap, record.started_at.is_some()), (None, id == running));
        assert!(matches!(bench.executions.cancel(id).await, Err(CancelError::Ended)));
    }
    let nobody = ExecutionId::new();
    assert!(matches!(bench.executions.cancel(nobody).await, Err(CancelError::Absent(id)) if id == nobody));
}

#[tokio::test]
async fn a_run_that_returns_after_it_was_cancelled_is_cancelled() {
    let bench = Bench::new().await;
    let live = Live::new(bench.executions.inner.log.clone(), None);
    live.start();
    assert!(live.cancel(Cancel::Caller));
    let outcome = stasis_core::Recorder::decide(&*live, stasis_core::Outcome::Returned("1".to_owned()));
    assert_eq!(outcome.status(), Status::Cancelled);
    assert!(!live.cancel(Cancel::Caller));
}

#[tokio::test]
async fn the_queue_is_bounded_and_refuses_at_once() {
    let bench = Bench::new().await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(bench.submit(code("wait")).await.expect("accepted"));
        tokio::task::yield_now().await;
    }
    let refused = bench.submit(code("wait")).await;
    assert!(matches!(refused, Err(SubmitError::QueueFull { .. })), "{refused:?}");
    assert_eq!(bench.executions.load(), Load { running: 1, waiting: 2 });
    for id in ids {
        bench.engine.release();
        assert_eq!(bench.ended(id).await.status, Status::Completed);
    }
    assert_eq!(bench.run(code("return 1")).await.status, Status::Completed);
}

#[tokio::test]
async fn output_is_readable_while_the_run_goes_on() {
    let bench = Bench::new().await;
    let id = bench.submit(code("print one\nprint two\nwait\nprint three")).await.expect("accepted");
    let all = OutputRange::new(None, None, None, None).expect("the default");
    let read = async || {
        let (_, page) =
            bench.executions.output(id, all).await.expect("the store works").expect("it is there");
        page.data
    };
    while read().await != "one\ntwo\n" {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    bench.engine.release();
    assert_eq!(bench.ended(id).await.output.lines, 3);
    assert_eq!(read().await, "one\ntwo\nthree\n");
    assert_eq!(bench.executions.output(ExecutionId::new(), all).await.expect("the store works"), None);
}

#[tokio::test]
async fn lists_have_what_goes_on_and_what_has_ended_once_each() {
    let bench = Bench::new().await;
    let mut ids = Vec::new();
    for text in ["return 1", "return 2", "wait", "return 3"] {
        let id = bench.submit(code(text)).await.expect("accepted");
        if text.starts_with("return") && ids.len() < 2 {
            bench.ended(id).await;
        }
        ids.push(id);
    }
    bench.running(ids[2]).await;
    ids.reverse();
    let check = async |after, limit, expect: &[ExecutionId]| {
        let list = bench.executions.list(after, limit).await.expect("the store works");
        assert_eq!(list.iter().map(|summary| summary.id).collect::<Vec<_>>(), expect);
        list
    };
    let all = check(None, 10, &ids).await;
    let statuses: Vec<&str> = all.iter().map(|summary| summary.status.as_str()).collect();
    assert_eq!(statuses, ["running", "running", "completed", "completed"]);
    assert!(all[0].started_at.is_none() && all[1].started_at.is_some());
    check(None, 2, &ids[..2]).await;
    check(Some(ids[1]), 1, &ids[2..3]).await;
}

#[tokio::test]
async fn what_a_dead_server_left_has_failed() {
    let bench = Bench::new().await;
    let ended = bench.run(code("return 1")).await;
    let going = bench.submit(code("wait")).await.expect("accepted");
    let next = Bench::on(bench.refs.clone()).await;
    let record = next.executions.record(going).await.expect("the store works").expect("it is there");
    assert_eq!(record.status, Status::Failed);
    assert_eq!(record.error.as_deref(), Some("interrupted by a server restart"));
    assert_eq!(next.executions.record(ended.id).await.expect("the store works"), Some(ended));
}

#[tokio::test]
async fn a_server_that_is_stopped_drains_and_then_interrupts() {
    let bench = Bench::new().await;
    let drained = bench.submit(code("wait\nreturn 1")).await.expect("accepted");
    let interrupted = bench.submit(code("wait\nreturn 2")).await.expect("accepted");
    bench.running(drained).await;
    bench.engine.release();
    bench.executions.shut_down(Duration::from_millis(300)).await;
    assert_eq!(bench.ended(drained).await.status, Status::Completed);
    let record = bench.ended(interrupted).await;
    assert_eq!(record.status, Status::Failed);
    assert_eq!(record.error.as_deref(), Some("interrupted by a server restart"));
    assert!(matches!(bench.submit(code("return 3")).await, Err(SubmitError::ShuttingDown)));
}

#[tokio::test]
async fn a_store_that_fails_is_never_acknowledged() {
    let bench = Bench::new().await;
    bench.refs.broken.store(true, Ordering::Relaxed);
    assert!(matches!(bench.submit(code("return 1")).await, Err(SubmitError::Refs(_))));
    let ended = bench.executions.submit_and_wait(request(code("return 1")), &Caller::new("me"), LONG).await;
    let ended = ended.expect("accepted").expect("it ended");
    assert_eq!((ended.record.status, ended.failure), (Status::Failed, Some(FailureKind::Unavailable)));
    assert_eq!(ended.record.error.as_deref(), Some("the session store is unavailable"));
    bench.refs.broken.store(false, Ordering::Relaxed);
    assert_eq!(bench.run(code("return 1")).await.status, Status::Completed);
}

#[tokio::test]
async fn tags_and_sessions_are_reached_through_the_runner() {
    let bench = Bench::new().await;
    let tags = BTreeMap::from([("a".to_owned(), "b".to_owned())]);
    let run = RequestedRun { session: Some("s".to_owned()), tags: Some(tags.clone()), ..code("return 1") };
    let record = bench.run(run).await;
    assert_eq!(record.session_index, Some(0));
    let heap = record.heap.expect("a heap");
    assert_eq!(bench.executions.runner().tags().get(heap).await.expect("tags").as_map(), &tags);
}
