//! Sessions and their histories.

use schemars::JsonSchema;
use serde::Deserialize;
use stasis_api::{Api, ApiError, SessionEntries, SessionList};
use stasis_core::RunRules;

use super::PageArguments;
use crate::{
    answer::Answer,
    asked::Asked,
    tool::{Effect, Tool},
};

/// `list_sessions`
pub(crate) struct List;

impl Tool for List {
    type Arguments = PageArguments;
    type Answer = SessionList;
    const NAME: &'static str = "list_sessions";
    const TITLE: &'static str = "List sessions";
    const EFFECT: Effect = Effect::Reads;

    fn description(_: &RunRules) -> String {
        "Lists the names of sessions in ascending order, in pages. Example: {}.".to_owned()
    }

    async fn call(api: &Api, arguments: PageArguments, _: &Asked) -> Result<Answer<SessionList>, ApiError> {
        Ok(Answer::Given(api.sessions(arguments.cursor.as_deref(), arguments.limit).await?))
    }
}

/// `list_session_snapshots`
pub(crate) struct Snapshots;

/// Which session's entries, and which of their fields.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SnapshotsArguments {
    /// The session's name.
    session: String,
    /// Fields separated by commas, of: index, input_heap, output_heap, code, timestamp (default all).
    fields: Option<String>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// The most entries, 1 to 1,000 (default 100).
    limit: Option<u64>,
}

impl Tool for Snapshots {
    type Arguments = SnapshotsArguments;
    type Answer = SessionEntries;
    const NAME: &'static str = "list_session_snapshots";
    const TITLE: &'static str = "Read a session's history";
    const EFFECT: Effect = Effect::Reads;

    fn description(_: &RunRules) -> String {
        "Returns what was run in a session, in order, with the heap before and after each run. Pass an \
         output_heap as heap to run_js to go back to that moment. Example: {\"session\": \"budget\", \
         \"fields\": \"index,output_heap\"}."
            .to_owned()
    }

    async fn call(
        api: &Api,
        arguments: SnapshotsArguments,
        _: &Asked,
    ) -> Result<Answer<SessionEntries>, ApiError> {
        let SnapshotsArguments { session, fields, cursor, limit } = arguments;
        let entries = api.session_entries(&session, fields.as_deref(), cursor.as_deref(), limit);
        Ok(Answer::Given(entries.await?))
    }
}
