//! What `/metrics` shows.

use std::time::Duration;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

/// Bounds of durations, in seconds: from a fork to the longest run.
const SECONDS: [f64; 17] = [
    0.000_25, 0.000_5, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.125, 0.25, 0.5, 1.0, 2.5, 10.0,
    60.0, 300.0,
];
/// How often old samples are folded into their histograms.
const UPKEEP: Duration = Duration::from_secs(5);

/// Begins to measure. Needs a runtime.
///
/// # Errors
/// If something measures already.
pub(crate) fn start() -> Result<PrometheusHandle, BuildError> {
    let builder =
        PrometheusBuilder::new().set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &SECONDS)?;
    let handle = builder.install_recorder()?;
    describe();
    let upkeep = handle.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(UPKEEP).await;
            upkeep.run_upkeep();
        }
    });
    Ok(handle)
}

fn describe() {
    use metrics::{describe_counter, describe_gauge, describe_histogram};
    describe_counter!("stasis_runs_total", "Executions that have ended, by status");
    describe_counter!("stasis_runs_refused_total", "Executions that were refused because too many waited");
    describe_gauge!("stasis_runs_running", "Scripts that use a processor");
    describe_gauge!("stasis_runs_waiting", "Executions that wait for their turn");
    describe_histogram!("stasis_run_duration_seconds", "From the request to the durable record");
    describe_histogram!(
        "stasis_run_phase_seconds",
        "Parts of a run: queue, start (fork or thaw), run, freeze, store"
    );
    describe_gauge!("stasis_pool_spare_workers", "Worker processes that wait for a script");
    describe_gauge!("stasis_pool_hot_heaps", "Heaps that have a template waiting");
    describe_gauge!("stasis_pool_warm_heaps", "Heaps whose process waits to go on");
}
