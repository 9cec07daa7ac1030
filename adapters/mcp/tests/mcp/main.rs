//! The adapter over its three transports, on fakes.

mod bad_input;
mod bench;
mod client;
mod core_tasks;
mod golden;
mod http;
mod logging;
mod scenario;
mod speaker;
mod sse;
mod stateless;
mod stdio;
mod streamable;
