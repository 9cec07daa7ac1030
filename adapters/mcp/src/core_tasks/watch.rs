//! Telling whoever asked for a task how it goes.

use rmcp::{
    Peer, RoleServer,
    model::{CustomNotification, ServerNotification},
};
use stasis_api::{Api, MAX_WAIT};
use stasis_core::ExecutionId;

use super::wire::Task;
use crate::{
    asked::Asked,
    attend::{Attended, attend},
    console::Part,
};

/// The notification that a task's status has changed.
const STATUS_CHANGED: &str = "notifications/tasks/status";

/// Tells of a task's progress and of what it prints if that is wanted, and of its end, as long as the connection
/// lasts and a call can wait. Clients do not rely on it: what finds no way to them is lost.
pub(super) async fn watch(api: Api, id: ExecutionId, asked: Asked, peer: Peer<RoleServer>) {
    // rmcp withdraws what it has answered: nobody is to hear of a task before they know it.
    let Ok(()) = tokio::time::timeout(MAX_WAIT, asked.withdrawn()).await else { return };
    let asked = asked.about_task(id).beyond_its_answer();
    let Ok(Attended::Known(_)) = attend(&api, id, MAX_WAIT, &asked, Part::Whole).await else { return };
    let Ok(Some(record)) = api.executions().record(id).await else { return };
    if !record.status.is_terminal() {
        return;
    }
    let Ok(task) = serde_json::to_value(Task::of(&record, api.executions().retention().age)) else { return };
    let changed = CustomNotification::new(STATUS_CHANGED, Some(task));
    if let Err(error) = peer.send_notification(ServerNotification::CustomNotification(changed)).await {
        tracing::debug!(error = &error as &dyn std::error::Error, "nobody learns of a task's end");
    }
}
