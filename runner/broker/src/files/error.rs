//! What goes wrong with files, in the words of Node.

use rustix::io::Errno;
use stasis_core::host::HostError;

use super::{limits::LimitError, question::Question, script_path::PathError};

/// Why something was not done with a file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    /// The operating system says no.
    #[error("{call}: {errno}")]
    System { errno: Errno, call: &'static str },
    /// It lies in a place that the kernel keeps for itself.
    #[error("what lies in /proc, /sys and /dev is off limits to scripts")]
    Special,
    /// It lies in a place that the server keeps for itself.
    #[error("this place is off limits to scripts on this server")]
    OffLimits,
    /// It is something that would have to be treated in other ways than a file.
    #[error("only regular files are opened, not devices, pipes and sockets")]
    NoRegularFile { call: &'static str },
    /// It is somewhere else than it was when the policy was asked.
    #[error("the path was changed by somebody else in the meantime: try again")]
    Changed,
    /// A link leads to a name that cannot be put to a policy.
    #[error("a link on the way has a target that is not UTF-8")]
    NotUnicode,
    /// A copy of a file onto itself.
    #[error("source and destination are the same file")]
    SameFile,
    /// What a single call may do, or a run.
    #[error(transparent)]
    Limit(#[from] LimitError),
}

impl FileError {
    /// An error of a system call, under the name that Node has for it.
    pub(crate) fn in_call(call: &'static str) -> impl FnOnce(Errno) -> Self {
        move |errno| Self::System { errno, call }
    }

    /// An error of a system call that the standard library has made.
    pub(crate) fn of_io(call: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |error| Self::System { errno: Errno::from_io_error(&error).unwrap_or(Errno::IO), call }
    }

    /// Whether this says that there is nothing of that name.
    pub(crate) fn is_absence(&self) -> bool {
        matches!(self, Self::System { errno: Errno::NOENT, .. })
    }

    /// What the script is told.
    pub(crate) fn told(&self, question: &Question) -> HostError {
        let operation = question.operation();
        let (errno, call) = match self {
            Self::System { errno, call } => (*errno, *call),
            Self::Special | Self::OffLimits => (Errno::ACCESS, operation),
            Self::NoRegularFile { call } => (Errno::ACCESS, *call),
            Self::Changed => (Errno::BUSY, operation),
            Self::NotUnicode | Self::SameFile => (Errno::INVAL, operation),
            Self::Limit(limit) => (limit.errno(), operation),
        };
        let (code, meaning) = name_of(errno);
        let mut message = format!("{code}: {meaning}, {call} {}", question.paths_as_written());
        if !matches!(self, Self::System { .. }) {
            message = format!("{message} ({self})");
        }
        HostError::with_code(code, message)
    }
}

/// What a script is told about a path that is none. There is no question yet.
pub(crate) fn told_of_path(error: PathError, operation: &str, path: &str) -> HostError {
    let errno = match error {
        PathError::Relative | PathError::Nul => Errno::INVAL,
        PathError::TooLong => Errno::NAMETOOLONG,
    };
    let (code, meaning) = name_of(errno);
    HostError::with_code(code, format!("{code}: {meaning}, {operation} '{}' ({error})", shortened(path)))
}

/// Most characters of a path that are repeated in a message about it.
const MAX_SHOWN_CHARACTERS: usize = 200;

fn shortened(path: &str) -> String {
    match path.char_indices().nth(MAX_SHOWN_CHARACTERS) {
        Some((end, _)) => format!("{}…", &path[..end]),
        None => path.to_owned(),
    }
}

/// Code and meaning, as Node tells them.
fn name_of(errno: Errno) -> (&'static str, &'static str) {
    const NAMES: [(Errno, &str, &str); 25] = [
        (Errno::NOENT, "ENOENT", "no such file or directory"),
        (Errno::ACCESS, "EACCES", "permission denied"),
        (Errno::EXIST, "EEXIST", "file already exists"),
        (Errno::ISDIR, "EISDIR", "illegal operation on a directory"),
        (Errno::NOTDIR, "ENOTDIR", "not a directory"),
        (Errno::NOTEMPTY, "ENOTEMPTY", "directory not empty"),
        (Errno::NAMETOOLONG, "ENAMETOOLONG", "name too long"),
        (Errno::LOOP, "ELOOP", "too many symbolic links encountered"),
        (Errno::MFILE, "EMFILE", "too many open files"),
        (Errno::NFILE, "ENFILE", "file table overflow"),
        (Errno::NOSPC, "ENOSPC", "no space left on device"),
        (Errno::ROFS, "EROFS", "read-only file system"),
        (Errno::FBIG, "EFBIG", "file too large"),
        (Errno::INVAL, "EINVAL", "invalid argument"),
        (Errno::PERM, "EPERM", "operation not permitted"),
        (Errno::XDEV, "EXDEV", "cross-device link not permitted"),
        (Errno::BUSY, "EBUSY", "resource busy or locked"),
        (Errno::DQUOT, "EDQUOT", "disk quota exceeded"),
        (Errno::IO, "EIO", "i/o error"),
        (Errno::MLINK, "EMLINK", "too many links"),
        (Errno::NOMEM, "ENOMEM", "not enough memory"),
        (Errno::STALE, "ESTALE", "stale file handle"),
        (Errno::TXTBSY, "ETXTBSY", "text file is busy"),
        (Errno::NXIO, "ENXIO", "no such device or address"),
        (Errno::OPNOTSUPP, "ENOTSUP", "operation not supported"),
    ];
    let known = NAMES.into_iter().find(|(known, ..)| *known == errno);
    known.map_or(("UNKNOWN", "unknown error"), |(_, code, meaning)| (code, meaning))
}

#[cfg(test)]
mod tests {
    use stasis_core::host::FileCall;

    use super::*;

    #[test]
    fn errors_have_the_words_of_node() {
        let path = "/x".to_owned();
        let question = Question::of(&FileCall::Stat { path: path.clone() }).expect("a path");
        let check = |errno: Errno, expect: &str| {
            let told = FileError::System { errno, call: "stat" }.told(&question);
            assert_eq!(told.message, format!("{expect}, stat '/x'"));
            assert_eq!(told.code.as_deref(), expect.split(':').next());
        };
        check(Errno::MFILE, "EMFILE: too many open files");
        check(Errno::NOSPC, "ENOSPC: no space left on device");
        check(Errno::ROFS, "EROFS: read-only file system");
        check(Errno::PERM, "EPERM: operation not permitted");
        check(Errno::XDEV, "EXDEV: cross-device link not permitted");
        check(Errno::IO, "EIO: i/o error");
        check(Errno::NOTTY, "UNKNOWN: unknown error");
        let destination = "/y".to_owned();
        let question = Question::of(&FileCall::Rename { path, destination }).expect("two paths");
        let told = FileError::System { errno: Errno::XDEV, call: "rename" }.told(&question);
        assert_eq!(told.message, "EXDEV: cross-device link not permitted, rename '/x' -> '/y'");
    }
}
