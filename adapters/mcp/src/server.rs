//! The service that every transport carries.

use std::sync::Arc;

use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CancelTaskParams, CustomRequest, CustomResult, ErrorCode,
        GetPromptRequestParams, GetPromptResponse, GetTaskParams, GetTaskResult, Implementation,
        ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult, ListToolsResult,
        PaginatedRequestParams, ReadResourceRequestParams, ReadResourceResponse, ServerCapabilities,
        ServerConfig, Tool, UpdateTaskParams,
    },
    service::RequestContext,
};
use stasis_api::Api;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::{asked::Asked, core_tasks, instructions, logging, prompts, resources, tasks, tool::Offer, tools};

/// Calls that may be answered at the same time; most of them wait for a run.
const MAX_CALLS: usize = 4096;

/// The methods that we answer and that need parameters.
const METHODS_WITH_PARAMETERS: [&str; 6] =
    ["tools/call", "resources/read", "prompts/get", "tasks/get", "tasks/update", "tasks/cancel"];

/// What [`Api`] offers, as the protocol has it. Cheap to clone; all connections share one.
#[derive(Debug, Clone)]
pub struct Server {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    api: Api,
    offers: Vec<Offer>,
    calls: Semaphore,
}

impl Server {
    /// A service for these calls, within their rules.
    pub fn new(api: Api) -> Self {
        let offers = tools::offers(api.rules());
        Self { inner: Arc::new(Inner { api, offers, calls: Semaphore::new(MAX_CALLS) }) }
    }

    /// Answers a custom request on behalf of `handler`, which passes on what it does not answer itself: the
    /// transports make such requests of what clients of revision 2025-11-25 ask for ([`core_tasks`]), and
    /// `handler` may have tools that this has not.
    ///
    /// # Errors
    /// What the protocol answers.
    pub async fn custom_request<H: ServerHandler>(
        &self,
        handler: &H,
        request: CustomRequest,
        context: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        let has_handshake = context.protocol_version().is_some_and(|version| version.has_initialize());
        if let Some(method) = core_tasks::Method::of_custom(&request.method).filter(|_| has_handshake) {
            return core_tasks::answer(self, handler, method, request, context).await;
        }
        if let Some(error) = logging::unreadable(&context).filter(|_| request.method == logging::SET_LEVEL) {
            return Err(error);
        }
        // rmcp does not know it, or could not read it: parameters that do not fit make it forget the method.
        if METHODS_WITH_PARAMETERS.contains(&request.method.as_str()) {
            return Err(bad_parameters(&request.method));
        }
        Err(ErrorData::new(ErrorCode::METHOD_NOT_FOUND, request.method, None))
    }

    /// The calls.
    pub(crate) fn api(&self) -> &Api {
        &self.inner.api
    }

    /// A tool.
    pub(crate) fn offer(&self, name: &str) -> Option<&Offer> {
        self.inner.offers.iter().find(|offer| offer.definition.name == name)
    }

    /// Room for one more call.
    ///
    /// # Errors
    /// If there is none.
    pub(crate) fn room(&self) -> Result<SemaphorePermit<'_>, ErrorData> {
        self.inner
            .calls
            .try_acquire()
            .map_err(|_| ErrorData::internal_error("too many calls at the same time; try again later", None))
    }

    fn stateful(&self) -> bool {
        self.inner.api.rules().stateful
    }
}

impl ServerHandler for Server {
    #[expect(deprecated, reason = "logging is, and clients may still ask for it")]
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_resources()
            .enable_prompts()
            .enable_logging()
            .enable_tasks()
            .build();
        let server = Implementation::new("stasis", env!("CARGO_PKG_VERSION"))
            .with_title("Stasis")
            .with_description("Runs JavaScript and TypeScript for agents, and remembers their state");
        ServerConfig::new(capabilities)
            .with_server_info(server)
            .with_instructions(instructions::instructions(self.inner.api.rules()))
    }

    #[expect(deprecated, reason = "logging is, and clients may still ask for it")]
    async fn set_level(
        &self,
        request: rmcp::model::SetLevelRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        logging::set_level(&request, &context)
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        only_page(request.as_ref())?;
        let tools = self.inner.offers.iter().map(|offer| offer.definition.clone()).collect();
        Ok(ListToolsResult::with_all_items(tools))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.offer(name).map(|offer| offer.definition.clone())
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let offer = self.offer(&request.name).ok_or_else(|| unknown_tool(&request.name))?;
        let _room = self.room()?;
        let asked = Asked::new(&context);
        (offer.call)(self.inner.api.clone(), request.arguments.unwrap_or_default(), asked).await
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        resources::list(&self.inner.api, cursor(request.as_ref())).await
    }

    async fn list_resource_templates(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        only_page(request.as_ref())?;
        Ok(resources::templates(self.stateful()))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        resources::read(&self.inner.api, &request.uri).await.map(Into::into)
    }

    async fn list_prompts(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        only_page(request.as_ref())?;
        Ok(ListPromptsResult::with_all_items(prompts::list(self.stateful())))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        prompts::get(self.stateful(), &request.name, request.arguments.as_ref()).map(Into::into)
    }

    async fn on_custom_request(
        &self,
        request: CustomRequest,
        context: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        self.custom_request(self, request, context).await
    }

    async fn get_task(
        &self,
        request: GetTaskParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetTaskResult, ErrorData> {
        tasks::get(&self.inner.api, &request.task_id).await
    }

    async fn update_task(
        &self,
        request: UpdateTaskParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        tasks::update(&self.inner.api, &request.task_id).await
    }

    async fn cancel_task(
        &self,
        request: CancelTaskParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        tasks::cancel(&self.inner.api, &request.task_id).await
    }
}

fn cursor(request: Option<&PaginatedRequestParams>) -> Option<&str> {
    request.and_then(|request| request.cursor.as_deref())
}

/// Lists that fit into one page have no cursors.
fn only_page(request: Option<&PaginatedRequestParams>) -> Result<(), ErrorData> {
    match cursor(request) {
        None => Ok(()),
        Some(_) => Err(no_such_cursor()),
    }
}

/// A cursor that the list has not given.
pub(crate) fn no_such_cursor() -> ErrorData {
    ErrorData::invalid_params("cursor is not one of this list", None)
}

/// A tool that is not there.
pub(crate) fn unknown_tool(name: &str) -> ErrorData {
    ErrorData::invalid_params(format!("Unknown tool: {name}"), None)
}

/// Parameters that are not those of the method.
pub(crate) fn bad_parameters(method: &str) -> ErrorData {
    ErrorData::invalid_params(format!("the parameters are not those of {method}"), None)
}
