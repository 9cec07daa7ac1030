//! What can be allowed: the sections of a policy configuration.

use std::fmt;

/// A kind of question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// Requests to other servers.
    Fetch,
    /// What scripts do with files.
    Filesystem,
    /// Modules that scripts import.
    Modules,
}

impl Section {
    /// The name in a configuration, in the log and in the names of rules.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fetch => "fetch",
            Self::Filesystem => "filesystem",
            Self::Modules => "modules",
        }
    }

    /// The document that a remote server is asked for unless the configuration names another.
    pub(crate) fn default_document(self) -> &'static str {
        match self {
            Self::Fetch => "mcp/fetch",
            Self::Filesystem => "mcp/filesystem",
            Self::Modules => "mcp/modules",
        }
    }

    /// The rules that local files are asked for unless the configuration names one; the first that the
    /// files define counts.
    pub(crate) fn default_rules(self) -> &'static [&'static str] {
        match self {
            Self::Fetch => &["data.mcp.fetch.allow"],
            // Policies written for the predecessor's sample use the short name.
            Self::Filesystem => &["data.mcp.filesystem.allow", "data.mcp.fs.allow"],
            Self::Modules => &["data.mcp.modules.allow"],
        }
    }
}

impl fmt::Display for Section {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
