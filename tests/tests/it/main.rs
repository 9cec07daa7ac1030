//! Everything that is tested from outside of the crates, in one binary: V8 is linked once.

mod fidelity;
mod tidy;
