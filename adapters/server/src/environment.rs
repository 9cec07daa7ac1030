//! What commands take from the environment besides settings. It is read once, where configuration is made.

use std::{ffi::OsString, path::PathBuf};

use crate::failure::Failure;

/// Shows what V8 says when it aborts.
const WORKER_ERRORS: &str = "STASIS_WORKER_ERRORS";

/// See the module.
#[derive(Debug)]
pub(crate) struct Environment {
    /// Where what belongs to this user is kept.
    data_home: Option<PathBuf>,
    /// What commands log; the server has a flag for it.
    pub(crate) commands_log: String,
    /// Whether workers may say something on standard error, as V8 does when it aborts.
    pub(crate) shows_worker_errors: bool,
}

impl Environment {
    /// Reads what is there.
    pub(crate) fn read(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let log = variable("STASIS_LOG").and_then(|filter| filter.into_string().ok());
        Self {
            data_home: data_home(&variable),
            commands_log: log.unwrap_or_else(|| "warn".to_owned()),
            shows_worker_errors: variable(WORKER_ERRORS).is_some(),
        }
    }

    /// Where things of this kind are kept unless the user says otherwise.
    ///
    /// # Errors
    /// If the user has no home directory.
    pub(crate) fn default_folder(&self, kind: &str) -> Result<PathBuf, Failure> {
        Ok(self.data_home.as_ref().ok_or(Failure::NoHome)?.join("stasis").join(kind))
    }

    /// What a setting comes to where it is not set, if that is decided here.
    pub(crate) fn usual_value(&self, setting: &str) -> Option<PathBuf> {
        match setting {
            "directory-path" => self.default_folder("heaps").ok(),
            "session-db-path" => self.default_folder("sessions").ok(),
            _ => None,
        }
    }

    /// What no flag says, as comments for the printed configuration.
    pub(crate) fn print(&self) -> String {
        let state = if self.shows_worker_errors { "set" } else { "not set" };
        format!("# {WORKER_ERRORS} is {state}\n")
    }
}

/// XDG Base Directory Specification: `$XDG_DATA_HOME`, or `~/.local/share`; relative paths there are
/// to be ignored.
fn data_home(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let absolute = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_DATA_HOME").or_else(|| Some(absolute("HOME")?.join(".local/share")))
}
