//! The product's service with the suite's things added.

use std::sync::Arc;

use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, CancelTaskParams, CompleteRequestParams,
        CompleteResult, ContentBlock, CustomRequest, CustomResult, GetPromptRequestParams, GetPromptResponse,
        GetPromptResult, GetTaskParams, GetTaskResult, ListPromptsResult, ListResourceTemplatesResult,
        ListResourcesResult, ListToolsResult, PaginatedRequestParams, Prompt, PromptArgument, PromptMessage,
        ReadResourceRequestParams, ReadResourceResponse, Resource, ResourceTemplate, Role, ServerConfig,
        SetLevelRequestParams, SubscribeRequestParams, SubscriptionFilter, Tool, UnsubscribeRequestParams,
        UpdateTaskParams,
    },
    service::{RequestContext, SubscriptionContext, SubscriptionSink},
};
use serde_json::{Value, json};
use stasis_core::engine::fake::FakeEngine;
use stasis_mcp::Server;
use tokio::sync::Mutex;

use crate::{content, requests, rounds, tasks};

type Context = RequestContext<RoleServer>;

/// What is asked of the fixture is answered by it, and everything else by the product.
#[derive(Clone)]
pub(crate) struct Fixture {
    server: Server,
    engine: Arc<FakeEngine>,
    subscriptions: Arc<Mutex<Vec<SubscriptionSink>>>,
}

/// The tools that only tell those who listen that something has changed.
const TRIGGERS: [&str; 2] = ["test_trigger_tool_change", "test_trigger_prompt_change"];

impl Fixture {
    pub(crate) fn new(server: Server, engine: Arc<FakeEngine>) -> Self {
        Self { server, engine, subscriptions: Arc::default() }
    }

    async fn trigger(&self, name: &str) -> CallToolResult {
        for sink in self.subscriptions.lock().await.iter() {
            let sent = match name {
                "test_trigger_tool_change" => sink.notify_tool_list_changed().await,
                _ => sink.notify_prompt_list_changed().await,
            };
            // Who did not ask for it does not get it.
            sent.unwrap_or_default();
        }
        CallToolResult::success(vec![ContentBlock::text("changed")])
    }
}

fn tools() -> Vec<Tool> {
    let names = content::TOOLS.iter().chain(&requests::TOOLS).chain(&rounds::TOOLS);
    let names = names.chain(&tasks::TOOLS).chain(&TRIGGERS);
    let schema = json!({ "type": "object", "properties": {} });
    let schema = Arc::new(schema.as_object().cloned().unwrap_or_default());
    let mut tools: Vec<Tool> = names.map(|name| Tool::new(*name, "For the suite", schema.clone())).collect();
    let words = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": {
            "address": {
                "$anchor": "addressDef",
                "type": "object",
                "properties": { "street": { "type": "string" }, "city": { "type": "string" } }
            }
        },
        "properties": {
            "name": { "type": "string" },
            "address": { "$ref": "#/$defs/address" },
            "contactMethod": { "type": "string", "enum": ["phone", "email"] },
            "phone": { "type": "string" },
            "email": { "type": "string" }
        },
        "allOf": [{ "anyOf": [{ "required": ["phone"] }, { "required": ["email"] }] }],
        "if": { "properties": { "contactMethod": { "const": "phone" } }, "required": ["contactMethod"] },
        "then": { "required": ["phone"] },
        "else": { "required": ["email"] },
        "additionalProperties": false
    });
    let header = json!({ "type": "object", "properties": { "region": { "type": "string", "x-mcp-header": "Region" } } });
    let header = header.as_object().cloned().unwrap_or_default();
    tools.push(Tool::new("test_header_parameter", "Takes a parameter that is a header as well", header));
    let words = words.as_object().cloned().unwrap_or_default();
    tools.push(Tool::new("json_schema_2020_12_tool", "Tool with JSON Schema 2020-12 features", words));
    tools
}

impl ServerHandler for Fixture {
    fn get_info(&self) -> ServerConfig {
        let mut info = self.server.get_info();
        let capabilities = &mut info.capabilities;
        capabilities.completions = Some(Default::default());
        if let Some(tools) = &mut capabilities.tools {
            tools.list_changed = Some(true);
        }
        if let Some(prompts) = &mut capabilities.prompts {
            prompts.list_changed = Some(true);
        }
        if let Some(resources) = &mut capabilities.resources {
            resources.subscribe = Some(true);
        }
        info
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        context: Context,
    ) -> Result<ListToolsResult, ErrorData> {
        let mut result = self.server.list_tools(request, context).await?;
        result.tools.extend(tools());
        Ok(result)
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.server.get_tool(name).or_else(|| tools().into_iter().find(|tool| tool.name == name))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: Context,
    ) -> Result<CallToolResponse, ErrorData> {
        let name = &*request.name;
        if let Some(result) = content::tool(name) {
            return result.map(Into::into);
        }
        if TRIGGERS.contains(&name) {
            return Ok(self.trigger(name).await.into());
        }
        let arguments = Value::Object(request.arguments.clone().unwrap_or_default());
        if let Some(result) = requests::call(name, &arguments, &context).await {
            return result.map(Into::into);
        }
        if let Some(response) = rounds::call(&request, &context.client_capabilities().unwrap_or_default()) {
            return response;
        }
        if tasks::TOOLS.contains(&name) {
            let product = (&self.server, &self.engine);
            let response = tasks::call(name, &arguments, product, context).await;
            return response.unwrap_or_else(|| Err(ErrorData::internal_error("it is one of them", None)));
        }
        self.server.call_tool(request, context).await
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        context: Context,
    ) -> Result<ListResourcesResult, ErrorData> {
        let mut result = self.server.list_resources(request, context).await?;
        let of_suite = content::RESOURCES.iter().map(|(uri, kind)| {
            Resource::new(*uri, *uri).with_description("For the suite").with_mime_type(*kind)
        });
        result.resources.extend(of_suite);
        Ok(result)
    }

    async fn list_resource_templates(
        &self,
        request: Option<PaginatedRequestParams>,
        context: Context,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let mut result = self.server.list_resource_templates(request, context).await?;
        result.resource_templates.push(ResourceTemplate::new("test://template/{id}/data", "template"));
        Ok(result)
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: Context,
    ) -> Result<ReadResourceResponse, ErrorData> {
        match content::resource(&request.uri) {
            Some(result) => result.map(Into::into),
            None => self.server.read_resource(request, context).await,
        }
    }

    async fn list_prompts(
        &self,
        request: Option<PaginatedRequestParams>,
        context: Context,
    ) -> Result<ListPromptsResult, ErrorData> {
        let mut result = self.server.list_prompts(request, context).await?;
        let argument = |name: &&str| PromptArgument::new(*name).with_required(true);
        let of_suite = content::PROMPTS.iter().map(|(name, arguments)| {
            Prompt::new(*name, Some("For the suite"), Some(arguments.iter().map(argument).collect()))
        });
        result.prompts.extend(of_suite);
        Ok(result)
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        context: Context,
    ) -> Result<GetPromptResponse, ErrorData> {
        let arguments = Value::Object(request.arguments.clone().unwrap_or_default());
        if let Some(result) = content::prompt(&request.name, &arguments) {
            return result.map(Into::into);
        }
        if request.name != "test_input_required_result_prompt" {
            return self.server.get_prompt(request, context).await;
        }
        Ok(match rounds::prompt(request.input_responses.as_ref())? {
            Ok(text) => GetPromptResult::new(vec![PromptMessage::new_text(Role::User, text)]).into(),
            Err(asking) => asking.into(),
        })
    }

    async fn complete(&self, _: CompleteRequestParams, _: Context) -> Result<CompleteResult, ErrorData> {
        Ok(CompleteResult::default())
    }

    async fn set_level(&self, request: SetLevelRequestParams, context: Context) -> Result<(), ErrorData> {
        self.server.set_level(request, context).await
    }

    async fn subscribe(&self, _: SubscribeRequestParams, _: Context) -> Result<(), ErrorData> {
        Ok(())
    }

    async fn unsubscribe(&self, _: UnsubscribeRequestParams, _: Context) -> Result<(), ErrorData> {
        Ok(())
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(requested.clone())
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let sink = context.sink().clone();
        self.subscriptions.lock().await.push(sink.clone());
        context.cancelled().await;
        self.subscriptions.lock().await.retain(|other| other.id() != sink.id());
        Ok(())
    }

    async fn get_task(&self, request: GetTaskParams, context: Context) -> Result<GetTaskResult, ErrorData> {
        self.server.get_task(request, context).await
    }

    async fn update_task(&self, request: UpdateTaskParams, context: Context) -> Result<(), ErrorData> {
        self.server.update_task(request, context).await
    }

    async fn cancel_task(&self, request: CancelTaskParams, context: Context) -> Result<(), ErrorData> {
        self.server.cancel_task(request, context).await
    }

    async fn on_custom_request(
        &self,
        request: CustomRequest,
        context: Context,
    ) -> Result<CustomResult, ErrorData> {
        self.server.custom_request(self, request, context).await
    }
}
