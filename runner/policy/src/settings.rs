//! What the operator wrote about policies, checked before anything is started.
//!
//! ```json
//! {
//!   "fetch": {"mode": "any", "policies": [
//!     {"url": "http://localhost:8181", "policy_path": "mcp/fetch"},
//!     {"url": "file:///etc/stasis/fetch.rego", "rule": "data.mcp.fetch.allow"}
//!   ]},
//!   "filesystem": {"policies": [{"url": "file://policies/filesystem"}]}
//! }
//! ```
//!
//! A `file://` URL without a third slash starts from the working directory.

mod source;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::Deserialize;

pub use source::SourceError;
pub(crate) use source::{DocumentPath, Local, RulePath, Server, Source};

use crate::Section;

/// Most bytes of a configuration.
const MAX_SETTINGS_BYTES: u64 = 1 << 20;
/// How the configuration is called where it has no file of its own.
const ARGUMENT: &str = "--policies-json";

/// Which policies decide about what.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with the sections fetch, filesystem and modules")]
pub struct PolicySettings {
    fetch: Option<ChainSettings>,
    filesystem: Option<ChainSettings>,
    modules: Option<ChainSettings>,
}

/// What the command line says about policies, as it was written.
#[derive(Debug, Clone, Copy, Default)]
pub struct PolicyFlags<'a> {
    /// `--policies-json`: JSON, or the path of a file with it.
    pub policies_json: Option<&'a str>,
    /// `--opa-url`: a server that decides about `fetch`.
    pub opa_url: Option<&'a str>,
    /// `--opa-fetch-policy`: what that server is asked for; `mcp/fetch` if it is not given.
    pub opa_fetch_policy: Option<&'a str>,
}

/// One section: policies, and how their answers make one.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with mode and policies")]
pub(crate) struct ChainSettings {
    #[serde(default)]
    pub(crate) mode: Mode,
    pub(crate) policies: Vec<Source>,
}

/// How many policies of a chain must allow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    /// Every one.
    #[default]
    All,
    /// One is enough.
    Any,
}

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file is larger than any configuration.
    #[error("{} is larger than {MAX_SETTINGS_BYTES} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The text is not JSON, or not of this form.
    #[error("{origin}:{line}:{column}: {reason}")]
    Json {
        /// The file's path, or the name of the option.
        origin: String,
        /// From 1.
        line: usize,
        /// From 1; 0 before the first character of a line.
        column: usize,
        /// What is wrong.
        reason: String,
    },
    /// `--opa-url` or `--opa-fetch-policy` is wrong.
    #[error("--opa-url and --opa-fetch-policy: {0}")]
    Opa(SourceError),
    /// `--opa-fetch-policy` without a server to ask.
    #[error("--opa-fetch-policy needs --opa-url")]
    NoServer,
    /// Two answers to the question who decides about `fetch`.
    #[error(
        "--opa-url and the fetch section of --policies-json both say who decides about fetch: \
         remove one, or list the server under fetch as {{\"url\": …, \"policy_path\": …}}"
    )]
    TwoFetchPolicies,
}

impl PolicySettings {
    /// Reads a configuration: JSON if the text starts with `{`, otherwise the path of a file with JSON.
    ///
    /// # Errors
    /// With file, line and column if the text is not a configuration.
    pub fn parse(text: &str) -> Result<Self, SettingsError> {
        if text.trim_start().starts_with('{') { Self::from_json(text, ARGUMENT) } else { Self::read(text) }
    }

    /// Combines what the options of the command line say.
    ///
    /// # Errors
    /// As [`PolicySettings::parse`], or if the options contradict each other.
    pub fn from_flags(flags: PolicyFlags<'_>) -> Result<Self, SettingsError> {
        let mut settings = flags.policies_json.map(Self::parse).transpose()?.unwrap_or_default();
        match (flags.opa_url, flags.opa_fetch_policy) {
            (Some(_), _) if settings.fetch.is_some() => return Err(SettingsError::TwoFetchPolicies),
            (Some(url), document) => {
                let server = Server::parse(url, document).map_err(SettingsError::Opa)?;
                settings.fetch =
                    Some(ChainSettings { mode: Mode::All, policies: vec![Source::Server(server)] });
            }
            (None, Some(_)) => return Err(SettingsError::NoServer),
            (None, None) => {}
        }
        Ok(settings)
    }

    /// Whether scripts may be allowed anything at all.
    pub fn is_empty(&self) -> bool {
        let Self { fetch, filesystem, modules } = self;
        fetch.is_none() && filesystem.is_none() && modules.is_none()
    }

    /// The policies of a section; none if the section is not there.
    pub(crate) fn chain(&self, section: Section) -> Option<&ChainSettings> {
        match section {
            Section::Fetch => self.fetch.as_ref(),
            Section::Filesystem => self.filesystem.as_ref(),
            Section::Modules => self.modules.as_ref(),
        }
    }

    fn read(path: &str) -> Result<Self, SettingsError> {
        let path = Path::new(path);
        let unreadable = |source| SettingsError::Unreadable { path: path.to_owned(), source };
        if fs::metadata(path).map_err(unreadable)?.len() > MAX_SETTINGS_BYTES {
            return Err(SettingsError::TooLarge { path: path.to_owned() });
        }
        let text = fs::read_to_string(path).map_err(unreadable)?;
        Self::from_json(&text, &path.display().to_string())
    }

    fn from_json(text: &str, origin: &str) -> Result<Self, SettingsError> {
        serde_json::from_str(text).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            SettingsError::Json { origin: origin.to_owned(), line, column, reason: json_reason(&error) }
        })
    }
}

/// What is wrong with JSON, without the place, which serde_json's errors repeat at their end.
pub(crate) fn json_reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&place).unwrap_or(&text).to_owned()
}
