//! Policies in local Rego files: read, compiled once, evaluated in parallel, read again when they change.

mod bundle;
mod fault;
mod local_policy;
mod old_syntax;
mod program;
mod reloader;

pub use bundle::BundleError;
pub use fault::RegoFault;
pub use program::{EVALUATION_TIME_LIMIT, EvaluationError};
pub(crate) use {
    bundle::Bundle,
    local_policy::{Evaluators, LocalPolicy},
    program::Program,
    reloader::Reloader,
};
