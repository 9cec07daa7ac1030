//! `stasis policy check`: what a policy says to one question.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use serde_json::json;
use stasis_policy::Verdict;

use crate::{
    arguments::{PolicyCheckArguments, PolicyCommand},
    failure::Failure,
};

const NOT_ALLOWED: u8 = 1;

pub(crate) fn run(command: PolicyCommand) -> Result<ExitCode, Failure> {
    match command {
        PolicyCommand::Check(arguments) => check(arguments),
    }
}

fn check(arguments: PolicyCheckArguments) -> Result<ExitCode, Failure> {
    let PolicyCheckArguments { file, input, rule, json } = arguments;
    let checked = stasis_policy::check(&file, rule.as_deref(), input)?;
    let (word, exit) = match checked.verdict {
        Verdict::Allowed => ("allowed", ExitCode::SUCCESS),
        Verdict::Denied => ("denied", ExitCode::from(NOT_ALLOWED)),
        Verdict::Undefined => ("undefined", ExitCode::from(NOT_ALLOWED)),
    };
    let line = match (json, &checked.value) {
        (true, value) => json!({ "verdict": word, "rule": checked.rule, "value": value }).to_string(),
        (false, Some(value)) => format!("{word}: {} is {value}", checked.rule),
        (false, None) => format!("{word}: {} has no value, which denies", checked.rule),
    };
    writeln!(io::stdout(), "{line}").map_err(Failure::Output)?;
    Ok(exit)
}
