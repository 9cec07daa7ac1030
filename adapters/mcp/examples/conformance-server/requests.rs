//! The suite's tools that ask their client for something while they run, or tell it of progress.

use std::time::Duration;

use rmcp::{
    ErrorData, RoleServer,
    model::{CallToolResult, ClientResult, ContentBlock, ProgressNotificationParam, ServerRequest},
    service::RequestContext,
};
use serde_json::{Value, json};

use crate::content::read;

/// These tools.
pub(crate) const TOOLS: [&str; 5] = [
    "test_tool_with_progress",
    "test_sampling",
    "test_elicitation",
    "test_elicitation_sep1034_defaults",
    "test_elicitation_sep1330_enums",
];

type Context = RequestContext<RoleServer>;

/// Calls one of [`TOOLS`].
pub(crate) async fn call(
    name: &str,
    arguments: &Value,
    context: &Context,
) -> Option<Result<CallToolResult, ErrorData>> {
    Some(match name {
        "test_tool_with_progress" => progress(context).await,
        "test_sampling" => sample(arguments, context).await,
        "test_elicitation" => {
            let properties = json!({
                "username": { "type": "string", "description": "User's response" },
                "email": { "type": "string", "description": "User's email address" }
            });
            let schema =
                json!({ "type": "object", "properties": properties, "required": ["username", "email"] });
            elicit(arguments["message"].as_str().unwrap_or_default(), schema, "User response", context).await
        }
        "test_elicitation_sep1034_defaults" => {
            elicit("Please fill in", with_defaults(), "Elicitation completed", context).await
        }
        "test_elicitation_sep1330_enums" => {
            elicit("Please choose", with_enums(), "Elicitation completed", context).await
        }
        _ => return None,
    })
}

async fn progress(context: &Context) -> Result<CallToolResult, ErrorData> {
    for amount in [0.0, 50.0, 100.0] {
        if let Some(token) = context.meta.get_progress_token() {
            let progress = ProgressNotificationParam::new(token, amount).with_total(100.0);
            context.peer.notify_progress(progress).await.map_err(failed)?;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(text("done"))
}

async fn sample(arguments: &Value, context: &Context) -> Result<CallToolResult, ErrorData> {
    let content = json!({ "type": "text", "text": arguments["prompt"] });
    let params = json!({ "messages": [{ "role": "user", "content": content }], "maxTokens": 100 });
    let request = read(json!({ "method": "sampling/createMessage", "params": params }))?;
    let response = ask(ServerRequest::CreateMessageRequest(request), context).await?;
    let answer = response["content"]["text"].as_str().unwrap_or_default();
    Ok(text(&format!("LLM response: {answer}")))
}

async fn elicit(
    message: &str,
    schema: Value,
    prefix: &str,
    context: &Context,
) -> Result<CallToolResult, ErrorData> {
    let params = json!({ "mode": "form", "message": message, "requestedSchema": schema });
    let request = read(json!({ "method": "elicitation/create", "params": params }))?;
    let response = ask(ServerRequest::ElicitRequest(request), context).await?;
    let action = response["action"].as_str().unwrap_or_default();
    Ok(text(&format!("{prefix}: action={action}, content={}", response["content"])))
}

async fn ask(request: ServerRequest, context: &Context) -> Result<Value, ErrorData> {
    let response: ClientResult = context.peer.send_request(request).await.map_err(failed)?;
    serde_json::to_value(response).map_err(|error| ErrorData::internal_error(error.to_string(), None))
}

fn with_defaults() -> Value {
    let properties = json!({
        "name": { "type": "string", "default": "John Doe" },
        "age": { "type": "integer", "default": 30 },
        "score": { "type": "number", "default": 95.5 },
        "status": { "type": "string", "enum": ["active", "inactive", "pending"], "default": "active" },
        "verified": { "type": "boolean", "default": true }
    });
    json!({ "type": "object", "properties": properties, "required": [] })
}

fn with_enums() -> Value {
    let options = json!(["option1", "option2", "option3"]);
    let titled = json!([
        { "const": "value1", "title": "First Option" },
        { "const": "value2", "title": "Second Option" },
        { "const": "value3", "title": "Third Option" }
    ]);
    let properties = json!({
        "untitledSingle": { "type": "string", "enum": options },
        "titledSingle": { "type": "string", "oneOf": titled },
        "legacyEnum": {
            "type": "string",
            "enum": ["opt1", "opt2", "opt3"],
            "enumNames": ["Option One", "Option Two", "Option Three"]
        },
        "untitledMulti": { "type": "array", "items": { "type": "string", "enum": options } },
        "titledMulti": { "type": "array", "items": { "anyOf": titled } }
    });
    json!({ "type": "object", "properties": properties, "required": [] })
}

fn text(text: &str) -> CallToolResult {
    CallToolResult::success(vec![ContentBlock::text(text)])
}

fn failed(error: impl std::fmt::Display) -> ErrorData {
    ErrorData::internal_error(error.to_string(), None)
}
