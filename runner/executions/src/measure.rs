//! What operators can watch. The names are part of the documentation of `/metrics`.

use std::time::Duration;

use metrics::{counter, gauge, histogram};
use stasis_core::{Status, engine::Timings};

/// How many wait and how many run.
pub(crate) fn queue(waiting: usize, running: usize) {
    gauge!("stasis_runs_waiting").set(waiting as f64);
    gauge!("stasis_runs_running").set(running as f64);
}

/// A run that was not let in.
pub(crate) fn refused() {
    counter!("stasis_runs_refused_total").increment(1);
}

/// How long a run waited for its turn.
pub(crate) fn waited(duration: Duration) {
    phase("queue", duration);
}

/// A run that has ended.
pub(crate) fn ended(status: Status, duration: Duration, timings: Option<&Timings>) {
    counter!("stasis_runs_total", "status" => status.as_str()).increment(1);
    histogram!("stasis_run_duration_seconds").record(duration);
    if let Some(timings) = timings {
        phase("start", timings.start);
        phase("run", timings.run);
        if !timings.freeze.is_zero() {
            phase("freeze", timings.freeze);
            phase("store", timings.store);
        }
    }
}

fn phase(name: &'static str, duration: Duration) {
    histogram!("stasis_run_phase_seconds", "phase" => name).record(duration);
}
