//! Paths as scripts write them, checked and split into names.

/// Most bytes of a path (Linux's `PATH_MAX`, without the NUL that ends it there).
pub(crate) const MAX_PATH_BYTES: usize = 4095;

/// An absolute path without `.`, `..` and double slashes. A `..` goes by what is written, as `path.resolve`
/// does it: whether the folder before it exists makes no difference and cannot be found out this way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ScriptPath {
    text: String,
    names: Vec<String>,
    names_folder: bool,
}

/// Why a text is no path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PathError {
    #[error("paths must be absolute, such as '/folder/file': there is no current folder")]
    Relative,
    #[error("paths cannot contain a NUL character")]
    Nul,
    #[error("paths have at most {MAX_PATH_BYTES} bytes")]
    TooLong,
}

impl ScriptPath {
    /// Checks and splits what a script wrote.
    pub(crate) fn parse(text: &str) -> Result<Self, PathError> {
        if text.len() > MAX_PATH_BYTES {
            return Err(PathError::TooLong);
        }
        if text.contains('\0') {
            return Err(PathError::Nul);
        }
        if !text.starts_with('/') {
            return Err(PathError::Relative);
        }
        let mut names = Vec::new();
        for name in text.split('/') {
            push_lexically(&mut names, name);
        }
        let names_folder = matches!(text.rsplit('/').next(), Some("" | "." | ".."));
        Ok(Self { text: text.to_owned(), names, names_folder })
    }

    /// What the script wrote, for what it is told.
    pub(crate) fn as_written(&self) -> &str {
        &self.text
    }

    /// The names from the root on; none for the root itself.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether it ends in a slash, and so can only stand for a folder.
    pub(crate) fn names_folder(&self) -> bool {
        self.names_folder
    }
}

/// Goes one name on from a folder, by what is written alone.
pub(crate) fn push_lexically(names: &mut Vec<String>, name: &str) {
    match name {
        "" | "." => {}
        ".." => drop(names.pop()),
        name => names.push(name.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_split_by_what_is_written() {
        let check = |text: &str, expect: &[&str], folder: bool| {
            let path = ScriptPath::parse(text).expect(text);
            assert_eq!(path.names(), expect, "{text}");
            assert_eq!(path.names_folder(), folder, "{text}");
        };
        check("/", &[], true);
        check("/a/b", &["a", "b"], false);
        check("//a///b/", &["a", "b"], true);
        check("/a/./b/.", &["a", "b"], true);
        check("/a/../b", &["b"], false);
        check("/../../a/..", &[], true);
        check("/a/%2e%2e/b", &["a", "%2e%2e", "b"], false);
        check("/a/...", &["a", "..."], false);
        check("/a\\..\\b", &["a\\..\\b"], false);
    }

    #[test]
    fn what_is_no_path_is_refused() {
        let check = |text: &str, expect: PathError| assert_eq!(ScriptPath::parse(text), Err(expect));
        check("", PathError::Relative);
        check("a", PathError::Relative);
        check("file:///a", PathError::Relative);
        check("/a\0b", PathError::Nul);
        check(&format!("/{}", "a".repeat(MAX_PATH_BYTES)), PathError::TooLong);
    }
}
