//! Tasks as revision 2025-11-25 has them in its core: a client asks for a call to be a task, and a task is an
//! execution.
//!
//! rmcp knows only the tasks of later revisions (an extension: [`crate::tasks`]). What it cannot read is
//! therefore renamed where messages arrive ([`recognized`]), reaches the service as a custom request, and is
//! answered with a custom result ([`answer`]); what it cannot write is added where messages leave
//! ([`declared`]). Clients of other revisions are answered as if none of this were there.

mod answer;
mod boundary;
mod watch;
mod wire;

use rmcp::model::ProtocolVersion;

pub(crate) use answer::answer;
pub(crate) use boundary::{declared, is_recognized, recognized};
pub(crate) use wire::related_to;

/// The only revision that has them.
pub(crate) const REVISION: ProtocolVersion = ProtocolVersion::V_2025_11_25;

/// What the name of a custom request begins with that stands for a request of this revision.
const PREFIX: &str = "stasis/2025-11-25/";

/// The methods that mean something else in this revision than rmcp makes of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    ListTools,
    CallTool,
    GetTask,
    TaskResult,
    ListTasks,
    CancelTask,
}

impl Method {
    const ALL: [Self; 6] =
        [Self::ListTools, Self::CallTool, Self::GetTask, Self::TaskResult, Self::ListTasks, Self::CancelTask];

    const fn name(self) -> &'static str {
        match self {
            Self::ListTools => "tools/list",
            Self::CallTool => "tools/call",
            Self::GetTask => "tasks/get",
            Self::TaskResult => "tasks/result",
            Self::ListTasks => "tasks/list",
            Self::CancelTask => "tasks/cancel",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.name() == name)
    }

    /// The method that a custom request stands for.
    pub(crate) fn of_custom(name: &str) -> Option<Self> {
        name.strip_prefix(PREFIX).and_then(Self::named)
    }

    /// The name of the custom request that stands for it.
    fn custom(self) -> String {
        format!("{PREFIX}{}", self.name())
    }
}
