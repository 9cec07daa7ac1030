//! The description of the API, as OpenAPI 3.1: its schemas are JSON Schema 2020-12, and come from the types.

use std::collections::BTreeMap;

use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};
use stasis_api::{
    Cancelled, Execution, ExecutionList, Failure, HeapTags, Output, RunArguments, SessionEntries,
    SessionList, TaggedHeaps,
};

use crate::routes::Accepted;

/// One operation: method, path, summary, parameters, body and answers.
struct Operation {
    method: &'static str,
    path: &'static str,
    summary: &'static str,
    parameters: &'static [Parameter],
    body: Option<Value>,
    answers: Vec<(&'static str, &'static str, Option<Value>)>,
}

/// A parameter: where it is, its name, its type and what it says.
struct Parameter(&'static str, &'static str, &'static str, &'static str);

const EXECUTION_ID: Parameter = Parameter("path", "id", "string", "The execution's id");
const HEAP: Parameter = Parameter("path", "heap", "string", "The heap's id");
const WAIT: Parameter =
    Parameter("query", "wait", "integer", "Seconds to wait for the end, up to 600; or Prefer: wait=SECONDS");
const CURSOR: Parameter = Parameter("query", "cursor", "string", "The next_cursor of the page before");
const LIMIT: Parameter = Parameter("query", "limit", "integer", "The most entries, 1 to 1000 (default 100)");

/// The whole description.
pub fn description(version: &str) -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut generator = settings.into_generator();
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for operation in operations(&mut generator) {
        paths.entry(operation.path).or_default().insert(operation.method.to_owned(), operation.into_json());
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Stasis",
            "version": version,
            "description": "Runs JavaScript and TypeScript, and remembers.",
            "license": { "name": "MIT OR Apache-2.0" },
        },
        "paths": paths,
        "components": { "schemas": generator.take_definitions(true) },
    })
}

fn operations(generator: &mut SchemaGenerator) -> Vec<Operation> {
    fn schema<T: JsonSchema>(generator: &mut SchemaGenerator) -> Option<Value> {
        Some(generator.subschema_for::<T>().to_value())
    }
    let execution = schema::<Execution>(generator);
    let accepted = schema::<Accepted>(generator);
    let cancelled = schema::<Cancelled>(generator);
    let heap_tags = schema::<HeapTags>(generator);
    let failure = schema::<Failure>(generator);
    let bad = ("400", "What was sent is not acceptable", failure.clone());
    let absent = ("404", "It is not there", failure.clone());
    let unavailable = ("503", "A store cannot be reached, or the server is being stopped", failure.clone());
    let tags = json!({ "type": "object", "additionalProperties": { "type": "string" } });
    let run = json!({
        "required": true,
        "content": {
            "application/json": { "schema": schema::<RunArguments>(generator) },
            "text/plain": { "schema": { "type": "string", "description": "The code itself" } },
        },
    });
    let get = |path, summary, parameters, answers| Operation {
        method: "get",
        path,
        summary,
        parameters,
        body: None,
        answers,
    };
    vec![
        Operation {
            method: "post",
            path: "/api/exec",
            summary: "Run code",
            parameters: &[WAIT],
            body: Some(run),
            answers: vec![
                ("200", "It ended in time", execution.clone()),
                ("202", "It goes on; see Location", accepted),
                bad.clone(),
                absent.clone(),
                ("409", "It completed, and its session had moved on meanwhile", execution.clone()),
                ("413", "The body is too large", failure.clone()),
                ("415", "Neither JSON nor code", failure.clone()),
                ("422", "The heap is there and cannot be used", failure.clone()),
                ("429", "Too many executions are waiting; see Retry-After", failure.clone()),
                unavailable.clone(),
            ],
        },
        get(
            "/api/executions",
            "List executions, the newest first",
            &[CURSOR, LIMIT],
            vec![("200", "One page", schema::<ExecutionList>(generator)), bad.clone(), unavailable.clone()],
        ),
        get(
            "/api/executions/{id}",
            "Show an execution, or wait for its end",
            &[EXECUTION_ID, WAIT],
            vec![("200", "Its record", execution), absent.clone(), unavailable.clone()],
        ),
        get(
            "/api/executions/{id}/output",
            "Read console output by lines, or by bytes if byte_offset is given",
            &[
                EXECUTION_ID,
                Parameter("query", "line_offset", "integer", "The first line, counted from 1"),
                Parameter("query", "line_limit", "integer", "The most lines, 1 to 10000 (default 100)"),
                Parameter("query", "byte_offset", "integer", "The first byte, counted from 0"),
                Parameter("query", "byte_limit", "integer", "The most bytes, 1 to 1048576 (default 4096)"),
            ],
            vec![("200", "One page", schema::<Output>(generator)), bad.clone(), absent.clone()],
        ),
        Operation {
            method: "post",
            path: "/api/executions/{id}/cancel",
            summary: "End an execution",
            parameters: &[EXECUTION_ID],
            body: None,
            answers: vec![
                ("200", "It was in time", cancelled.clone()),
                absent.clone(),
                ("409", "It has already ended", cancelled),
            ],
        },
        get(
            "/api/sessions",
            "List sessions",
            &[CURSOR, LIMIT],
            vec![("200", "One page", schema::<SessionList>(generator)), bad.clone()],
        ),
        get(
            "/api/sessions/{session}",
            "List what was run in a session",
            &[
                Parameter("path", "session", "string", "The session's name"),
                Parameter("query", "fields", "string", "Names of fields, separated by commas"),
                CURSOR,
                LIMIT,
            ],
            vec![("200", "One page", schema::<SessionEntries>(generator)), bad.clone(), absent.clone()],
        ),
        get(
            "/api/heaps",
            "Find heaps by tags: every other parameter is a tag that they must have",
            &[CURSOR, LIMIT],
            vec![("200", "One page", schema::<TaggedHeaps>(generator)), bad.clone()],
        ),
        get(
            "/api/heaps/{heap}/tags",
            "Show a heap's tags",
            &[HEAP],
            vec![("200", "Its tags", heap_tags.clone()), bad.clone(), absent.clone()],
        ),
        Operation {
            method: "put",
            path: "/api/heaps/{heap}/tags",
            summary: "Give a heap these tags and no others",
            parameters: &[HEAP],
            body: Some(json!({ "required": true, "content": { "application/json": { "schema": tags } } })),
            answers: vec![("200", "Its tags", heap_tags.clone()), bad.clone(), absent.clone()],
        },
        Operation {
            method: "delete",
            path: "/api/heaps/{heap}/tags",
            summary: "Take tags of these names away, or all",
            parameters: &[HEAP, Parameter("query", "keys", "string", "Names of tags, separated by commas")],
            body: None,
            answers: vec![("200", "What is left", heap_tags), bad, absent],
        },
        get("/health", "Whether the process lives", &[], vec![("200", "It does", None)]),
        get("/ready", "Whether it can take work", &[], vec![("200", "It can", None), unavailable]),
        get("/metrics", "Metrics in Prometheus' text format", &[], vec![("200", "Metrics", None)]),
        get("/openapi.json", "This description", &[], vec![("200", "OpenAPI 3.1", None)]),
    ]
}

impl Operation {
    fn into_json(self) -> Value {
        let parameters: Vec<Value> = self
            .parameters
            .iter()
            .map(|Parameter(place, name, kind, text)| {
                json!({
                    "name": name,
                    "in": place,
                    "required": *place == "path",
                    "description": text,
                    "schema": { "type": kind },
                })
            })
            .collect();
        let answer = |(status, text, schema): (&str, &str, Option<Value>)| {
            let mut answer = json!({ "description": text });
            if let Some(schema) = schema {
                answer["content"] = json!({ "application/json": { "schema": schema } });
            }
            (status.to_owned(), answer)
        };
        let answers: Map<String, Value> = self.answers.into_iter().map(answer).collect();
        let mut operation = json!({ "summary": self.summary, "responses": answers });
        if !parameters.is_empty() {
            operation["parameters"] = parameters.into();
        }
        if let Some(body) = self.body {
            operation["requestBody"] = body;
        }
        operation
    }
}
