//! `deno_unsync` for a process that has one thread for its whole life.
//!
//! A worker is forked and frozen, and neither keeps a second thread alive. Deno's crates start threads
//! in one way only, `spawn_blocking`, so that one function is replaced here; everything else is the
//! upstream crate as it is. The upstream is of the series before the one that this crate stands in
//! for, because a patch cannot depend on what it replaces; it has what Deno's crates use, but for one flag.

pub use deno_unsync_upstream::*;

mod inline;
pub mod sync;

pub use inline::spawn_blocking;
