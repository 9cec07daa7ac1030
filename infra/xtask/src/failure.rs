//! How a command of ours can fail, and what the shell is told.

use std::{
    io,
    path::{Path, PathBuf},
    process::{ExitCode, ExitStatus},
};

/// Why `cargo xtask` did not succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line makes no sense.
    Usage(String),
    /// A program we started failed; it has already said why.
    Program(ExitStatus),
    /// A program could not be started.
    Start { program: String, source: io::Error },
    /// A file could not be used.
    File { doing: &'static str, path: PathBuf, source: io::Error },
    /// Something else is not as it must be.
    Broken(String),
}

impl Failure {
    /// For `map_err` on file operations.
    pub(crate) fn file(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::File { doing, path: path.to_owned(), source }
    }

    /// What to tell the user, unless somebody has told it already.
    pub(crate) fn message(&self) -> Option<String> {
        match self {
            Self::Usage(message) | Self::Broken(message) => Some(message.clone()),
            Self::Program(_) => None,
            Self::Start { program, source } => Some(format!("cannot start `{program}`: {source}")),
            Self::File { doing, path, source } => {
                Some(format!("cannot {doing} {}: {source}", path.display()))
            }
        }
    }

    /// 2 for a bad command line, a program's own code, otherwise 1.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::from(2),
            Self::Program(status) => {
                let code = status.code().and_then(|code| u8::try_from(code).ok());
                code.filter(|&code| code != 0).map_or(ExitCode::FAILURE, ExitCode::from)
            }
            Self::Start { .. } | Self::File { .. } | Self::Broken(_) => ExitCode::FAILURE,
        }
    }
}
