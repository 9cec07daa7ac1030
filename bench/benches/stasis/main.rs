//! Criterion's benchmarks.
//!
//! Not `criterion_main!`: workers are this executable, started anew, and are told apart first thing.

mod boot;
mod heaps;
mod runs;
mod throughput;

use criterion::Criterion;
use stasis_bench::{BenchError, Workshop};
use tokio::runtime::Runtime;

fn main() -> Result<(), BenchError> {
    stasis_worker::run_if_worker();
    let mut criterion = Criterion::default().configure_from_args();
    let runtime = Runtime::new()?;
    let workshop = runtime.block_on(async { Workshop::open(0).await?.warmed_up().await })?;
    boot::all(&mut criterion, &runtime, &workshop);
    runs::all(&mut criterion, &runtime, &workshop);
    heaps::all(&mut criterion, &runtime, &workshop);
    throughput::all(&mut criterion, &runtime, &workshop);
    criterion.final_summary();
    Ok(())
}
