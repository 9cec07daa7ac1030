//! One entry of a chain: where a policy is, and what it is asked for.

use std::{
    ffi::OsString,
    fmt, io,
    os::unix::ffi::OsStringExt as _,
    path::{self, PathBuf},
};

use percent_encoding::percent_decode_str;
use serde::Deserialize;
use url::Url;

/// A policy that can be asked.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Entry")]
pub(crate) enum Source {
    /// An OPA server.
    Server(Server),
    /// A Rego file or a folder of them.
    Local(Local),
}

/// An OPA server, and the document it is asked for.
#[derive(Clone)]
pub(crate) struct Server {
    url: Url,
    document: Option<DocumentPath>,
}

/// A Rego file or folder, and the rule it is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Local {
    /// Absolute.
    pub(crate) path: PathBuf,
    /// None: the section's own.
    pub(crate) rule: Option<RulePath>,
}

/// Where a document is under an OPA server's `/v1/data/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DocumentPath(Vec<String>);

/// The full name of a rule, such as `data.mcp.fetch.allow`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RulePath(String);

/// What is wrong with an entry.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// Not a URL at all. The text is not repeated: it may hold a password.
    #[error("the url is not one: {0}")]
    Url(#[from] url::ParseError),
    /// Neither a server nor a file.
    #[error("a policy's url starts with http://, https:// or file://, not with {0}://")]
    Scheme(String),
    /// The address of a server says more than where it is.
    #[error("the url of a policy server has no query and no fragment")]
    ServerSuffix,
    /// A file's URL has a query or fragment.
    #[error("a file's url has no query and no fragment; write ? as %3F and # as %23 in names")]
    FileSuffix,
    /// A file's URL names nothing.
    #[error("the url names no file: write file:///absolute/path or file://path/from/the/working/directory")]
    NoFile,
    /// The working directory, from which a relative path starts, is not known.
    #[error("the working directory cannot be found")]
    WorkingDirectory(#[source] io::Error),
    /// Not the path of a document.
    #[error("policy_path is a path below /v1/data/ such as mcp/fetch, not {0:?}")]
    Document(String),
    /// Not the name of a rule.
    #[error("rule is the full name of a rule such as data.mcp.fetch.allow, not {0:?}")]
    Rule(String),
    /// A server is not asked for a rule.
    #[error("rule belongs to a file:// policy; a server is asked for its policy_path")]
    RuleOfServer,
    /// A file is not asked for a path.
    #[error("policy_path belongs to an http(s):// policy; a file is asked for its rule")]
    DocumentOfFile,
}

/// An entry as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    url: String,
    policy_path: Option<String>,
    rule: Option<String>,
}

impl TryFrom<Entry> for Source {
    type Error = SourceError;

    fn try_from(entry: Entry) -> Result<Self, SourceError> {
        if let Some(file) = entry.url.strip_prefix("file://") {
            if entry.policy_path.is_some() {
                return Err(SourceError::DocumentOfFile);
            }
            let rule = entry.rule.as_deref().map(RulePath::parse).transpose()?;
            Ok(Self::Local(Local { path: file_path(file)?, rule }))
        } else {
            if entry.rule.is_some() {
                return Err(SourceError::RuleOfServer);
            }
            Server::parse(&entry.url, entry.policy_path.as_deref()).map(Self::Server)
        }
    }
}

impl Server {
    pub(crate) fn parse(url: &str, document: Option<&str>) -> Result<Self, SourceError> {
        let url = Url::parse(url)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(SourceError::Scheme(url.scheme().to_owned()));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(SourceError::ServerSuffix);
        }
        Ok(Self { url, document: document.map(DocumentPath::parse).transpose()? })
    }

    pub(crate) fn document(&self) -> Option<&DocumentPath> {
        self.document.as_ref()
    }

    /// Where to ask for a document. User name and password, if any, are still in it.
    pub(crate) fn endpoint(&self, document: &DocumentPath) -> Url {
        let mut url = self.url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["v1", "data"]).extend(&document.0);
        }
        url
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Server")
            .field("origin", &self.url.origin().ascii_serialization())
            .field("document", &self.document)
            .finish_non_exhaustive()
    }
}

impl DocumentPath {
    pub(crate) fn parse(text: &str) -> Result<Self, SourceError> {
        let segments: Vec<String> = text.trim_matches('/').split('/').map(str::to_owned).collect();
        if segments.iter().any(|segment| matches!(segment.as_str(), "" | "." | "..")) {
            return Err(SourceError::Document(text.to_owned()));
        }
        Ok(Self(segments))
    }

    /// As Rego names it: `data.mcp.fetch`.
    pub(crate) fn dotted(&self) -> String {
        format!("data.{}", self.0.join("."))
    }
}

impl RulePath {
    pub(crate) fn parse(text: &str) -> Result<Self, SourceError> {
        let named = text
            .strip_prefix("data.")
            .is_some_and(|names| names.split('.').count() >= 2 && names.split('.').all(is_identifier));
        if named { Ok(Self(text.to_owned())) } else { Err(SourceError::Rule(text.to_owned())) }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_identifier(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

/// The file that the rest of a `file://` URL names. Without a leading slash it starts from the working
/// directory, not, as the standard would have it, with the name of a host: no policy is on another host.
fn file_path(rest: &str) -> Result<PathBuf, SourceError> {
    if rest.contains(['?', '#']) {
        return Err(SourceError::FileSuffix);
    }
    let bytes: Vec<u8> = percent_decode_str(rest).collect();
    if bytes.is_empty() || bytes.contains(&0) {
        return Err(SourceError::NoFile);
    }
    path::absolute(OsString::from_vec(bytes)).map_err(SourceError::WorkingDirectory)
}
