//! Names of resources.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use stasis_api::OutputArguments;
use url::form_urlencoded;

/// How the name of a console output is made.
pub(crate) const OUTPUT_TEMPLATE: &str =
    "stasis://executions/{execution_id}/output{?line_offset,line_limit,byte_offset,byte_limit}";
/// How the name of a session's history is made.
pub(crate) const SESSION_TEMPLATE: &str = "stasis://sessions/{session}{?cursor,limit}";

/// What simple expansion of a template (RFC 6570) leaves as it is.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The name of a resource.
#[derive(Debug)]
pub(crate) enum Uri {
    /// A part of what an execution has printed.
    Output {
        /// The execution.
        id: String,
        /// The part.
        part: OutputArguments,
    },
    /// A page of a session's history.
    Session {
        /// The session.
        name: String,
        /// Where the page begins.
        cursor: Option<String>,
        /// The most entries.
        limit: Option<u64>,
    },
}

impl Uri {
    /// All that an execution has printed.
    pub(crate) fn output(id: &str) -> Self {
        Self::Output { id: id.to_owned(), part: OutputArguments::default() }
    }

    /// A session's history from its beginning.
    pub(crate) fn session(name: &str) -> Self {
        Self::Session { name: name.to_owned(), cursor: None, limit: None }
    }

    /// What a text names, if it can be anything of ours.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        let path = path.strip_prefix("stasis://")?;
        let parameters: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
        let parameter = |name: &str| parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value);
        // A number that is none makes it the name of nothing.
        let number = |name: &str| parameter(name).map(|value| value.parse::<u64>()).transpose().ok();
        if let Some(session) = path.strip_prefix("sessions/") {
            let name = percent_decode_str(session).decode_utf8().ok()?.into_owned();
            let cursor = parameter("cursor").map(ToString::to_string);
            return Some(Self::Session { name, cursor, limit: number("limit")? });
        }
        let id = path.strip_prefix("executions/")?.strip_suffix("/output")?.to_owned();
        let part = OutputArguments {
            line_offset: number("line_offset")?,
            line_limit: number("line_limit")?,
            byte_offset: number("byte_offset")?,
            byte_limit: number("byte_limit")?,
        };
        Some(Self::Output { id, part })
    }
}

/// The name without its query.
impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Output { id, .. } => write!(f, "stasis://executions/{id}/output"),
            Self::Session { name, .. } => {
                write!(f, "stasis://sessions/{}", utf8_percent_encode(name, RESERVED))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_of_any_name_has_a_uri() {
        for name in ["budget", "a b", "a/b?c#d", "..", "Zoë", "100%"] {
            let text = Uri::session(name).to_string();
            match Uri::parse(&text) {
                Some(Uri::Session { name: read, .. }) => assert_eq!(read, name, "{text}"),
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn what_is_not_ours_names_nothing() {
        let bad = [
            "",
            "file:///etc/passwd",
            "stasis://",
            "stasis://executions/1",
            "stasis://executions/1/output?line_offset=x",
            "stasis://sessions/%ff",
        ];
        for text in bad {
            assert!(Uri::parse(text).is_none(), "{text}");
        }
    }
}
