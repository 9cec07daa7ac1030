//! A pool that keeps no heaps, as on processors on which no process can be frozen: its runs are forked from a process
//! that has booted.

use std::time::Duration;

use libtest_mimic::Trial;
use stasis_core::{HeapId, NoHost, Outcome, StopReason};
use stasis_worker::{
    pool::{PoolError, RunRequest, Start},
    protocol::PreloadedModule,
};

use crate::{
    bench::{Bench, Printed, kill_children, request},
    test,
};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Trial::test("without_heaps_scripts_run_as_ever", test(without_heaps_scripts_run_as_ever)),
        Trial::test("without_heaps_nothing_is_kept", test(without_heaps_nothing_is_kept)),
        Trial::test(
            "without_heaps_a_dead_template_is_replaced",
            test(without_heaps_a_dead_template_is_replaced),
        ),
        Trial::test("without_heaps_modules_are_found", test(without_heaps_modules_are_found)),
    ]
}

async fn heapless() -> Bench {
    Bench::with(|options| options.keeps_heaps = false).await
}

fn of_no_heap(request: &mut RunRequest) {
    request.keep = false;
}

impl Bench {
    async fn outcome(&self, code: &str) -> Outcome {
        let finished = self.run_with(code, Start::Fresh, of_no_heap).await;
        assert!(finished.heap.is_none());
        finished.outcome
    }
}

async fn without_heaps_scripts_run_as_ever() {
    let bench = heapless().await;
    assert!(bench.pool.layers().complete(), "{}", bench.pool.layers());
    let check = async |code: &str, expect: Outcome| assert_eq!(bench.outcome(code).await, expect, "{code}");
    check("6 * 7", Outcome::Returned("42".into())).await;
    check("let a: number = await Promise.resolve(1); globalThis.b = a", Outcome::Returned("1".into())).await;
    check("typeof a + typeof b", Outcome::Returned("undefinedundefined".into())).await;
    check("const a = []; for (;;) a.push([1])", Outcome::Stopped(StopReason::Memory)).await;
    check("new Uint8Array(50e6).fill(1).length", Outcome::Returned("50000000".into())).await;
    let endless = bench
        .run_with("for (;;);", Start::Fresh, |request| {
            request.keep = false;
            request.limits.wall_clock = Duration::from_millis(200);
        })
        .await;
    assert_eq!(endless.outcome, Outcome::Stopped(StopReason::Deadline));
    let random = "[Math.random(), crypto.randomUUID(), crypto.getRandomValues(new Uint8Array(8))].join()";
    assert_ne!(bench.outcome(random).await, bench.outcome(random).await);
}

async fn without_heaps_nothing_is_kept() {
    let bench = heapless().await;
    let refused = async |request: &RunRequest| {
        let (mut printed, mut host) = (Printed::default(), NoHost);
        let run = bench.pool.run(request, &mut printed, &mut host, std::future::pending());
        matches!(run.await, Err(PoolError::KeepsNoHeaps))
    };
    assert!(refused(&request("1", Start::Fresh)).await);
    let mut resumed = request("1", Start::Heap(HeapId::of(b"a heap")));
    resumed.keep = false;
    assert!(refused(&resumed).await);
    assert_eq!(bench.outcome("1").await, Outcome::Returned("1".into()));
    assert!(bench.heaps.list().await.expect("a list").is_empty(), "no base image either");
}

async fn without_heaps_a_dead_template_is_replaced() {
    let bench = heapless().await;
    for _ in 0..5 {
        kill_children();
        assert_eq!(bench.outcome("1 + 1").await, Outcome::Returned("2".into()));
    }
}

async fn without_heaps_modules_are_found() {
    // (module (func (export "answer") (result i32) i32.const 42))
    let bytes = b"\0asm\x01\0\0\0\x01\x05\x01\x60\0\x01\x7f\x03\x02\x01\0\x07\x0a\x01\x06answer\0\0\x0a\x06\x01\x04\0\x41\x2a\x0b";
    let module = PreloadedModule { name: "deep".into(), bytes: bytes.to_vec().into(), instantiate: true };
    let bench = Bench::with(|options| {
        options.keeps_heaps = false;
        options.preload = vec![module];
    })
    .await;
    assert_eq!(bench.outcome("deep.answer()").await, Outcome::Returned("42".into()));
}
