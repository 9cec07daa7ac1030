//! A compiled policy and the rule that it is asked for.

use std::{fmt, num::NonZeroU32, path::Path, time::Duration};

use regorus::{Engine, LimitError, utils::limits::ExecutionTimerConfig};
use serde_json::{Map, Value};

use super::{Bundle, BundleError, RegoFault, bundle::TextFile, fault::public_name, old_syntax};
use crate::settings::json_reason;

/// The longest that a local policy may think about one question.
pub const EVALUATION_TIME_LIMIT: Duration = Duration::from_millis(250);

/// Steps of an evaluation between two looks at the clock; a step takes well below a microsecond.
const STEPS_PER_CLOCK_CHECK: NonZeroU32 = NonZeroU32::new(256).expect("it is not zero");

/// A policy, ready to be asked. Cheap to ask from many threads at once.
pub(crate) struct Program {
    /// Prepared, and cloned for each question: the clone shares everything compiled, and keeps the time
    /// limit, which regorus' own `CompiledPolicy` does not.
    engine: Engine,
    rule: String,
    /// Whether the files say anything about the rule.
    declared: bool,
    /// What scripts may know of the files' path.
    name: String,
    /// Files that only make sense as Rego v0.
    old_syntax: usize,
}

/// Why a policy did not answer. The words may be shown to scripts.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvaluationError {
    /// The files do not mention the rule, or none of its bodies applies and it has no default.
    #[error("{rule} is undefined in {file}")]
    Undefined {
        /// The rule.
        rule: String,
        /// The file's or folder's name.
        file: String,
    },
    /// The evaluation was stopped.
    #[error("{rule} in {file} took longer than {} ms", EVALUATION_TIME_LIMIT.as_millis())]
    TimeLimit {
        /// The rule.
        rule: String,
        /// The file's or folder's name.
        file: String,
    },
    /// The evaluation failed. Why is not in the message: it may quote what was asked.
    #[error("{rule} could not be evaluated: see {}", fault.public_place())]
    Failed {
        /// The rule.
        rule: String,
        /// What went wrong, and where.
        fault: RegoFault,
    },
}

impl Program {
    /// Compiles files. The rule to be asked for is the first of `rules` that they declare, or else the first.
    ///
    /// # Errors
    /// If a file is wrong.
    pub(crate) fn compile(bundle: &Bundle, rules: &[&str]) -> Result<Self, BundleError> {
        let fault = |message: String| RegoFault::from_message(&message, &bundle.path);
        let mut engine = Engine::new();
        // A built-in function that fails makes the whole answer fail, and so denies; OPA's own default, to
        // go on with "undefined", turns a failed check within `not` into a yes.
        engine.set_strict_builtin_errors(true);
        engine.set_execution_timer_config(ExecutionTimerConfig {
            limit: EVALUATION_TIME_LIMIT,
            check_interval: STEPS_PER_CLOCK_CHECK,
        });
        let mut old_syntax = 0;
        for module in &bundle.modules {
            old_syntax += usize::from(add_module(&mut engine, module)?);
        }
        for file in &bundle.data {
            add_data(&mut engine, file, &bundle.path)?;
        }

        // Any query prepares the engine, which finds the mistakes that parsing does not.
        engine.eval_query("true".to_owned(), false).map_err(|error| fault(error.to_string()))?;
        // A prepared engine refuses an entry point for one reason: there is no such rule.
        let chosen = rules.iter().copied().find(|&rule| engine.compile_with_entrypoint(&rule.into()).is_ok());
        let rule = chosen.or(rules.first().copied()).unwrap_or_default().to_owned();
        let name = public_name(&bundle.path);
        Ok(Self { engine, rule, declared: chosen.is_some(), name, old_syntax })
    }

    /// The rule that is asked for.
    pub(crate) fn rule(&self) -> &str {
        &self.rule
    }

    /// Whether the files declare the rule.
    pub(crate) fn declares_rule(&self) -> bool {
        self.declared
    }

    /// How many files are in Rego v0.
    pub(crate) fn old_syntax_files(&self) -> usize {
        self.old_syntax
    }

    /// Answers a question. Takes as long as the policy takes, up to [`EVALUATION_TIME_LIMIT`] and the rest
    /// of the built-in function that runs then.
    pub(crate) fn evaluate(&self, input: Value) -> Result<Value, EvaluationError> {
        let (rule, file) = (|| self.rule.clone(), || self.name.clone());
        if !self.declared {
            return Err(EvaluationError::Undefined { rule: rule(), file: file() });
        }
        let mut engine = self.engine.clone();
        engine.set_input(input.into());
        let answer = engine.eval_rule(rule()).map_err(|error| match error.downcast_ref() {
            Some(LimitError::TimeLimitExceeded { .. }) => {
                EvaluationError::TimeLimit { rule: rule(), file: file() }
            }
            Some(LimitError::MemoryLimitExceeded { .. } | LimitError::RegexSizeLimitExceeded { .. })
            | None => self.failed(&error.to_string()),
        })?;
        if answer == regorus::Value::Undefined {
            return Err(EvaluationError::Undefined { rule: rule(), file: file() });
        }
        serde_json::to_value(&answer).map_err(|error| self.failed(&error.to_string()))
    }

    fn failed(&self, message: &str) -> EvaluationError {
        let fault = RegoFault::from_message(message, Path::new(&self.name));
        EvaluationError::Failed { rule: self.rule.clone(), fault }
    }

    /// What a denial says if an answer is neither yes nor no.
    pub(crate) fn no_answer(&self) -> String {
        format!("{} in {} is neither true nor false", self.rule, self.name)
    }
}

impl fmt::Debug for Program {
    /// Without the policy itself, which is long, and its data, which may be secret.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Program")
            .field("rule", &self.rule)
            .field("declared", &self.declared)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Adds a file. True if it is Rego v0.
fn add_module(engine: &mut Engine, module: &TextFile) -> Result<bool, RegoFault> {
    let label = label(&module.path);
    let Err(error) = engine.add_policy(label.clone(), module.text.clone()) else { return Ok(false) };
    let fault = |message: String| RegoFault::from_message(&message, &module.path);
    if !old_syntax::is_meant(&label, &module.text) {
        return Err(fault(error.to_string()));
    }
    engine.set_rego_v0(true);
    let added = engine.add_policy(label, module.text.clone());
    engine.set_rego_v0(false);
    added.map(|_| true).map_err(|error| fault(error.to_string()))
}

/// Adds a data file. As in OPA, its content is found under the names of the folders that it is in.
fn add_data(engine: &mut Engine, file: &TextFile, root: &Path) -> Result<(), BundleError> {
    let mut data: Value = serde_json::from_str(&file.text).map_err(|error| BundleError::Json {
        path: file.path.clone(),
        line: error.line(),
        column: error.column(),
        reason: json_reason(&error),
    })?;
    let folder = file.path.parent().and_then(|folder| folder.strip_prefix(root).ok());
    for name in folder.into_iter().flat_map(Path::iter).rev() {
        data = Value::Object(Map::from_iter([(name.to_string_lossy().into_owned(), data)]));
    }
    engine
        .add_data(data.into())
        .map_err(|error| BundleError::Data { path: file.path.clone(), reason: error.to_string() })
}

/// What the compiler calls a file in its messages.
fn label(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
