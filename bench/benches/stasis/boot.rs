//! Until the first run can be taken.

use std::{
    io,
    time::{Duration, Instant},
};

use criterion::Criterion;
use stasis_bench::{ProcessKind, Workshop, time_process_start};
use tokio::runtime::Runtime;

pub(crate) fn all(criterion: &mut Criterion, runtime: &Runtime, workshop: &Workshop) {
    let mut group = criterion.benchmark_group("boot");
    for (name, kind) in [("without base image", ProcessKind::Boot), ("zygote", ProcessKind::Zygote)] {
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|times| {
                let taken: io::Result<Duration> = (0..times).map(|_| time_process_start(kind)).sum();
                taken.expect("workers start")
            });
        });
    }
    group.bench_function("pool with base image", |bencher| {
        bencher.iter_custom(|times| {
            let mut taken = Duration::ZERO;
            for _ in 0..times {
                let begun = Instant::now();
                let pool = runtime.block_on(workshop.reopen(0)).expect("a pool starts");
                taken += begun.elapsed();
                runtime.block_on(async { drop(pool) });
            }
            taken
        });
    });
    group.finish();
}
