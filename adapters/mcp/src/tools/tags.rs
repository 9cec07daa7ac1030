//! Tags of heaps.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use stasis_api::{Api, ApiError, HeapTags, TaggedHeaps};
use stasis_core::RunRules;

use crate::{
    answer::Answer,
    asked::Asked,
    tool::{Effect, Tool},
};

/// `get_heap_tags`
pub(crate) struct Get;

/// Which heap.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GetArguments {
    /// The heap's id, 64 hexadecimal digits.
    heap: String,
}

impl Tool for Get {
    type Arguments = GetArguments;
    type Answer = HeapTags;
    const NAME: &'static str = "get_heap_tags";
    const TITLE: &'static str = "Get a heap's tags";
    const EFFECT: Effect = Effect::Reads;

    fn description(_: &RunRules) -> String {
        "Returns the tags of a heap. Example: {\"heap\": \"<heap id from run_js>\"}.".to_owned()
    }

    async fn call(api: &Api, arguments: GetArguments, _: &Asked) -> Result<Answer<HeapTags>, ApiError> {
        Ok(Answer::Given(api.heap_tags(&arguments.heap).await?))
    }
}

/// `set_heap_tags`
pub(crate) struct Set;

/// Which heap, and which tags it is to have.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetArguments {
    /// The heap's id, 64 hexadecimal digits.
    heap: String,
    /// All the tags that it is to have.
    tags: BTreeMap<String, String>,
}

impl Tool for Set {
    type Arguments = SetArguments;
    type Answer = HeapTags;
    const NAME: &'static str = "set_heap_tags";
    const TITLE: &'static str = "Set a heap's tags";
    const EFFECT: Effect = Effect::Replaces;

    fn description(_: &RunRules) -> String {
        "Gives a heap these tags and no others, so that it can be found by them. Example: {\"heap\": \
         \"<heap id from run_js>\", \"tags\": {\"step\": \"cleaned\"}}."
            .to_owned()
    }

    async fn call(api: &Api, arguments: SetArguments, _: &Asked) -> Result<Answer<HeapTags>, ApiError> {
        Ok(Answer::Given(api.set_heap_tags(&arguments.heap, arguments.tags).await?))
    }
}

/// `delete_heap_tags`
pub(crate) struct Delete;

/// Which heap, and which of its tags.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeleteArguments {
    /// The heap's id, 64 hexadecimal digits.
    heap: String,
    /// Names of the tags to take away (default all).
    keys: Option<Vec<String>>,
}

impl Tool for Delete {
    type Arguments = DeleteArguments;
    type Answer = HeapTags;
    const NAME: &'static str = "delete_heap_tags";
    const TITLE: &'static str = "Delete a heap's tags";
    const EFFECT: Effect = Effect::Replaces;

    fn description(_: &RunRules) -> String {
        "Takes some tags of a heap away, or all, and returns what is left. Example: {\"heap\": \"<heap id \
         from run_js>\", \"keys\": [\"step\"]}."
            .to_owned()
    }

    async fn call(api: &Api, arguments: DeleteArguments, _: &Asked) -> Result<Answer<HeapTags>, ApiError> {
        Ok(Answer::Given(api.delete_heap_tags(&arguments.heap, arguments.keys.as_deref()).await?))
    }
}

/// `query_heaps_by_tags`
pub(crate) struct Query;

/// Which tags, and which page.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct QueryArguments {
    /// Tags that a heap must all have.
    tags: BTreeMap<String, String>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// The most entries, 1 to 1,000 (default 100).
    limit: Option<u64>,
}

impl Tool for Query {
    type Arguments = QueryArguments;
    type Answer = TaggedHeaps;
    const NAME: &'static str = "query_heaps_by_tags";
    const TITLE: &'static str = "Find heaps by tags";
    const EFFECT: Effect = Effect::Reads;

    fn description(_: &RunRules) -> String {
        "Finds heaps that have all these tags, in pages. Example: {\"tags\": {\"step\": \"cleaned\"}}."
            .to_owned()
    }

    async fn call(api: &Api, arguments: QueryArguments, _: &Asked) -> Result<Answer<TaggedHeaps>, ApiError> {
        let QueryArguments { tags, cursor, limit } = arguments;
        Ok(Answer::Given(api.heaps_by_tags(tags, cursor.as_deref(), limit).await?))
    }
}
