//! Where messages arrive and leave.

use rmcp::model::{
    ClientJsonRpcMessage, ClientRequest, CustomRequest, CustomResult, GetMeta as _, JsonRpcRequest,
    ServerJsonRpcMessage, ServerResult,
};
use serde::{Deserialize, de::IgnoredAny};

use super::{Method, REVISION, wire};

/// A call, as far as it matters whether it is to be a task.
#[derive(Debug, Deserialize)]
struct MaybeTask {
    params: MaybeTaskParams,
}

#[derive(Debug, Deserialize)]
struct MaybeTaskParams {
    task: Option<IgnoredAny>,
}

/// A message that was read from this text, as the service is to see it: requests that this revision has and
/// rmcp has not become custom requests.
pub(crate) fn recognized(message: ClientJsonRpcMessage, text: &[u8]) -> ClientJsonRpcMessage {
    let ClientJsonRpcMessage::Request(request) = &message else { return message };
    if request.request.get_meta().protocol_version().is_some_and(|version| version != REVISION) {
        return message;
    }
    let Some(method) = Method::named(request.request.method()).filter(|method| concerns(*method, text))
    else {
        return message;
    };
    match serde_json::from_slice::<JsonRpcRequest<CustomRequest>>(text) {
        Ok(JsonRpcRequest { id, mut request, .. }) => {
            request.method = method.custom();
            ClientJsonRpcMessage::request(ClientRequest::CustomRequest(request), id)
        }
        Err(_) => message,
    }
}

fn concerns(method: Method, text: &[u8]) -> bool {
    match method {
        Method::CallTool => {
            serde_json::from_slice::<MaybeTask>(text).is_ok_and(|call| call.params.task.is_some())
        }
        Method::ListTools | Method::GetTask | Method::TaskResult | Method::ListTasks | Method::CancelTask => {
            true
        }
    }
}

/// Whether a message is not any more what the client wrote.
pub(crate) fn is_recognized(message: &ClientJsonRpcMessage) -> bool {
    match message {
        ClientJsonRpcMessage::Request(request) => match &request.request {
            ClientRequest::CustomRequest(request) => Method::of_custom(&request.method).is_some(),
            _ => false,
        },
        ClientJsonRpcMessage::Notification(_)
        | ClientJsonRpcMessage::Response(_)
        | ClientJsonRpcMessage::Error(_) => false,
    }
}

/// A message as the client is to see it: a server that has tasks says so in the way of the revision that was
/// agreed on. The extension is not defined under this one.
pub(crate) fn declared(message: ServerJsonRpcMessage) -> ServerJsonRpcMessage {
    let ServerJsonRpcMessage::Response(response) = &message else { return message };
    let ServerResult::InitializeResult(result) = &response.result else { return message };
    if result.protocol_version != REVISION || !result.capabilities.supports_tasks() {
        return message;
    }
    match serde_json::to_value(wire::Initialized::new(result.clone())) {
        Ok(result) => ServerJsonRpcMessage::response(
            ServerResult::CustomResult(CustomResult::new(result)),
            response.id.clone(),
        ),
        Err(_) => message,
    }
}

#[cfg(test)]
mod tests {
    use rmcp::model::{InitializeResult, ProtocolVersion, RequestId, ServerCapabilities};
    use serde_json::{Value, json};

    use super::*;

    /// Whether a request is recognized; what it becomes has its parameters and its metadata.
    #[track_caller]
    fn check(method: &str, params: &Value, expect: bool) {
        let request = json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params });
        let text = request.to_string();
        let read = serde_json::from_str(&text).expect("it is a message");
        let message = recognized(read, text.as_bytes());
        assert_eq!(is_recognized(&message), expect, "{text}");
        let written = serde_json::to_value(&message).expect("it is JSON");
        if expect {
            let method = format!("{PREFIX}{method}", PREFIX = super::super::PREFIX);
            let expect = json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params });
            assert_eq!(written, expect);
        } else {
            assert_eq!(written["method"], method);
        }
    }

    #[test]
    fn requests_of_this_revision_are_recognized_and_no_others() {
        let call = |task: Value| json!({ "name": "run_js", "arguments": { "code": "1" }, "task": task });
        check("tools/call", &call(json!({})), true);
        check("tools/call", &call(json!({ "ttl": 1 })), true);
        check("tools/call", &call(json!(5)), true);
        check("tools/call", &call(Value::Null), false);
        check("tools/call", &json!({ "name": "run_js" }), false);
        check("tools/call", &json!({ "name": 7, "task": {} }), true);
        check("tools/list", &json!({}), true);
        check("tasks/get", &json!({ "taskId": "x" }), true);
        check("tasks/get", &json!({ "taskId": 7 }), true);
        check("tasks/result", &json!({ "taskId": "x", "_meta": { "progressToken": 1 } }), true);
        check("tasks/list", &json!({ "cursor": "x" }), true);
        check("tasks/cancel", &json!({ "taskId": "x" }), true);
        check("tasks/update", &json!({ "taskId": "x", "inputResponses": {} }), false);
        check("ping", &json!({}), false);
        let of = |version: &str| json!({ "io.modelcontextprotocol/protocolVersion": version });
        check("tasks/get", &json!({ "taskId": "x", "_meta": of("2025-11-25") }), true);
        check("tasks/get", &json!({ "taskId": "x", "_meta": of("2026-07-28") }), false);
        check("tools/list", &json!({ "_meta": of("2026-07-28") }), false);
    }

    #[test]
    fn only_clients_of_this_revision_are_told_of_its_tasks() {
        let check = |capabilities: ServerCapabilities, version, expect: bool| {
            let result = InitializeResult::new(capabilities).with_protocol_version(version);
            let result = ServerResult::InitializeResult(result);
            let before = ServerJsonRpcMessage::response(result, RequestId::Number(1));
            let told = |message: &ServerJsonRpcMessage| {
                serde_json::to_value(message).expect("it is JSON")["result"]["capabilities"].clone()
            };
            let (before, after) = (told(&before), told(&declared(before)));
            let tasks = json!({ "list": {}, "cancel": {}, "requests": { "tools": { "call": {} } } });
            let tasks = json!({ "tools": {}, "tasks": tasks });
            assert_eq!(after, if expect { tasks } else { before });
        };
        let with = || ServerCapabilities::builder().enable_tools().enable_tasks().build();
        check(with(), REVISION, true);
        check(with(), ProtocolVersion::V_2025_06_18, false);
        check(with(), ProtocolVersion::V_2024_11_05, false);
        check(ServerCapabilities::builder().enable_tools().build(), REVISION, false);
    }
}
