//! Who is connected.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use uuid::Uuid;

use crate::link::Inbox;

/// A bounded number of sessions.
#[derive(Debug)]
pub(crate) struct Sessions {
    inboxes: Mutex<HashMap<Uuid, Inbox>>,
    max: usize,
}

/// A place among the sessions; whoever drops it has left.
#[derive(Debug)]
pub(crate) struct Membership {
    sessions: Arc<Sessions>,
    id: Uuid,
}

impl Sessions {
    pub(crate) fn new(max: usize) -> Self {
        Self { inboxes: Mutex::default(), max }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, Inbox>> {
        self.inboxes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place, if there is one.
    pub(crate) fn enter(self: &Arc<Self>, id: Uuid, inbox: Inbox) -> Option<Membership> {
        let mut inboxes = self.lock();
        if inboxes.len() >= self.max {
            return None;
        }
        inboxes.insert(id, inbox);
        Some(Membership { sessions: self.clone(), id })
    }

    /// Where a session's messages go.
    pub(crate) fn find(&self, id: Uuid) -> Option<Inbox> {
        self.lock().get(&id).cloned()
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.sessions.lock().remove(&self.id);
    }
}
