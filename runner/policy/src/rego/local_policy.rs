//! A policy in local files, as it is asked: the newest version that makes sense.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    thread,
};

use serde_json::Value;
use tokio::{sync::Semaphore, task};
use tracing::warn;

use super::{Bundle, BundleError, Program};
use crate::{
    Decision, Denial, Section, allows,
    decision_log::TARGET,
    settings::{Local, RulePath},
};

/// A policy in a file or folder.
#[derive(Debug)]
pub(crate) struct LocalPolicy {
    path: PathBuf,
    section: Section,
    rule: Option<RulePath>,
    current: RwLock<Arc<Program>>,
    evaluators: Evaluators,
}

/// How many evaluations may run at a time: as many as there are processors.
///
/// An evaluation with a list of 50 hosts took 35 us, and to pass it to another thread 30 us more (release
/// build, two busy cores). That is little beside what is decided about, and a policy may take as long as the
/// time limit, which on the async threads would stop everybody. So evaluations always run elsewhere, and wait
/// in turn: the threads for blocking work are needed for files, too.
#[derive(Debug, Clone)]
pub(crate) struct Evaluators(Arc<Semaphore>);

impl Default for Evaluators {
    fn default() -> Self {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        Self(Arc::new(Semaphore::new(processors)))
    }
}

impl LocalPolicy {
    /// Reads and compiles a policy. What was read is returned, so that changes to it can be recognised.
    pub(crate) fn start(
        local: &Local,
        section: Section,
        evaluators: Evaluators,
    ) -> Result<(Self, Bundle), BundleError> {
        let bundle = Bundle::read(&local.path)?;
        let program = compile(&bundle, section, local.rule.as_ref())?;
        let current = RwLock::new(Arc::new(program));
        let policy =
            Self { path: local.path.clone(), section, rule: local.rule.clone(), current, evaluators };
        Ok((policy, bundle))
    }

    /// The file or folder.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Puts other files in force. If they are broken, all stays as it is.
    pub(super) fn replace(&self, bundle: &Bundle) -> Result<(), BundleError> {
        let program = Arc::new(compile(bundle, self.section, self.rule.as_ref())?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = program;
        Ok(())
    }

    /// The rule that is asked for at the moment.
    pub(crate) fn rule(&self) -> String {
        self.program().rule().to_owned()
    }

    /// Puts a question.
    pub(crate) async fn ask(&self, input: &Value) -> Decision {
        let Ok(permit) = self.evaluators.0.clone().acquire_owned().await else {
            return Decision::failed("policies are not evaluated any more");
        };
        let (program, input) = (self.program(), input.clone());
        let evaluation = task::spawn_blocking(move || {
            let decision = decide(&program, input);
            drop(permit);
            decision
        });
        evaluation.await.unwrap_or_else(|_| Decision::failed("the policy could not be evaluated"))
    }

    fn program(&self) -> Arc<Program> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn decide(program: &Program, input: Value) -> Decision {
    match program.evaluate(input).map(|answer| allows(&answer)) {
        Ok(Some(true)) => Decision::Allowed,
        Ok(Some(false)) => Decision::Denied(Denial::default()),
        Ok(None) => Decision::failed(program.no_answer()),
        Err(error) => Decision::failed(error),
    }
}

fn compile(bundle: &Bundle, section: Section, rule: Option<&RulePath>) -> Result<Program, BundleError> {
    let program = match rule {
        Some(rule) => Program::compile(bundle, &[rule.as_str()]),
        None => Program::compile(bundle, section.default_rules()),
    }?;
    let file = bundle.path.display();
    if !program.declares_rule() {
        warn!(target: TARGET, %file, rule = program.rule(), "the policy does not define its rule: it denies everything");
    }
    if program.old_syntax_files() > 0 {
        warn!(target: TARGET, %file, files = program.old_syntax_files(), "the policy is written in Rego v0");
    }
    Ok(program)
}
