//! Runs scripts on V8, each in a sandboxed process of its own.
//!
//! Two halves that share only [`protocol`]:
//!
//! * `process`, `engine`: what runs inside a worker process. [`run_if_worker`] is the way in.
//! * [`pool`]: what the server uses to have scripts run. It never runs V8 itself and trusts nothing that
//!   a worker says.

mod engine;
pub mod pool;
mod process;
pub mod protocol;

pub use process::{Layers, run_if_worker};
