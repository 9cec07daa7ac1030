//! The server's MCP side: the real binary, driven by the official clients over every transport, and the
//! official conformance suite.

mod clients;
mod conformance;
mod idle;
mod inspector;
mod server;
mod stdio;
mod tools;

/// Ends a test's wait that would be in vain.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);
