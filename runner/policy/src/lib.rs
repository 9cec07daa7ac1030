//! Asks the operator's policies whether a script may do something. A policy is a chain of remote OPA servers
//! and local Rego files; what is not clearly allowed is denied.
//!
//! This crate decides, and does nothing else: what is decided about, and what becomes of a decision, is
//! its callers' business.

use std::fmt;

use async_trait::async_trait;
use serde_json::Value;

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
