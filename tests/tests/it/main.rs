//! Everything that is tested from outside of the crates, in one binary: V8 is linked once.

mod bad_input;
mod capabilities;
mod cells;
mod crash;
mod fidelity;
mod heap_command;
mod hostile;
mod http;
mod mcp;
mod npm;
mod progress;
mod sandbox;
mod support;
mod tidy;
mod wasm;
mod wpt;
