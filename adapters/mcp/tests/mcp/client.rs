//! A client as programs have one.

use rmcp::{
    ClientHandler, RoleClient,
    model::{CallToolRequestParams, CallToolResult, ProgressNotificationParam},
    service::{NotificationContext, RunningService},
};
use serde_json::Value;
use tokio::sync::{Mutex, mpsc};

/// A client that keeps what it is told of progress.
pub(crate) type Client = RunningService<RoleClient, Listener>;

#[derive(Debug)]
pub(crate) struct Listener {
    heard: mpsc::UnboundedSender<ProgressNotificationParam>,
    progress: Mutex<mpsc::UnboundedReceiver<ProgressNotificationParam>>,
}

impl Default for Listener {
    fn default() -> Self {
        let (heard, progress) = mpsc::unbounded_channel();
        Self { heard, progress: Mutex::new(progress) }
    }
}

impl Listener {
    /// What is told next.
    pub(crate) async fn progress(&self) -> ProgressNotificationParam {
        self.progress.lock().await.recv().await.expect("we hold the sender")
    }
}

impl ClientHandler for Listener {
    async fn on_progress(&self, progress: ProgressNotificationParam, _: NotificationContext<RoleClient>) {
        self.heard.send(progress).expect("we hold the receiver");
    }
}

pub(crate) fn params(name: &'static str, arguments: &Value) -> CallToolRequestParams {
    CallToolRequestParams::new(name).with_arguments(arguments.as_object().cloned().unwrap_or_default())
}

/// Calls a tool that has to answer, well or not.
pub(crate) async fn call(client: &Client, name: &'static str, arguments: Value) -> CallToolResult {
    let result = client.call_tool(params(name, &arguments)).await;
    result.unwrap_or_else(|error| panic!("{name} {arguments}: {error}"))
}

/// Calls a tool that has to answer well; gives what it answers, which is there twice.
pub(crate) async fn given(client: &Client, name: &'static str, arguments: Value) -> Value {
    let result = call(client, name, arguments).await;
    assert_eq!(result.is_error, Some(false), "{result:?}");
    let value = result.structured_content.clone().expect("every tool gives some");
    assert_eq!(value, serde_json::from_str::<Value>(text(&result)).expect("the text is the same JSON"));
    value
}

/// The one block of text.
pub(crate) fn text(result: &CallToolResult) -> &str {
    let [block] = result.content.as_slice() else { panic!("{result:?}") };
    &block.as_text().expect("it is text").text
}
