//! Messages as they arrive.

use rmcp::{
    ErrorData,
    model::{ClientJsonRpcMessage, JsonRpcError, RequestId, ServerJsonRpcMessage},
};
use serde_json::Value;

use crate::{core_tasks, logging};

/// A text that is no message, and what the protocol answers to that.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NoMessage(Box<ErrorData>, Option<RequestId>);

impl NoMessage {
    /// A message that is longer than this may be.
    pub(crate) fn too_long(limit: usize) -> Self {
        Self::new(ErrorData::invalid_request(format!("a message has at most {limit} bytes"), None), None)
    }

    fn new(error: ErrorData, id: Option<RequestId>) -> Self {
        Self(Box::new(error), id)
    }

    /// Whether it is a request, for the answer to which somebody waits.
    pub(crate) const fn is_request(&self) -> bool {
        self.1.is_some()
    }

    /// The answer.
    pub(crate) fn into_answer(self) -> ServerJsonRpcMessage {
        ServerJsonRpcMessage::Error(JsonRpcError::new(self.1, *self.0))
    }
}

/// Reads a message.
///
/// # Errors
/// What has to be answered: a parse error if it is no JSON, an invalid request if it is no message, and
/// invalid parameters if it is a request with such.
pub(crate) fn decode(text: &[u8]) -> Result<ClientJsonRpcMessage, NoMessage> {
    let failed = match serde_json::from_slice(text) {
        Ok(ClientJsonRpcMessage::Request(request)) => {
            return match logging::check(&request.request) {
                Ok(()) => Ok(core_tasks::recognized(ClientJsonRpcMessage::Request(request), text)),
                Err(error) => Err(NoMessage::new(error, Some(request.id))),
            };
        }
        Ok(message) => return Ok(message),
        Err(failed) => failed,
    };
    let value: Value = serde_json::from_slice(text)
        .map_err(|_| NoMessage::new(ErrorData::parse_error("the message is no valid JSON", None), None))?;
    let id = value.get("id").cloned().and_then(|id| serde_json::from_value(id).ok());
    let is_request = value.get("jsonrpc").is_some_and(|version| version == "2.0")
        && value.get("method").is_some_and(Value::is_string);
    let error = if is_request {
        ErrorData::invalid_params("the parameters are not those of the method", None)
    } else {
        ErrorData::invalid_request("the message is none of JSON-RPC 2.0", None)
    };
    tracing::debug!(error = &failed as &dyn std::error::Error, "a message cannot be read");
    Err(NoMessage::new(error, id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Result<(), &str>) {
        let got = decode(text.as_bytes())
            .map(drop)
            .map_err(|no| serde_json::to_string(&no.into_answer()).expect("an answer is JSON"));
        assert_eq!(got, expect.map_err(str::to_owned), "{text}");
    }

    #[test]
    fn what_is_no_message_gets_the_answer_of_the_specification() {
        check(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#, Ok(()));
        check(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#, Ok(()));
        let broken = r#"{"jsonrpc":"2.0","error":{"code":-32700,"message":"the message is no valid JSON"}}"#;
        check("{", Err(broken));
        check("", Err(broken));
        let other =
            r#"{"jsonrpc":"2.0","error":{"code":-32600,"message":"the message is none of JSON-RPC 2.0"}}"#;
        check("[]", Err(other));
        check("{}", Err(other));
        check(
            r#"{"id":7}"#,
            Err(
                r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32600,"message":"the message is none of JSON-RPC 2.0"}}"#,
            ),
        );
    }
}
