//! Until the first run can be taken.

use std::{
    io,
    time::{Duration, Instant},
};

use criterion::Criterion;
use stasis_bench::{Workshop, time_zygote_start};
use tokio::runtime::Runtime;

pub(crate) fn all(criterion: &mut Criterion, runtime: &Runtime, workshop: &Workshop) {
    let mut group = criterion.benchmark_group("boot");
    group.bench_function("zygote", |bencher| {
        bencher.iter_custom(|times| {
            let taken: io::Result<Duration> = (0..times).map(|_| time_zygote_start()).sum();
            taken.expect("zygotes start")
        });
    });
    group.bench_function("without base image", |bencher| {
        bencher.iter_custom(|times| {
            (0..times).map(|_| runtime.block_on(workshop.time_boot()).expect("processes boot")).sum()
        });
    });
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
