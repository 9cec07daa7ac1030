//! Log messages: who wants them, from which severity on, and how they are sent.
//!
//! Nobody is sent any before asking for them. Revisions with a handshake have `logging/setLevel`, which holds
//! for the connection or session; revision 2026-07-28 has a level in the metadata of each request, for that
//! request alone.

#![expect(deprecated, reason = "revision 2026-07-28 discourages log messages, and still has them")]

use std::sync::Arc;

use rmcp::{
    ErrorData, Peer, RoleServer,
    model::{
        ClientRequest, GetMeta as _, LoggingLevel, LoggingMessageNotification,
        LoggingMessageNotificationParam, NotificationMetaObject, RequestId, ServerNotification,
        SetLevelRequestMethod, SetLevelRequestParams,
    },
    service::{OriginatingRequestId, RequestContext, ServiceError},
};
use stasis_core::ExecutionId;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::core_tasks::related_to;

/// The request of revisions with a handshake that sets the least severity.
pub(crate) const SET_LEVEL: &str = "logging/setLevel";
/// The metadata of a request of revision 2026-07-28 that says from which severity on it wants log messages.
const LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";

/// From which severity on the client of a connection wants log messages; none to begin with. The transports
/// that have connections leave it with each request.
#[derive(Debug, Clone)]
pub(crate) struct Verbosity(Arc<watch::Sender<Option<LoggingLevel>>>);

impl Default for Verbosity {
    fn default() -> Self {
        Self(Arc::new(watch::channel(None).0))
    }
}

/// Carries out `logging/setLevel`.
///
/// # Errors
/// If the revision does not have it, or there is no connection that it could hold for.
pub(crate) fn set_level(
    request: &SetLevelRequestParams,
    context: &RequestContext<RoleServer>,
) -> Result<(), ErrorData> {
    let Some(Verbosity(level)) = verbosity(context) else {
        return Err(ErrorData::method_not_found::<SetLevelRequestMethod>());
    };
    level.send_replace(Some(request.level));
    Ok(())
}

/// What is to be said of a `logging/setLevel` that could not be read, if the client may make such a request.
pub(crate) fn unreadable(context: &RequestContext<RoleServer>) -> Option<ErrorData> {
    verbosity(context).map(|_| no_such_level("level"))
}

/// Finds fault with the level that a request's metadata names.
///
/// # Errors
/// If there is no such level.
pub(crate) fn check(request: &ClientRequest) -> Result<(), ErrorData> {
    let meta = request.get_meta();
    let is_defined = meta.protocol_version().is_some_and(|version| !version.has_initialize());
    if is_defined && meta.contains_key(LOG_LEVEL) && meta.log_level().is_none() {
        return Err(no_such_level(LOG_LEVEL));
    }
    Ok(())
}

fn no_such_level(name: &str) -> ErrorData {
    let levels = "debug, info, notice, warning, error, critical, alert and emergency";
    ErrorData::invalid_params(format!("{name} is one of {levels}"), None)
}

/// The severity that its connection's client may set, if revision and transport have such a thing.
fn verbosity(context: &RequestContext<RoleServer>) -> Option<&Verbosity> {
    let has_handshake = context.protocol_version().is_some_and(|version| version.has_initialize());
    context.extensions.get::<Verbosity>().filter(|_| has_handshake)
}

/// The way to one who wants log messages, or may come to want them.
#[derive(Debug)]
pub(crate) struct Listener {
    level: watch::Receiver<Option<LoggingLevel>>,
    peer: Peer<RoleServer>,
    /// The request that the messages are about; none once it has been answered.
    request: Option<RequestId>,
}

impl Listener {
    /// The one who makes this request. None if it never gets log messages.
    pub(crate) fn of(context: &RequestContext<RoleServer>) -> Option<Self> {
        let level = match (context.meta.log_level(), verbosity(context)) {
            (_, Some(Verbosity(level))) => level.subscribe(),
            (Some(level), None) if context.protocol_version().is_some_and(|v| !v.has_initialize()) => {
                watch::channel(Some(level)).1
            }
            (_, None) => return None,
        };
        Some(Self { level, peer: context.peer.clone(), request: Some(context.id.clone()) })
    }

    /// The same when the request has been answered.
    pub(crate) fn beyond_its_answer(self) -> Self {
        Self { request: None, ..self }
    }

    /// Resolves when log messages are wanted, or else when `ended` is cancelled; says which it was.
    pub(crate) async fn listens(&self, ended: &CancellationToken) -> bool {
        let mut level = self.level.clone();
        tokio::select! {
            biased;
            level = level.wait_for(Option::is_some) => level.is_ok(),
            () = ended.cancelled() => false,
        }
    }

    /// Whether messages of this severity are wanted.
    pub(crate) fn wants(&self, level: LoggingLevel) -> bool {
        self.level.borrow().is_some_and(|least| severity(level) >= severity(least))
    }

    /// Sends a message; returns when it is on its way.
    ///
    /// # Errors
    /// If nobody can be reached any more.
    pub(crate) async fn tell(
        &self,
        level: LoggingLevel,
        logger: &str,
        text: &str,
        task: Option<ExecutionId>,
    ) -> Result<(), ServiceError> {
        let mut message = LoggingMessageNotificationParam::new(level, text.into()).with_logger(logger);
        message.meta = task.map(|id| NotificationMetaObject(related_to(id)));
        let mut message = LoggingMessageNotification::new(message);
        if let Some(id) = &self.request {
            message.extensions.insert(OriginatingRequestId(id.clone()));
        }
        self.peer.send_notification(ServerNotification::LoggingMessageNotification(message)).await
    }
}

const fn severity(level: LoggingLevel) -> u8 {
    match level {
        LoggingLevel::Debug => 0,
        LoggingLevel::Info => 1,
        LoggingLevel::Notice => 2,
        LoggingLevel::Warning => 3,
        LoggingLevel::Error => 4,
        LoggingLevel::Critical => 5,
        LoggingLevel::Alert => 6,
        LoggingLevel::Emergency => 7,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[track_caller]
    fn is_accepted(meta: &Value, expect: bool) {
        let request = json!({ "method": "tools/call", "params": { "name": "run_js", "_meta": meta } });
        let request: ClientRequest = serde_json::from_value(request).expect("it is a request");
        assert_eq!(super::check(&request).is_ok(), expect, "{meta}");
    }

    #[test]
    fn a_level_is_one_of_eight() {
        const VERSION: &str = "io.modelcontextprotocol/protocolVersion";
        for level in ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"] {
            is_accepted(&json!({ VERSION: "2026-07-28", LOG_LEVEL: level }), true);
        }
        for level in [json!("warn"), json!("INFO"), json!(""), json!(7), json!(null)] {
            is_accepted(&json!({ VERSION: "2026-07-28", LOG_LEVEL: level }), false);
            // Other revisions do not have it.
            is_accepted(&json!({ VERSION: "2025-11-25", LOG_LEVEL: level }), true);
            is_accepted(&json!({ LOG_LEVEL: level }), true);
        }
        is_accepted(&json!({ VERSION: "2026-07-28" }), true);
    }
}
