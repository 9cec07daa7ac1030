//! Why a module cannot be had.

use std::{io, path::PathBuf, sync::Arc};

use reqwest::StatusCode;
use stasis_core::host::HostError;

use super::specifier::SpecifierError;
use crate::outbound::OutboundError;

/// Modules that cannot be served at all.
#[derive(Debug, thiserror::Error)]
pub enum ModuleSetupError {
    /// The base URL is none.
    #[error("the module base URL must be an http: or https: URL without user, query and fragment")]
    BaseUrl,
    /// The cache's folder cannot be used.
    #[error("cannot use {} as the module cache", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        error: io::Error,
    },
}

/// Why one module is not there. Those who wait for the same module get the same error.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum ModuleError {
    #[error("modules are off on this server; its operator can allow them with --allow-external-modules")]
    Off,
    #[error(transparent)]
    Specifier(#[from] SpecifierError),
    #[error("denied by policy")]
    Denied { url: String, reason: Option<String> },
    #[error(transparent)]
    Outbound(Arc<OutboundError>),
    #[error("there is no module at {0}; check the package's name and version, or the URL")]
    Absent(String),
    #[error("{url} answered with status {}{}", status.as_u16(), advice(*status))]
    Status { url: String, status: StatusCode },
    #[error("{0} redirects, but not to anywhere")]
    Redirect(String),
    #[error("{url} redirects to a URL that cannot be a module: {error}")]
    RedirectTarget { url: String, error: SpecifierError },
    #[error("{0} redirects from https: to http:, which could be forged")]
    Downgrade(String),
    #[error("there were more than {0} redirects")]
    Redirects(usize),
    #[error("{url} is {content_type}, which is no module: JavaScript, TypeScript and JSON are")]
    ContentType { url: String, content_type: String },
    #[error("{0} is a web page, not a module: find the URL of the source itself")]
    WebPage(String),
    #[error("{0} is not UTF-8")]
    NotUnicode(String),
    #[error("a run imports at most {0} modules")]
    Modules(u64),
    #[error("a run imports modules of at most {0} bytes altogether")]
    TotalBytes(u64),
}

impl ModuleError {
    /// What the script is told.
    pub(super) fn told(&self, specifier: &str) -> HostError {
        HostError::new(match self {
            Self::Off => format!(
                "Import of {} is not allowed: modules are off on this server. Its operator can allow them with \
                 --allow-external-modules.",
                shortened(specifier)
            ),
            Self::Denied { url, reason } => {
                let reason = reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
                format!("import denied by policy: {url} is not allowed{reason}")
            }
            error => format!("Cannot import {}: {error}", shortened(specifier)),
        })
    }
}

impl From<OutboundError> for ModuleError {
    fn from(error: OutboundError) -> Self {
        Self::Outbound(Arc::new(error))
    }
}

/// Most characters of a specifier that are repeated in a message about it.
const MAX_SHOWN_CHARACTERS: usize = 200;

fn shortened(specifier: &str) -> String {
    match specifier.char_indices().nth(MAX_SHOWN_CHARACTERS) {
        Some((end, _)) => format!("{}…", &specifier[..end]),
        None => specifier.to_owned(),
    }
}

fn advice(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => ": it does not hand this out",
        StatusCode::TOO_MANY_REQUESTS => ": there were too many requests, try again later",
        status if status.is_server_error() => ": the server failed, try again later or another version",
        _ => "",
    }
}
