//! The suite's tools that ask their client for something by answering, so that it calls again with what was
//! asked for (revision 2026-07-28).

use rmcp::{
    ErrorData,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ClientCapabilities, ContentBlock,
        InputRequiredResult, InputResponses,
    },
};
use serde_json::{Value, json};

use crate::content::read;

/// These tools.
pub(crate) const TOOLS: [&str; 10] = [
    "test_input_required_result_elicitation",
    "test_input_required_result_sampling",
    "test_input_required_result_list_roots",
    "test_input_required_result_request_state",
    "test_input_required_result_multiple_inputs",
    "test_input_required_result_multi_round",
    "test_input_required_result_tampered_state",
    "test_input_required_result_capabilities",
    "test_streaming_elicitation",
    "test_missing_capability",
];

/// Calls one of [`TOOLS`].
pub(crate) fn call(
    request: &CallToolRequestParams,
    capabilities: &ClientCapabilities,
) -> Option<Result<CallToolResponse, ErrorData>> {
    let responses = Responses(request.input_responses.as_ref());
    let state = request.request_state.as_deref();
    Some(match &*request.name {
        "test_input_required_result_elicitation" | "test_streaming_elicitation" => {
            match responses.content("user_name").and_then(|content| content["name"].as_str()) {
                Some(name) => Ok(done(&format!("Hello, {name}!"))),
                None => asking(json!({ "user_name": name_wanted("What is your name?") }), None),
            }
        }
        "test_input_required_result_sampling" => match responses.get("capital_question") {
            Some(answer) => Ok(done(answer["content"]["text"].as_str().unwrap_or_default())),
            None => {
                asking(json!({ "capital_question": sample("What is the capital of France?", 100) }), None)
            }
        },
        "test_input_required_result_list_roots" => match responses.get("client_roots") {
            Some(answer) => Ok(done(&format!("Roots: {}", answer["roots"]))),
            None => asking(json!({ "client_roots": roots() }), None),
        },
        "test_input_required_result_request_state" | "test_input_required_result_tampered_state" => {
            match (responses.get("confirm"), state) {
                (Some(_), Some(STATE)) => Ok(done("state-ok")),
                (None, None) => {
                    let ok = json!({ "ok": { "type": "boolean" } });
                    asking(json!({ "confirm": form("Please confirm", &ok, "ok") }), Some(STATE))
                }
                _ => Err(ErrorData::invalid_params("requestState is not what was given", None)),
            }
        }
        "test_input_required_result_multiple_inputs" => {
            let all = ["user_name", "greeting", "client_roots"];
            if all.iter().all(|name| responses.get(name).is_some()) && state == Some(STATE) {
                return Some(Ok(done("all there")));
            }
            let requests = json!({
                "user_name": name_wanted("What is your name?"),
                "greeting": sample("Generate a greeting", 50),
                "client_roots": roots()
            });
            asking(requests, Some(STATE))
        }
        "test_input_required_result_multi_round" => match state {
            Some("round-2") if responses.get("step2").is_some() => Ok(done("all rounds done")),
            Some("round-1") if responses.get("step1").is_some() => {
                let color = json!({ "color": { "type": "string" } });
                let form = form("Step 2: What is your favorite color?", &color, "color");
                asking(json!({ "step2": form }), Some("round-2"))
            }
            _ => asking(json!({ "step1": name_wanted("Step 1: What is your name?") }), Some("round-1")),
        },
        "test_input_required_result_capabilities" => capable(capabilities),
        "test_missing_capability" => missing(capabilities),
        _ => return None,
    })
}

/// A prompt that asks in the same way: the text that its client answered with, or what is asked.
pub(crate) fn prompt(
    responses: Option<&InputResponses>,
) -> Result<Result<String, InputRequiredResult>, ErrorData> {
    match Responses(responses).content("user_context") {
        Some(content) => Ok(Ok(content["context"].as_str().unwrap_or_default().to_owned())),
        None => {
            let context = json!({ "context": { "type": "string" } });
            let form = form("What context should the prompt use?", &context, "context");
            required(json!({ "user_context": form }), None).map(Err)
        }
    }
}

/// What the fixture gives as state: that it comes back as it was is all that the suite looks at.
const STATE: &str = "signed-by-the-fixture";

/// What a client has answered.
struct Responses<'a>(Option<&'a InputResponses>);

impl<'a> Responses<'a> {
    fn get(&self, name: &str) -> Option<&'a Value> {
        self.0?.get(name).filter(|answer| answer.is_object())
    }

    /// What was filled in, if the form was not declined.
    fn content(&self, name: &str) -> Option<&'a Value> {
        self.get(name).filter(|answer| answer["action"] == "accept").map(|answer| &answer["content"])
    }
}

fn capable(capabilities: &ClientCapabilities) -> Result<CallToolResponse, ErrorData> {
    let mut requests = serde_json::Map::new();
    if capabilities.sampling.is_some() {
        requests.insert("greeting".to_owned(), sample("Generate a greeting", 50));
    }
    if capabilities.elicitation.is_some() {
        requests.insert("user_name".to_owned(), name_wanted("What is your name?"));
    }
    asking(Value::Object(requests), None)
}

fn missing(capabilities: &ClientCapabilities) -> Result<CallToolResponse, ErrorData> {
    if capabilities.sampling.is_some() {
        return Ok(done("there is sampling"));
    }
    let required = read(json!({ "sampling": {} }))?;
    Err(ErrorData::missing_required_client_capability(required))
}

fn done(text: &str) -> CallToolResponse {
    CallToolResult::success(vec![ContentBlock::text(text)]).into()
}

fn asking(requests: Value, state: Option<&str>) -> Result<CallToolResponse, ErrorData> {
    required(requests, state).map(Into::into)
}

fn required(requests: Value, state: Option<&str>) -> Result<InputRequiredResult, ErrorData> {
    let mut result = json!({ "resultType": "input_required", "inputRequests": requests });
    if let Some(state) = state {
        result["requestState"] = state.into();
    }
    read(result)
}

fn name_wanted(message: &str) -> Value {
    form(message, &json!({ "name": { "type": "string" } }), "name")
}

fn form(message: &str, properties: &Value, required: &str) -> Value {
    let schema = json!({ "type": "object", "properties": properties, "required": [required] });
    let params = json!({ "mode": "form", "message": message, "requestedSchema": schema });
    json!({ "method": "elicitation/create", "params": params })
}

fn sample(text: &str, max_tokens: u32) -> Value {
    let content = json!({ "type": "text", "text": text });
    let params = json!({ "messages": [{ "role": "user", "content": content }], "maxTokens": max_tokens });
    json!({ "method": "sampling/createMessage", "params": params })
}

fn roots() -> Value {
    json!({ "method": "roots/list", "params": {} })
}
