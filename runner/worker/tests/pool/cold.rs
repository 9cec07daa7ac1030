//! Heaps that no process has: they are laid over a child of the base image's template, or thawed for themselves.

use std::time::{Duration, Instant};

use bytes::Bytes;
use libtest_mimic::Trial;
use rustix::process::{Pid, Signal, kill_process};
use stasis_worker::{
    pool::{PoolOptions, Start},
    protocol::PreloadedModule,
};

use crate::{
    bench::{Bench, children, children_beside},
    kill_children, test,
};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Trial::test("cold_heaps_do_without_the_zygote", test(cold_heaps_do_without_the_zygote)),
        Trial::test("heaps_of_another_base_image_are_thawed", test(heaps_of_another_base_image_are_thawed)),
        Trial::test("no_cold_run_notices_dead_workers", test(no_cold_run_notices_dead_workers)),
    ]
}

const COUNTER: &str = "let n = 0; const next = () => ++n; const kept = new Map([[{}, 'x'.repeat(100_000)]])";

/// Each run on a heap is a cold one.
fn all_cold(options: &mut PoolOptions) {
    (options.warm_heaps, options.hot_heaps) = (0, 0);
}

async fn cold_heaps_do_without_the_zygote() {
    const PATIENCE: Duration = Duration::from_secs(30);
    for spare_runs in [0, 4] {
        let before = children();
        let change = |options: &mut PoolOptions| {
            all_cold(options);
            (options.patience, options.spare_runs) = (PATIENCE, spare_runs);
        };
        let bench = Bench::with(change).await;
        let (_, mut heap) = bench.returns(COUNTER, Start::Fresh).await;
        let zygote = children_beside(&before).into_iter().min().expect("the oldest is the zygote");
        let zygote = Pid::from_raw(zygote as i32).expect("a pid");
        kill_process(zygote, Signal::STOP).expect("it is there");
        let begun = Instant::now();
        for n in 1..20 {
            let (text, next) = bench.returns("[kept.size, next()].join()", Start::Heap(heap)).await;
            assert_eq!(text, format!("1,{n}"));
            heap = next;
        }
        // Whoever had asked it would have waited a third of that.
        assert!(begun.elapsed() < PATIENCE / 4, "{:?}", begun.elapsed());
        kill_process(zygote, Signal::CONT).expect("it is there");
    }
}

async fn heaps_of_another_base_image_are_thawed() {
    const EMPTY_MODULE: &[u8] = b"\0asm\x01\0\0\0";
    let bench = Bench::with(all_cold).await;
    let (_, mut heap) = bench.returns(COUNTER, Start::Fresh).await;
    let module =
        PreloadedModule { name: "empty".into(), bytes: Bytes::from_static(EMPTY_MODULE), instantiate: true };
    let change = |options: &mut PoolOptions| {
        all_cold(options);
        options.preload = vec![module];
    };
    let other = bench.another(change).await;
    assert_eq!(other.returns("typeof __wasm_empty", Start::Fresh).await.0, "object");
    for n in 1..6 {
        let (text, next) = other.returns("`${typeof __wasm_empty} ${next()}`", Start::Heap(heap)).await;
        assert_eq!(text, format!("undefined {n}"));
        let (text, _) = bench.returns("next()", Start::Heap(next)).await;
        assert_eq!(text, (n + 1).to_string());
        heap = next;
    }
}

async fn no_cold_run_notices_dead_workers() {
    let bench = Bench::with(all_cold).await;
    let (_, heap) = bench.returns(COUNTER, Start::Fresh).await;
    for _ in 0..10 {
        kill_children();
        for _ in 0..3 {
            assert_eq!(bench.returns("next()", Start::Heap(heap)).await.0, "1");
        }
    }
}
