//! What the benchmarks, the report and the comparison with Node share: a pool in a folder of its own,
//! scripts, heaps of given sizes, and statistics.
//!
//! Workers are the executable that uses this crate, started anew: its `main` begins with
//! [`stasis_worker::run_if_worker`].

mod machine;
mod samples;
mod scripts;
mod table;
pub mod versus_node;
mod workshop;
mod zygote;

pub use machine::Machine;
pub use samples::Samples;
pub use scripts::{ADD, COUNT, TYPESCRIPT, fill};
pub use table::Table;
pub use workshop::{BenchError, Done, Workshop};
pub use zygote::time_zygote_start;
