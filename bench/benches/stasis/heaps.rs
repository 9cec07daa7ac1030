//! Resuming heaps of several sizes, and saving them.

use std::time::Duration;

use criterion::{BenchmarkId, Criterion};
use stasis_bench::{ADD, BenchError, COUNT, Done, Workshop, fill};
use stasis_core::HeapId;
use stasis_worker::pool::Start;
use tokio::runtime::Runtime;

/// Megabytes of live objects.
const SIZES: [usize; 5] = [0, 1, 10, 50, 200];

pub(crate) fn all(criterion: &mut Criterion, runtime: &Runtime, workshop: &Workshop) {
    let make = |size: usize| (size, runtime.block_on(workshop.heap(&fill(size))).expect("a heap is made"));
    let heaps = SIZES.map(make);
    let hot = runtime.block_on(async { workshop.reopen(8).await?.warmed_up().await }).expect("a pool starts");
    resume(criterion, runtime, "resume cold", workshop, &heaps);
    resume(criterion, runtime, "resume hot", &hot, &heaps);
    for (name, time) in [("freeze", freeze_time as fn(&Done) -> Duration), ("store", store_time)] {
        save(criterion, runtime, name, workshop, &heaps, time);
    }
}

fn freeze_time(done: &Done) -> Duration {
    done.timings.freeze
}

fn store_time(done: &Done) -> Duration {
    done.timings.store
}

fn resume(
    criterion: &mut Criterion,
    runtime: &Runtime,
    name: &str,
    workshop: &Workshop,
    heaps: &[(usize, HeapId)],
) {
    let mut group = criterion.benchmark_group(name);
    for (size, heap) in heaps {
        group.bench_function(BenchmarkId::from_parameter(format!("{size} MB")), |bencher| {
            bencher.iter_custom(|times| {
                let runs = async {
                    let mut taken = Duration::ZERO;
                    for _ in 0..times {
                        taken += workshop.run(ADD, Start::Heap(*heap), false).await?.total;
                    }
                    Ok::<_, BenchError>(taken)
                };
                runtime.block_on(runs).expect("it returns")
            });
        });
    }
    group.finish();
}

fn save(
    criterion: &mut Criterion,
    runtime: &Runtime,
    name: &str,
    workshop: &Workshop,
    heaps: &[(usize, HeapId)],
    time: fn(&Done) -> Duration,
) {
    let mut group = criterion.benchmark_group(name);
    group.sample_size(10);
    for (size, heap) in heaps.iter().filter(|(size, _)| [0, 50].contains(size)) {
        group.bench_function(BenchmarkId::from_parameter(format!("{size} MB")), |bencher| {
            bencher.iter_custom(|times| {
                let runs = async {
                    let mut taken = Duration::ZERO;
                    for _ in 0..times {
                        let done = workshop.run(COUNT, Start::Heap(*heap), true).await?;
                        workshop.remove(done.heap.ok_or(BenchError::NoHeap)?).await?;
                        taken += time(&done);
                    }
                    Ok::<_, BenchError>(taken)
                };
                runtime.block_on(runs).expect("it is saved")
            });
        });
    }
    group.finish();
}
