//! What is wrong with a Rego file, and where.

use std::{
    fmt,
    path::{Path, PathBuf},
};

/// A mistake in a Rego file. Shown as `file:line:column: reason`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegoFault {
    /// The file; the folder if the mistake is not in one file.
    pub file: PathBuf,
    /// Line and column, both from 1, where the compiler knows them.
    pub place: Option<(u32, u32)>,
    /// What is wrong. May quote the policy and values that it works on.
    pub reason: String,
}

impl RegoFault {
    /// Takes the compiler's message apart. Its errors have no fields, only this text:
    ///
    /// ```text
    /// --> FILE:LINE:COLUMN
    ///   |
    /// 4 |   the line
    ///   |       ^
    /// error: REASON
    /// ```
    ///
    /// A message that looks different is the reason as a whole.
    pub(super) fn from_message(message: &str, policy: &Path) -> Self {
        let parts = || {
            let (place, rest) = message.trim_start().strip_prefix("--> ")?.split_once('\n')?;
            let (_, reason) = rest.split_once("\nerror: ")?;
            let mut place = place.rsplitn(3, ':');
            let (column, line) = (place.next()?.parse().ok()?, place.next()?.parse().ok()?);
            Some(Self {
                file: PathBuf::from(place.next()?),
                place: Some((line, column)),
                reason: reason.trim().to_owned(),
            })
        };
        parts().unwrap_or_else(|| Self {
            file: policy.to_owned(),
            place: None,
            reason: message.trim().to_owned(),
        })
    }

    /// The place in words that may be shown to scripts: no more of the path than the file's name.
    pub(super) fn public_place(&self) -> String {
        let file = public_name(&self.file);
        match self.place {
            Some((line, _)) => format!("{file}, line {line}"),
            None => file,
        }
    }
}

impl fmt::Display for RegoFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:", self.file.display())?;
        if let Some((line, column)) = self.place {
            write!(formatter, "{line}:{column}:")?;
        }
        write!(formatter, " {}", self.reason)
    }
}

/// What scripts may know of a policy's path: where the operator keeps it is no business of theirs.
pub(super) fn public_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_taken_apart() {
        let check = |message: &str, expect: &str| {
            assert_eq!(RegoFault::from_message(message, Path::new("/p")).to_string(), expect);
        };
        check(
            "\n--> /a b:c/x.rego:4:3\n  |\n4 | foo\n  |   ^\nerror: no good\n",
            "/a b:c/x.rego:4:3: no good",
        );
        check("something else", "/p: something else");
        check("\n--> x.rego:four:3\nerror: no", "/p: --> x.rego:four:3\nerror: no");
    }
}
