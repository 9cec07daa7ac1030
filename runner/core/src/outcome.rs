//! How a run may end.

use std::fmt;

/// How a run ended. Whatever a script does is an outcome; an error is when we failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The script's value settled; this is its text.
    Returned(String),
    /// The script threw, or its promise was rejected, or it could not be parsed.
    Threw(ThrownError),
    /// The run was ended from outside.
    Stopped(StopReason),
}

/// What a script threw, as text for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThrownError {
    /// Name and message, for example `TypeError: x is not a function`.
    pub message: String,
    /// The script's own frames, one a line, each ` at name (file:line:column)`; empty if there are
    /// none.
    pub stack: String,
}

/// Why a run was ended from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StopReason {
    /// It exceeded its wall-clock limit.
    Deadline,
    /// It exceeded its heap limit, or memory outside the heap in a way that could not be answered
    /// with an exception.
    Memory,
    /// Somebody cancelled it.
    Cancelled,
    /// It printed more than it may.
    Console,
    /// Its worker process died, for example in a stack overflow in native code.
    Crashed,
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Deadline => {
                "Execution timed out: script exceeded the time limit. Try increasing execution_timeout_secs."
            }
            Self::Memory => "Out of memory: V8 heap limit exceeded. Try increasing heap_memory_max_mb.",
            Self::Cancelled => "Cancelled by user",
            Self::Console => "Too much console output: the run was stopped.",
            Self::Crashed => "The script crashed its worker process.",
        })
    }
}

impl fmt::Display for ThrownError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if self.stack.is_empty() { Ok(()) } else { write!(f, "\n{}", self.stack) }
    }
}

/// The console method that printed a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConsoleLevel {
    /// `console.log`
    Log,
    /// `console.debug`
    Debug,
    /// `console.trace`
    Trace,
    /// `console.info`
    Info,
    /// `console.warn`
    Warn,
    /// `console.error`
    Error,
}

impl ConsoleLevel {
    /// What precedes the text in the captured output.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Log | Self::Debug | Self::Trace => "",
            Self::Info => "[INFO] ",
            Self::Warn => "[WARN] ",
            Self::Error => "[ERROR] ",
        }
    }

    /// Whether a terminal shows it on standard error.
    pub const fn is_error(self) -> bool {
        matches!(self, Self::Warn | Self::Error)
    }
}
