//! The server over HTTP: the real binary, asked by a client of its own over TCP.

pub(crate) mod client;
pub(crate) mod configuration;
mod crash;
mod errors;
mod exec;
mod executions;
mod hostile;
mod limits;
mod openapi;
mod overload;
mod restart;
mod schema;
pub(crate) mod server;
mod sessions;
mod tags;
mod transport;

use std::{
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use client::Answer;
use server::Server;

/// How long a condition may take to become true.
const PATIENCE: Duration = Duration::from_secs(30);
/// Runs until somebody stops it.
const ENDLESS: &str = "for (;;);";

/// Waits for a condition, and gives what it found.
#[track_caller]
pub(crate) fn until<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = condition() {
            return found;
        }
        assert!(Instant::now() < deadline, "in vain: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// The text of a field.
#[track_caller]
pub(crate) fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_else(|| panic!("no text {field} in {value}"))
}

/// Complains unless it is an error in our form, with this status, that says this.
fn check_error(what: &str, answer: &Answer, status: u16, part: &str) -> Option<String> {
    let body = answer.try_json();
    let message = body.as_ref().and_then(|body| body["error"].as_str());
    let right = answer.status == status && message.is_some_and(|message| message.contains(part));
    (!right)
        .then(|| format!("{what}: {} {:?}, expected {status} {part:?}", answer.status, answer.beginning()))
}

/// The arguments of a quick run.
pub(crate) fn run(code: &str) -> Value {
    serde_json::json!({ "code": code })
}
