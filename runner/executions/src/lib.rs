//! The life of executions.
//!
//! An execution is asked for, waits for its turn, runs, and ends exactly once. [`Executions`] is the one
//! door to it for every adapter: submit, read, wait, cancel, list, page through the output.
//!
//! This crate knows neither V8 nor any protocol; it runs on tokio.

mod admission;
mod events;
mod executions;
mod live;
mod measure;
mod output;
mod retention;

pub use admission::Caller;
pub use executions::{CancelError, ExecutionOptions, Executions, Load, Starting, SubmitError};
pub use live::{Ended, FailureKind};
pub use retention::Retention;
