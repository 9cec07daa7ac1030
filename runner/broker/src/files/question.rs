//! What a policy is asked about files.

use serde::Serialize;
use serde_json::Value;
use stasis_core::host::{FileCall, FileEncoding, HostError};
use stasis_policy::Denial;

use super::{
    error::told_of_path,
    forbidden::Reach,
    resolve::{LastLink, Resolved},
    script_path::ScriptPath,
};

/// What a script wants to do, and to which paths.
#[derive(Debug)]
pub(crate) struct Question {
    operation: &'static str,
    path: ScriptPath,
    destination: Option<ScriptPath>,
    recursive: Option<bool>,
    encoding: Option<&'static str>,
    last_link: LastLink,
    reach: Reach,
}

/// The policy's input.
#[derive(Debug, Serialize)]
struct Input<'a> {
    operation: &'a str,
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    destination: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recursive: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    encoding: Option<&'a str>,
}

impl Question {
    /// What a call asks for.
    ///
    /// # Errors
    /// A path is none.
    pub(crate) fn of(call: &FileCall) -> Result<Self, HostError> {
        match call {
            FileCall::ReadFile { path, encoding } => {
                let encoding = match encoding {
                    FileEncoding::Utf8 => "utf8",
                    FileEncoding::Buffer => "buffer",
                };
                Ok(Self { encoding: Some(encoding), ..Self::about("readFile", path)? })
            }
            FileCall::WriteFile { path, .. } => Self::about("writeFile", path),
            FileCall::AppendFile { path, .. } => Self::about("appendFile", path),
            FileCall::ReadFolder { path } => Self::about("readdir", path),
            FileCall::Stat { path } => Self::about("stat", path),
            FileCall::Exists { path } => Self::about("exists", path),
            FileCall::MakeFolder { path, recursive } => {
                // A link is in the way of a new folder; only who does not mind its being there follows it.
                let last_link = if *recursive { LastLink::Followed } else { LastLink::Itself };
                Ok(Self { recursive: Some(*recursive), last_link, ..Self::about("mkdir", path)? })
            }
            FileCall::Remove { path, recursive, .. } => {
                let reach = if *recursive { Reach::Below } else { Reach::Itself };
                let last_link = LastLink::Itself;
                Ok(Self { recursive: Some(*recursive), last_link, reach, ..Self::about("rm", path)? })
            }
            FileCall::Rename { path, destination } => {
                let (last_link, reach) = (LastLink::Itself, Reach::Below);
                Ok(Self { last_link, reach, ..Self::from_to("rename", path, destination)? })
            }
            FileCall::CopyFile { path, destination } => Self::from_to("copyFile", path, destination),
        }
    }

    fn about(operation: &'static str, path: &str) -> Result<Self, HostError> {
        Ok(Self {
            operation,
            path: parse(operation, path)?,
            destination: None,
            recursive: None,
            encoding: None,
            last_link: LastLink::Followed,
            reach: Reach::Itself,
        })
    }

    fn from_to(operation: &'static str, path: &str, destination: &str) -> Result<Self, HostError> {
        let destination = Some(parse(operation, destination)?);
        Ok(Self { destination, ..Self::about(operation, path)? })
    }

    /// The name that policies and scripts have for it.
    pub(crate) fn operation(&self) -> &'static str {
        self.operation
    }

    /// The path.
    pub(crate) fn path(&self) -> &ScriptPath {
        &self.path
    }

    /// The second path, if the operation has one.
    pub(crate) fn destination(&self) -> Option<&ScriptPath> {
        self.destination.as_ref()
    }

    /// What becomes of a link at the end of the paths.
    pub(crate) fn last_link(&self) -> LastLink {
        self.last_link
    }

    /// Whether what is below the paths is affected as well.
    pub(crate) fn reach(&self) -> Reach {
        self.reach
    }

    /// What the policy is asked.
    pub(crate) fn input(&self, path: &Resolved, destination: Option<&Resolved>) -> Value {
        let input = Input {
            operation: self.operation,
            path: path.path(),
            destination: destination.map(Resolved::path),
            recursive: self.recursive,
            encoding: self.encoding,
        };
        serde_json::to_value(input).expect("strings and booleans are always JSON")
    }

    /// What the script is told when the policy says no. Where links lead is none of its business.
    pub(crate) fn denied(&self, denial: &Denial) -> HostError {
        let paths = match &self.destination {
            None => self.path.as_written().to_owned(),
            Some(to) => format!("{} -> {}", self.path.as_written(), to.as_written()),
        };
        let reason = denial.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        let operation = self.operation;
        HostError::with_code(
            "EACCES",
            format!("fs.{operation} denied by policy: {paths} is not allowed{reason}"),
        )
    }

    /// The paths as Node shows them in errors.
    pub(crate) fn paths_as_written(&self) -> String {
        match &self.destination {
            None => format!("'{}'", self.path.as_written()),
            Some(to) => format!("'{}' -> '{}'", self.path.as_written(), to.as_written()),
        }
    }
}

fn parse(operation: &str, path: &str) -> Result<ScriptPath, HostError> {
    ScriptPath::parse(path).map_err(|error| told_of_path(error, operation, path))
}
