//! Fresh runs that leave nothing.

use criterion::Criterion;
use stasis_bench::{ADD, TYPESCRIPT, Workshop};
use stasis_worker::pool::Start;
use tokio::runtime::Runtime;

pub(crate) fn all(criterion: &mut Criterion, runtime: &Runtime, workshop: &Workshop) {
    let mut group = criterion.benchmark_group("fresh run");
    for (name, code) in [("1+1", ADD), ("typescript", TYPESCRIPT)] {
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|times| {
                let runs = async {
                    let mut taken = std::time::Duration::ZERO;
                    for _ in 0..times {
                        taken += workshop.run(code, Start::Fresh, false).await.expect("it returns").total;
                    }
                    taken
                };
                runtime.block_on(runs)
            });
        });
    }
    group.finish();
}
