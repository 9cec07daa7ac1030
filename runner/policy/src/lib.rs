//! Asks the operator's policies whether a script may do something. A policy is a chain of remote OPA servers
//! and local Rego files; what is not clearly allowed is denied.
//!
//! * [`PolicySettings`] is what the operator wrote, checked; [`Policies`] is what comes of it.
//! * [`check`] puts one question to one file by hand.
//!
//! This crate decides, and does nothing else: what is decided about, and what becomes of a decision, is
//! its callers' business.

mod chain;
mod check;
mod decision_log;
mod opa;
mod policies;
mod rego;
mod section;
mod settings;

use std::fmt;

use async_trait::async_trait;
use serde_json::Value;

pub use check::{CheckError, Checked, Verdict, check};
pub use opa::OPA_TIME_LIMIT;
pub use policies::{Policies, PolicyError};
pub use rego::{BundleError, EVALUATION_TIME_LIMIT, EvaluationError, RegoFault};
pub use section::Section;
pub use settings::{PolicyFlags, PolicySettings, SettingsError, SourceError};

/// Decides whether a script may do something.
#[async_trait]
pub trait Policy: fmt::Debug + Send + Sync {
    /// Puts one question. What cannot be decided, for whatever reason, is denied.
    async fn decide(&self, input: &Value) -> Decision;
}

/// What a policy says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Yes.
    Allowed,
    /// No.
    Denied(Denial),
}

/// Why a policy said no.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Denial {
    /// What was wrong with the policy rather than with the question, in words that may be shown to the
    /// script: which rule was undefined, that a server did not answer. None if the policy simply says no.
    pub reason: Option<String>,
}

impl Decision {
    /// No, because the policy could not be asked or did not answer the question.
    fn failed(reason: impl fmt::Display) -> Self {
        Self::Denied(Denial { reason: Some(reason.to_string()) })
    }
}

/// What a policy's answer means: `None` if it is neither yes nor no.
///
/// Yes is `true` or, as OPA's packages answer, an object whose `allow` is `true`. An object without `allow`
/// leaves the question open.
fn allows(answer: &Value) -> Option<bool> {
    match answer {
        Value::Bool(allowed) => Some(*allowed),
        Value::Object(fields) => fields.get("allow").and_then(Value::as_bool),
        Value::Null | Value::Number(_) | Value::String(_) | Value::Array(_) => None,
    }
}
