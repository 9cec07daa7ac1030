//! Tests of the public interface, in one binary.

mod cells;
mod errors;
mod fuzz;
mod modules;
mod positions;
mod scenarios;

use stasis_script::{Prepared, Source, prepare};

/// Prepares a cell after which no constants are known.
fn prepared(text: &str) -> Prepared {
    prepare(&Source::cell("cell", text), &|_| false).unwrap_or_else(|error| panic!("{text:?}: {error}"))
}
