//! What is known of a request besides its arguments.

use std::net::SocketAddr;

use axum::{extract::ConnectInfo, http::request::Parts};
use rmcp::{
    Peer, RoleServer,
    model::{NotificationMetaObject, ProgressNotificationParam, ProgressToken},
    service::RequestContext,
};
use stasis_core::ExecutionId;
use stasis_executions::Caller;
use tokio_util::sync::CancellationToken;

use crate::{core_tasks::related_to, logging::Listener};

/// The header that names a session of Streamable HTTP.
pub(crate) const SESSION_HEADER: &str = "mcp-session-id";

/// Who asks, whether they still do, and how they are told of progress and of what is printed.
#[derive(Debug)]
pub(crate) struct Asked {
    caller: Caller,
    withdrawn: CancellationToken,
    progress: Option<Progress>,
    listener: Option<Listener>,
    understands_tasks: bool,
    /// What it has become.
    task: Option<ExecutionId>,
}

/// The way to the one who wants to know of progress.
#[derive(Debug)]
struct Progress {
    token: ProgressToken,
    peer: Peer<RoleServer>,
}

impl Asked {
    pub(crate) fn new(context: &RequestContext<RoleServer>) -> Self {
        let token = context.meta.get_progress_token();
        let has_extension = context.protocol_version().is_some_and(|version| !version.has_initialize())
            && context.client_capabilities().is_some_and(|capabilities| capabilities.supports_tasks());
        Self {
            caller: caller(context),
            withdrawn: context.ct.clone(),
            progress: token.map(|token| Progress { token, peer: context.peer.clone() }),
            listener: Listener::of(context),
            understands_tasks: has_extension,
            task: None,
        }
    }

    /// The same, when it has become a task: what is told of it says so.
    pub(crate) fn about_task(self, id: ExecutionId) -> Self {
        Self { task: Some(id), ..self }
    }

    /// The same for what goes on when it has been answered, and thus cannot be withdrawn any more.
    pub(crate) fn beyond_its_answer(self) -> Self {
        let listener = self.listener.map(Listener::beyond_its_answer);
        Self { withdrawn: CancellationToken::new(), listener, ..self }
    }

    /// On whose behalf it is carried out.
    pub(crate) const fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Whether the answer may be a task of the extension, which revisions with a handshake do not have.
    pub(crate) const fn understands_tasks(&self) -> bool {
        self.understands_tasks
    }

    /// Whether somebody wants to know of progress.
    pub(crate) const fn wants_progress(&self) -> bool {
        self.progress.is_some()
    }

    /// Who is told of what is printed, if anybody may want to know, and of which task.
    pub(crate) fn listener(&self) -> Option<(&Listener, Option<ExecutionId>)> {
        self.listener.as_ref().map(|listener| (listener, self.task))
    }

    /// Resolves when nobody waits for the answer any more.
    pub(crate) async fn withdrawn(&self) {
        self.withdrawn.cancelled().await;
    }

    /// Tells of progress; `amount` is more each time. Says whether that can reach anybody.
    pub(crate) async fn progress(&self, amount: f64, message: String) -> bool {
        if let Some(Progress { token, peer }) = &self.progress {
            let mut progress = ProgressNotificationParam::new(token.clone(), amount).with_message(message);
            progress.meta = self.task.map(|id| NotificationMetaObject(related_to(id)));
            if let Err(error) = peer.notify_progress(progress).await {
                tracing::debug!(error = &error as &dyn std::error::Error, "nobody learns of progress");
                return false;
            }
        }
        true
    }
}

/// The session or connection, else the address; there is but one caller on stdio.
fn caller(context: &RequestContext<RoleServer>) -> Caller {
    if let Some(caller) = context.extensions.get::<Caller>() {
        return caller.clone();
    }
    let Some(parts) = context.extensions.get::<Parts>() else { return Caller::new("stdio") };
    let session = parts.headers.get(SESSION_HEADER).and_then(|id| id.to_str().ok());
    let address = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    Caller::new(match (session, address) {
        (Some(session), _) => session.to_owned(),
        (None, Some(ConnectInfo(address))) => address.ip().to_string(),
        (None, None) => String::new(),
    })
}
