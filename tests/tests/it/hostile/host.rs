//! Where hostile scripts are run: each by a command of its own, or all of them by a server that lives on.

use std::path::Path;

use serde_json::json;

use super::case::Case;
use crate::{
    http::{client::Request, server::Server},
    support::{Answer, Cli},
};

/// Runs hostile scripts, and harmless code after them.
pub(super) trait Host: Sync {
    /// How a script ended, if that was said as it should be.
    fn case(&self, case: &Case) -> Result<Answer, String>;

    /// Harmless code, on a heap that a script has left.
    fn code(&self, code: &str, heap: Option<&str>) -> Result<Answer, String>;
}

/// `stasis run`.
#[derive(Debug)]
pub(super) struct CommandLine<'a> {
    pub(super) store: &'a Path,
}

/// A server.
#[derive(Debug)]
pub(super) struct Living<'a> {
    pub(super) server: &'a Server,
}

impl Host for CommandLine<'_> {
    fn case(&self, case: &Case) -> Result<Answer, String> {
        let answer = Cli::file(&case.path, self.store).args(&case.flags).answer();
        check_exit(&answer)?;
        Ok(answer)
    }

    fn code(&self, code: &str, heap: Option<&str>) -> Result<Answer, String> {
        let cli = Cli::script(code, self.store);
        let cli = if let Some(heap) = heap { cli.heap(heap) } else { cli.arg("--stateless") };
        Ok(cli.answer())
    }
}

impl Host for Living<'_> {
    fn case(&self, case: &Case) -> Result<Answer, String> {
        let path = format!("/api/exec?wait=60{}", case.query().expect("it was chosen"));
        self.ask(&Request::post(&path).header("content-type", "text/plain").body(case.code()))
    }

    fn code(&self, code: &str, heap: Option<&str>) -> Result<Answer, String> {
        self.ask(&Request::post("/api/exec?wait=60").json(&json!({ "code": code, "heap": heap })))
    }
}

impl Living<'_> {
    fn ask(&self, request: &Request) -> Result<Answer, String> {
        let answer = self.server.ask(request);
        let no_record = |error| format!("{error}: {} {}", answer.status, answer.beginning());
        serde_json::from_slice(&answer.body).map_err(no_record)
    }
}

/// The exit status says the same as the answer.
fn check_exit(answer: &Answer) -> Result<(), String> {
    const STOPPED: [&str; 3] = ["Out of memory: V8 heap", "Too much console output", "The script crashed"];
    let error = answer.error.as_deref().unwrap_or_default();
    let fitting = match answer.status.as_str() {
        "completed" if answer.heap_error.is_some() => 7,
        "completed" => 0,
        "failed" if !STOPPED.iter().any(|text| error.starts_with(text)) => 1,
        _ => 3,
    };
    let fits = answer.code == Some(fitting);
    if fits { Ok(()) } else { Err(format!("exit status {:?} of {} {error}", answer.code, answer.status)) }
}
