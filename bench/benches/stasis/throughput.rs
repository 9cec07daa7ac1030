//! Many runs, one after the other and side by side.

use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput};
use futures::future::try_join_all;
use stasis_bench::{ADD, BenchError, COUNT, Workshop};
use stasis_worker::pool::Start;
use tokio::runtime::Runtime;

pub(crate) fn all(criterion: &mut Criterion, runtime: &Runtime, workshop: &Workshop) {
    for (name, keep) in [("throughput fresh", false), ("throughput resume and save", true)] {
        let mut group = criterion.benchmark_group(name);
        for parallel in [1, 2, 4] {
            // One iteration is one run in each chain.
            group.throughput(Throughput::Elements(parallel));
            group.bench_function(BenchmarkId::from_parameter(parallel), |bencher| {
                bencher.iter_custom(|times| {
                    runtime.block_on(chains(workshop, keep, parallel, times)).expect("runs return")
                });
            });
        }
        group.finish();
    }
}

async fn chains(workshop: &Workshop, keep: bool, parallel: u64, times: u64) -> Result<Duration, BenchError> {
    let heap = workshop.heap(COUNT).await?;
    let begun = Instant::now();
    try_join_all((0..parallel).map(async |_| {
        let mut start = if keep { Start::Heap(heap) } else { Start::Fresh };
        for _ in 0..times {
            let done = workshop.run(if keep { COUNT } else { ADD }, start, keep).await?;
            start = done.heap.map_or(Start::Fresh, Start::Heap);
        }
        Ok::<_, BenchError>(())
    }))
    .await?;
    Ok(begun.elapsed())
}
