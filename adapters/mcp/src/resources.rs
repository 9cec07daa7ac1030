//! Console outputs and sessions' histories as resources.

mod uri;

use rmcp::{
    ErrorData,
    model::{
        JsonObject, ListResourceTemplatesResult, ListResourcesResult, MetaObject, ReadResourceResult,
        Resource, ResourceContents, ResourceTemplate,
    },
};
use serde_json::Value;
use stasis_api::{Api, ApiError, ErrorKind, OutputArguments};

use crate::{answer::refusal, server::no_such_cursor};
use uri::{OUTPUT_TEMPLATE, SESSION_TEMPLATE, Uri};

/// Bytes of a console output that are read at once, unless something else is asked for.
const OUTPUT_BYTES: u64 = 1 << 20;

/// What a list goes on with.
#[derive(Debug, PartialEq, Eq)]
enum Cursor<'a> {
    /// Executions older than this one.
    Executions(Option<&'a str>),
    /// Sessions after this one.
    Sessions(Option<&'a str>),
}

impl<'a> Cursor<'a> {
    fn parse(text: Option<&'a str>) -> Result<Self, ErrorData> {
        let Some(text) = text else { return Ok(Self::Executions(None)) };
        match text.split_once(':') {
            Some(("executions", after)) if !after.is_empty() => Ok(Self::Executions(Some(after))),
            Some(("sessions", after)) => Ok(Self::Sessions(Some(after).filter(|after| !after.is_empty()))),
            _ => Err(no_such_cursor()),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Executions(after) => format!("executions:{}", after.unwrap_or_default()),
            Self::Sessions(after) => format!("sessions:{}", after.unwrap_or_default()),
        }
    }
}

/// The name of a console output as a resource.
pub(crate) fn output_uri(id: &str) -> String {
    Uri::output(id).to_string()
}

/// `resources/list`: the outputs of executions, the newest first, then sessions.
pub(crate) async fn list(api: &Api, cursor: Option<&str>) -> Result<ListResourcesResult, ErrorData> {
    let mut result = ListResourcesResult::default();
    let next = match Cursor::parse(cursor)? {
        Cursor::Executions(after) => {
            let page = api.executions_list(after, None).await.map_err(|error| refusal(&error))?;
            result.resources = page.executions.iter().map(|item| output_of(&item.execution_id)).collect();
            match &page.next_cursor {
                Some(after) => Some(Cursor::Executions(Some(after)).text()),
                None => api.rules().stateful.then(|| Cursor::Sessions(None).text()),
            }
        }
        Cursor::Sessions(after) => {
            let page = api.sessions(after, None).await.map_err(|error| refusal(&error))?;
            result.resources = page.sessions.iter().map(|name| session(name)).collect();
            page.next_cursor.as_deref().map(|after| Cursor::Sessions(Some(after)).text())
        }
    };
    result.next_cursor = next;
    Ok(result)
}

fn output_of(id: &str) -> Resource {
    Resource::new(output_uri(id), format!("output-{id}"))
        .with_title(format!("Console output of {id}"))
        .with_mime_type("text/plain")
}

fn session(name: &str) -> Resource {
    Resource::new(Uri::session(name).to_string(), format!("session-{name}"))
        .with_title(format!("History of session {name}"))
        .with_mime_type("application/json")
}

/// `resources/templates/list`
pub(crate) fn templates(stateful: bool) -> ListResourceTemplatesResult {
    let output = ResourceTemplate::new(OUTPUT_TEMPLATE, "execution-output")
        .with_title("Console output of a run")
        .with_description("What a run printed; all of it up to 1 MiB, or a page as in get_execution_output.")
        .with_mime_type("text/plain");
    let session = ResourceTemplate::new(SESSION_TEMPLATE, "session")
        .with_title("History of a session")
        .with_description("What was run in a session, as in list_session_snapshots.")
        .with_mime_type("application/json");
    let all = if stateful { vec![output, session] } else { vec![output] };
    ListResourceTemplatesResult::with_all_items(all)
}

/// `resources/read`
pub(crate) async fn read(api: &Api, text: &str) -> Result<ReadResourceResult, ErrorData> {
    let contents = match Uri::parse(text) {
        Some(Uri::Output { id, part }) => read_output(api, text, &id, part).await,
        Some(Uri::Session { name, cursor, limit }) => {
            read_session(api, text, &name, cursor.as_deref(), limit).await
        }
        None => return Err(not_found(text)),
    };
    match contents {
        Ok(contents) => Ok(ReadResourceResult::new(vec![contents])),
        Err(error) if error.kind == ErrorKind::NotFound => Err(not_found(text)),
        Err(error) => Err(refusal(&error)),
    }
}

async fn read_output(
    api: &Api,
    uri: &str,
    id: &str,
    part: OutputArguments,
) -> Result<ResourceContents, ApiError> {
    let whole = part.line_offset.is_none() && part.line_limit.is_none() && part.byte_offset.is_none();
    let part = if whole {
        let byte_limit = part.byte_limit.or(Some(OUTPUT_BYTES));
        OutputArguments { byte_offset: Some(0), byte_limit, ..part }
    } else {
        part
    };
    let page = api.output(id.parse()?, part).await?;
    let place = [
        ("next_line_offset", page.next_line_offset.into()),
        ("next_byte_offset", page.next_byte_offset.into()),
        ("has_more", page.has_more.into()),
    ];
    let place: JsonObject = place.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Ok(ResourceContents::text(page.data, uri).with_meta(MetaObject(place)))
}

async fn read_session(
    api: &Api,
    uri: &str,
    name: &str,
    cursor: Option<&str>,
    limit: Option<u64>,
) -> Result<ResourceContents, ApiError> {
    let entries = api.session_entries(name, None, cursor, limit).await?;
    let text = serde_json::to_value(entries).unwrap_or(Value::Null).to_string();
    Ok(ResourceContents::text(text, uri).with_mime_type("application/json"))
}

fn not_found(uri: &str) -> ErrorData {
    let data = serde_json::json!({ "uri": uri });
    ErrorData::resource_not_found(format!("there is no resource {uri}"), Some(data))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        for cursor in [Cursor::Executions(Some("x")), Cursor::Sessions(None), Cursor::Sessions(Some("a:b"))] {
            let text = cursor.text();
            assert_eq!(Cursor::parse(Some(&text)), Ok(cursor));
        }
        assert_eq!(Cursor::parse(None), Ok(Cursor::Executions(None)));
        for bad in ["", "x", "executions:", "other:1"] {
            assert!(Cursor::parse(Some(bad)).is_err(), "{bad}");
        }
    }
}
