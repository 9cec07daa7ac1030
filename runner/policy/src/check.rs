//! One question, put to one file by hand: what `stasis policy check` does.

use std::path::Path;

use serde_json::Value;

use crate::{
    BundleError, EvaluationError, Section, SourceError, allows,
    rego::{Bundle, Program},
    settings::RulePath,
};

/// What a policy made of a question.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// The rule that was asked for.
    pub rule: String,
    /// What its answer means.
    pub verdict: Verdict,
    /// Its answer; none if it is undefined.
    pub value: Option<Value>,
}

/// What an answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Yes.
    Allowed,
    /// No: the rule says so, or what it says is neither yes nor no.
    Denied,
    /// No, because the files do not define the rule, or it has no value for this question.
    Undefined,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// The given name is none of a rule.
    #[error(transparent)]
    Rule(#[from] SourceError),
    /// The files cannot be read or make no sense.
    #[error(transparent)]
    Broken(#[from] BundleError),
    /// The evaluation failed or took too long. In force, this denies.
    #[error("{}", explain(.0))]
    Evaluation(#[from] EvaluationError),
}

/// Puts a question to a `.rego` file or a folder of them. Without a rule, the first that the files define of
/// `data.mcp.fetch.allow`, `data.mcp.filesystem.allow`, `data.mcp.fs.allow` and `data.mcp.modules.allow` is
/// asked. Blocks, for reading and up to [`EVALUATION_TIME_LIMIT`](crate::EVALUATION_TIME_LIMIT).
///
/// # Errors
/// If a file is broken, with file, line and reason, or if the evaluation fails.
pub fn check(path: &Path, rule: Option<&str>, input: Value) -> Result<Checked, CheckError> {
    let rule = rule.map(RulePath::parse).transpose()?;
    let rules = match &rule {
        Some(rule) => vec![rule.as_str()],
        None => [Section::Fetch, Section::Filesystem, Section::Modules]
            .into_iter()
            .flat_map(Section::default_rules)
            .copied()
            .collect(),
    };
    let program = Program::compile(&Bundle::read(path)?, &rules)?;
    let (verdict, value) = match program.evaluate(input) {
        Ok(value) if allows(&value) == Some(true) => (Verdict::Allowed, Some(value)),
        Ok(value) => (Verdict::Denied, Some(value)),
        Err(EvaluationError::Undefined { .. }) => (Verdict::Undefined, None),
        Err(error) => return Err(error.into()),
    };
    Ok(Checked { rule: program.rule().to_owned(), verdict, value })
}

/// Whoever asks by hand knows the question, and may see all of what went wrong.
fn explain(error: &EvaluationError) -> String {
    match error {
        EvaluationError::Failed { rule, fault } => format!("{rule} could not be evaluated: {fault}"),
        EvaluationError::Undefined { .. } | EvaluationError::TimeLimit { .. } => error.to_string(),
    }
}
