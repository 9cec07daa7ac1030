//! Processes that stay when they have frozen, and go on with the next run on the heap that they left.

use std::{collections::HashSet, time::Duration};

use libtest_mimic::Trial;
use stasis_core::{ByteSize, HeapId, NoHost, Outcome, StopReason};
use stasis_store::HeapError;
use stasis_worker::pool::{PoolError, RunRequest, Start};

use crate::{
    bench::{Bench, Printed, children, children_beside, kill_children, open_descriptors, request},
    test,
};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Trial::test("a_warm_heap_goes_on_as_a_cold_one", test(a_warm_heap_goes_on_as_a_cold_one)),
        Trial::test("time_stands_still_for_a_warm_heap", test(time_stands_still_for_a_warm_heap)),
        Trial::test("a_warm_process_does_nothing", test(a_warm_process_does_nothing)),
        Trial::test("branches_of_a_warm_heap_share_nothing", test(branches_of_a_warm_heap_share_nothing)),
        Trial::test("a_warm_heap_gets_the_limits_of_its_run", test(a_warm_heap_gets_the_limits_of_its_run)),
        Trial::test("a_warm_process_that_died_is_not_missed", test(a_warm_process_that_died_is_not_missed)),
        Trial::test("a_warm_heap_that_was_removed_is_gone", test(a_warm_heap_that_was_removed_is_gone)),
        Trial::test("warm_heaps_are_bounded", test(warm_heaps_are_bounded)),
        Trial::test("warm_heaps_get_cold", test(warm_heaps_get_cold)),
        Trial::test("many_runs_in_one_process_leak_nothing", test(many_runs_in_one_process_leak_nothing)),
    ]
}

/// A pool in which every heap is thawed that is resumed.
async fn cold() -> Bench {
    Bench::with(|options| (options.warm_heaps, options.hot_heaps) = (0, 0)).await
}

/// Runs cells one after the other, each on the heap that the last one left.
async fn chain(bench: &Bench, cells: &[&str]) -> (Vec<String>, HeapId) {
    let (mut texts, mut start) = (Vec::new(), Start::Fresh);
    for cell in cells {
        let (text, heap) = bench.returns(cell, start).await;
        texts.push(text);
        start = Start::Heap(heap);
    }
    (texts, start.heap().expect("at least one cell"))
}

async fn a_warm_heap_goes_on_as_a_cold_one() {
    let (warm, cold) = (Bench::with_spares(0).await, cold().await);
    let check = async |cells: &[&str]| {
        let (texts, last) = chain(&warm, cells).await;
        assert_eq!(texts, chain(&cold, cells).await.0, "{cells:?}");
        // What was stored is what the process has in memory.
        let thawed = warm.another(|options| options.warm_heaps = 0).await;
        for code in ["typeof state === 'undefined' ? 0 : String(state())", "1"] {
            let at_hand = warm.returns(code, Start::Heap(last)).await.0;
            assert_eq!(at_hand, thawed.returns(code, Start::Heap(last)).await.0, "{cells:?}");
        }
    };
    check(&["let n = 0; const state = () => ++n; n", "state()", "state()", "n"]).await;
    check(&["class A { #x = 1; next() { return ++this.#x } } const a = new A()", "a.next()", "a.next()"])
        .await;
    check(&[
        "function* g() { for (let i = 0; ; i++) yield i } const it = g(); it.next().value",
        "it.next().value",
    ])
    .await;
    check(&[
        "let done = 0; setTimeout(() => done = 1, 50); done",
        "done",
        "await new Promise(r => setTimeout(r, 80)); done",
    ])
    .await;
    check(&[
        "const waiting = new Promise(r => globalThis.go = r).then(x => x * 2); 1",
        "go(21)",
        "await waiting",
    ])
    .await;
    check(&["const constant = 1", "const constant = 2; constant", "let constant = 3; constant"]).await;
    check(&[
        "const bytes = new Uint8Array(1 << 16).fill(7); bytes.length",
        "bytes[9] = 1; bytes[9]",
        "bytes[8] + bytes[9]",
    ])
    .await;
    check(&[
        "let list = []; for (let i = 0; i < 50_000; i++) list.push({ i }); list.length",
        "list = null",
        "1 + 1",
    ])
    .await;
    check(&["const f = (n) => n < 2 ? n : f(n - 1) + f(n - 2); f(20)", "f(21)", "f(22)"]).await;
    check(&["Object.freeze(Array.prototype); 1", "[1].map(x => x + 1)[0]"]).await;
    check(&["const key = {}; const weak = new WeakMap([[key, 'kept']]); 1", "weak.get(key)"]).await;
    check(&[
        "const wasm = new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, \
         5, 3, 1, 0, 1, 7, 5, 1, 1, 109, 2, 0]))); const cells = new Uint8Array(wasm.exports.m.buffer); cells[5] = 9",
        "cells[5]++",
        "cells[5]",
    ])
    .await;
    check(&["'a'", "structuredClone(new Map([[1, 2]])).get(1)", "new URL('https://a.example/b').pathname"])
        .await;
}

async fn time_stands_still_for_a_warm_heap() {
    const PAUSE: Duration = Duration::from_millis(400);
    let bench = Bench::new().await;
    let cell = "const begun = performance.now(); let due = false; setTimeout(() => due = true, 200); 1";
    let (_, heap) = bench.returns(cell, Start::Fresh).await;
    assert_eq!(bench.pool.waiting().warm_heaps, 1);
    tokio::time::sleep(PAUSE).await;
    let (text, heap) =
        bench.returns("[due, performance.now() - begun < 200].join()", Start::Heap(heap)).await;
    assert_eq!(text, "false,true", "neither clock nor timer went on");
    let (text, _) = bench.returns("await new Promise(r => setTimeout(r, 250)); due", Start::Heap(heap)).await;
    assert_eq!(text, "true", "a timer is still due");
}

async fn a_warm_process_does_nothing() {
    const PAUSE: Duration = Duration::from_millis(400);
    let bench = Bench::with_spares(0).await;
    let others = children();
    let cell = "setInterval(() => { for (;;); }, 20); Promise.resolve().then(() => 1); 'returned'";
    assert_eq!(bench.returns(cell, Start::Fresh).await.0, "returned");
    let warm = children_beside(&others);
    let [pid] = warm[..] else { panic!("one process stays: {warm:?}") };
    // It would do nothing anyway; and if a script had taken it over, it could not.
    crate::bench::until("it is stopped", || activity(pid).0 == "T").await;
    let before = activity(pid);
    tokio::time::sleep(PAUSE).await;
    assert_eq!(activity(pid), before, "its timer is not due before the next run");
}

/// What a process is at, and the ticks that it has run for: `state`, `utime` and `stime` of Linux
/// `Documentation/filesystems/proc.rst`.
fn activity(pid: u32) -> (String, u64) {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it is there");
    let (_, fields) = stat.rsplit_once(") ").expect("a name in parentheses");
    let fields: Vec<_> = fields.split(' ').collect();
    let ticks = fields[11..13].iter().map(|ticks| ticks.parse::<u64>().expect("a number"));
    (fields[0].to_owned(), ticks.sum())
}

async fn branches_of_a_warm_heap_share_nothing() {
    let bench = Bench::new().await;
    let draw = "let drawn = [Math.random(), Math.random(), crypto.randomUUID(), \
                crypto.getRandomValues(new Uint32Array(2)).join()].join(); drawn";
    let mut seen = HashSet::new();
    let (_, mut heap) = bench.returns(draw, Start::Fresh).await;
    for _ in 0..4 {
        // The first goes on in the process; the others are thawed, or children of a template.
        let mut next = heap;
        for _ in 0..4 {
            let (text, left) = bench.returns(draw, Start::Heap(heap)).await;
            assert!(seen.insert(text.clone()), "{text} was drawn before");
            next = left;
        }
        heap = next;
    }
}

async fn a_warm_heap_gets_the_limits_of_its_run() {
    let bench = Bench::new().await;
    let megabytes =
        |number| move |request: &mut RunRequest| request.limits.heap = ByteSize::mebibytes(number);
    // Some fifty bytes each.
    let take = |megabytes: usize| {
        format!(
            "let taken = []; while (taken.length < {}) taken.push({{ n }}); taken.length",
            megabytes * 20_000
        )
    };
    let heap = async |limit: u64, start| {
        let finished = bench.run_with("let n = 1; n", start, megabytes(limit)).await;
        Start::Heap(finished.heap.expect("kept").expect("saved"))
    };
    let check = async |first: u64, second: u64, taken: usize, fits: bool| {
        let start = heap(first, Start::Fresh).await;
        let outcome = bench.run_with(&take(taken), start, megabytes(second)).await.outcome;
        let expect = match fits {
            true => Outcome::Returned((taken * 20_000).to_string()),
            false => Outcome::Stopped(StopReason::Memory),
        };
        assert_eq!(outcome, expect, "{taken} MB in {second} MB after a run with {first} MB");
    };
    check(64, 64, 30, true).await;
    check(64, 64, 120, false).await;
    check(64, 16, 40, false).await;
    check(16, 64, 30, true).await;
    let start = heap(64, Start::Fresh).await;
    let soon = |request: &mut RunRequest| request.limits.wall_clock = Duration::from_millis(200);
    let stopped = bench.run_with("n = 2; for (;;);", start, soon).await;
    assert_eq!(stopped.outcome, Outcome::Stopped(StopReason::Deadline));
    assert_eq!(bench.run("n", start).await.outcome, Outcome::Returned("1".into()), "the heap is as it was");
}

async fn a_warm_process_that_died_is_not_missed() {
    let bench = Bench::new().await;
    for _ in 0..5 {
        let (_, heap) = bench.returns("let n = 1", Start::Fresh).await;
        assert_ne!(bench.pool.waiting().warm_heaps, 0);
        kill_children();
        assert_eq!(bench.returns("n + 1", Start::Heap(heap)).await.0, "2");
    }
}

async fn a_warm_heap_that_was_removed_is_gone() {
    let bench = Bench::new().await;
    let (_, heap) = bench.returns("let n = 1", Start::Fresh).await;
    assert_eq!(bench.pool.waiting().warm_heaps, 1);
    assert!(bench.heaps.remove(heap).await.expect("removed"));
    let (request, mut printed) = (request("console.log('ran')", Start::Heap(heap)), Printed::default());
    let error = bench.pool.run(&request, &mut printed, &mut NoHost, std::future::pending()).await;
    assert!(matches!(error, Err(PoolError::Heap(HeapError::Absent(id))) if id == heap), "{error:?}");
    assert!(printed.0.is_empty(), "nothing of what it did is heeded");
}

async fn warm_heaps_are_bounded() {
    const MAX: usize = 2;
    let bench = Bench::with(|options| (options.warm_heaps, options.spare_runs) = (MAX, 0)).await;
    let others = children();
    let mut heaps = Vec::new();
    for n in 0..6 {
        heaps.push(bench.returns(&format!("let n = {n}"), Start::Fresh).await.1);
        assert!(bench.pool.waiting().warm_heaps <= MAX);
    }
    crate::bench::until("others have ended", || children_beside(&others).len() <= MAX).await;
    for (n, heap) in heaps.into_iter().enumerate() {
        assert_eq!(bench.returns("n", Start::Heap(heap)).await.0, n.to_string());
    }
}

async fn warm_heaps_get_cold() {
    const STAY: Duration = Duration::from_millis(300);
    let bench = Bench::with(|options| (options.warm_for, options.spare_runs) = (STAY, 0)).await;
    let others = children();
    for _ in 0..2 {
        let (_, heap) = bench.returns("let n = 1", Start::Fresh).await;
        assert_eq!(bench.pool.waiting().warm_heaps, 1);
        crate::bench::until("it has ended", || children_beside(&others).is_empty()).await;
        assert_eq!(bench.pool.waiting().warm_heaps, 0);
        assert_eq!(bench.returns("n", Start::Heap(heap)).await.0, "1");
        crate::bench::until("that one has ended, too", || children_beside(&others).is_empty()).await;
    }
}

async fn many_runs_in_one_process_leak_nothing() {
    let bench = Bench::with_spares(0).await;
    let others = children();
    let (_, mut heap) = bench.returns("let n = 0", Start::Fresh).await;
    let pids = children_beside(&others);
    let ([pid], descriptors) = (&pids[..], open_descriptors()) else { panic!("one process: {pids:?}") };
    // More than a worker may have descriptors.
    for n in 1..=150 {
        let (text, next) = bench.returns("++n", Start::Heap(heap)).await;
        assert_eq!(text, n.to_string());
        heap = next;
        // One that has been at work for long makes way for a new one.
        assert!(n > 20 || children().contains(pid), "all in one process");
    }
    // Images are in memory for a while.
    const IMAGES: usize = 64;
    assert!(open_descriptors() <= descriptors + IMAGES);
}
