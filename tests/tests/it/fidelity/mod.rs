//! Whether everything that a script can hold is the same after it was frozen and thawed.
//!
//! All of it goes through the binary, one process per generation, as people use it. The binary is the one
//! beside this test's own; `STASIS_BINARY` names another.

mod branches;
mod cells;
mod lasting;
mod limits;
mod place;
mod programs;
mod randomness;
mod scenarios;
mod sqlite;

use std::path::Path;

/// What the tests read besides their own code.
fn data(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fidelity").join(name)
}
