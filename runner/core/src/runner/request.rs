//! What a caller asks for, checked.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    ByteSize, HeapId, Limits, ParseDigestError, SessionName, SessionNameError, Tags, TagsError,
    host::Surroundings,
};

/// What a server allows its callers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRules {
    /// What a run may use at most, and does unless it asks for less.
    pub limits: Limits,
    /// Whether runs leave heaps.
    pub stateful: bool,
    /// The longest code.
    pub max_code: ByteSize,
    /// What its script finds.
    pub surroundings: Surroundings,
}

/// A run as a caller asks for it, not checked yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestedRun {
    /// JavaScript or TypeScript.
    pub code: String,
    /// The heap to start from.
    pub heap: Option<String>,
    /// The session to go on with.
    pub session: Option<String>,
    /// Tags for the heap that the run leaves.
    pub tags: Option<BTreeMap<String, String>>,
    /// The heap limit, in megabytes.
    pub heap_memory_max_mb: Option<u64>,
    /// The wall-clock limit, in seconds.
    pub execution_timeout_secs: Option<u64>,
}

/// Why a request was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The code is too long.
    #[error("code is longer than {0}")]
    Code(ByteSize),
    /// The heap's name is not one.
    #[error("heap: {0}")]
    Heap(#[from] ParseDigestError),
    /// The session's name is not one.
    #[error("session: {0}")]
    Session(#[from] SessionNameError),
    /// The tags are too many or too long.
    #[error("tags: {0}")]
    Tags(#[from] TagsError),
    /// The heap limit is out of range.
    #[error("heap_memory_max_mb is from 1 to {max} on this server, not {got}")]
    HeapMemory {
        /// What was asked for.
        got: u64,
        /// What is allowed.
        max: u64,
    },
    /// The wall-clock limit is out of range.
    #[error("execution_timeout_secs is from 1 to {max} on this server, not {got}")]
    Timeout {
        /// What was asked for.
        got: u64,
        /// What is allowed.
        max: u64,
    },
    /// This server keeps nothing.
    #[error("this server is stateless: it has no {0}")]
    Stateless(&'static str),
}

/// A run that is asked for within a server's rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRequest {
    code: String,
    heap: Option<HeapId>,
    session: Option<SessionName>,
    tags: Tags,
    limits: Limits,
    keep: bool,
}

impl RunRules {
    /// Checks a request.
    ///
    /// # Errors
    /// [`RequestError`] for the first thing that is wrong with it.
    pub fn check(&self, run: RequestedRun) -> Result<RunRequest, RequestError> {
        if run.code.len() as u64 > self.max_code.get() {
            return Err(RequestError::Code(self.max_code));
        }
        let stateless =
            [("heap", run.heap.is_some()), ("session", run.session.is_some()), ("tags", run.tags.is_some())];
        if let (false, Some((what, _))) = (self.stateful, stateless.iter().find(|(_, given)| *given)) {
            return Err(RequestError::Stateless(what));
        }
        let mut limits = self.limits;
        if let Some(got) = run.heap_memory_max_mb {
            let max = self.limits.heap.get() >> 20;
            if !(1..=max).contains(&got) {
                return Err(RequestError::HeapMemory { got, max });
            }
            limits.heap = ByteSize::mebibytes(got);
        }
        if let Some(got) = run.execution_timeout_secs {
            let max = self.limits.wall_clock.as_secs();
            if !(1..=max).contains(&got) {
                return Err(RequestError::Timeout { got, max });
            }
            limits.wall_clock = Duration::from_secs(got);
        }
        Ok(RunRequest {
            code: run.code,
            heap: run.heap.map(|heap| heap.parse()).transpose()?,
            session: run.session.map(|session| session.parse()).transpose()?,
            tags: Tags::new(run.tags.unwrap_or_default())?,
            limits,
            keep: self.stateful,
        })
    }
}

impl RunRequest {
    /// What the script is called in stack traces.
    pub const fn name(&self) -> &'static str {
        "script"
    }

    /// JavaScript or TypeScript, as the caller sent it.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The heap that the caller wants to start from.
    pub const fn heap(&self) -> Option<HeapId> {
        self.heap
    }

    /// The session that the run belongs to.
    pub const fn session(&self) -> Option<&SessionName> {
        self.session.as_ref()
    }

    /// Tags for the heap that it leaves.
    pub const fn tags(&self) -> &Tags {
        &self.tags
    }

    /// What it may use.
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Whether it leaves a heap.
    pub const fn keep(&self) -> bool {
        self.keep
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(stateful: bool, run: RequestedRun, expect: Result<(), &str>) {
        let limits = Limits {
            heap: ByteSize::mebibytes(64),
            wall_clock: Duration::from_secs(30),
            ..Limits::default()
        };
        let rules = RunRules {
            limits,
            stateful,
            max_code: ByteSize::bytes(10),
            surroundings: Surroundings::default(),
        };
        let got = rules.check(run).map(drop).map_err(|error| error.to_string());
        assert_eq!(got, expect.map_err(str::to_owned));
    }

    fn run() -> RequestedRun {
        RequestedRun { code: "1 + 1".to_owned(), ..RequestedRun::default() }
    }

    #[test]
    fn requests_are_within_the_rules() {
        let some = |text: &str| Some(text.to_owned());
        check(true, run(), Ok(()));
        check(true, RequestedRun { code: String::new(), ..run() }, Ok(()));
        check(true, RequestedRun { code: "x".repeat(11), ..run() }, Err("code is longer than 10 B"));
        check(true, RequestedRun { heap: Some("ab".repeat(32)), ..run() }, Ok(()));
        let bad = "heap: expected 64 lower-case hexadecimal digits, got \"../x\"";
        check(true, RequestedRun { heap: some("../x"), ..run() }, Err(bad));
        let bad = "session: a session's name has 1 to 256 bytes and no control characters";
        check(true, RequestedRun { session: some(""), ..run() }, Err(bad));
        let bad = "heap_memory_max_mb is from 1 to 64 on this server, not 65";
        check(true, RequestedRun { heap_memory_max_mb: Some(65), ..run() }, Err(bad));
        check(true, RequestedRun { heap_memory_max_mb: Some(64), ..run() }, Ok(()));
        let bad = "execution_timeout_secs is from 1 to 30 on this server, not 0";
        check(true, RequestedRun { execution_timeout_secs: Some(0), ..run() }, Err(bad));
        check(false, run(), Ok(()));
        let bad = "this server is stateless: it has no session";
        check(false, RequestedRun { session: some("s"), ..run() }, Err(bad));
    }
}
