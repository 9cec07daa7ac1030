//! What a run has asked its host for, and the answers on their way back.

use std::{collections::HashMap, io};

use futures::{
    FutureExt as _, StreamExt as _,
    future::{AbortHandle, Abortable, Aborted, BoxFuture},
    stream::FuturesUnordered,
};
use stasis_core::HostResult;
use tokio::{sync::mpsc, task::JoinSet};

use super::connection::Connection;
use crate::protocol::{MAX_OPEN_BYTES, MAX_OPEN_CALLS, ToWorker};

/// Answers that may be on their way to a worker that does not read them. The rest stay with the host.
const MAX_UNREAD: usize = 4;

type OpenCall = BoxFuture<'static, (u32, Result<HostResult, Aborted>)>;

struct Open {
    handle: AbortHandle,
    bytes: usize,
}

/// A run's open calls. They end with it.
#[derive(Default)]
pub(super) struct Calls {
    open: FuturesUnordered<OpenCall>,
    handles: HashMap<u32, Open>,
    /// What the frames of the open calls have together.
    bytes: usize,
    answered: u32,
    /// Answers are sent from a task of their own: a worker that is busy printing does not read, and the
    /// server must go on reading what it prints.
    answers: Option<(mpsc::Sender<ToWorker>, JoinSet<()>)>,
}

impl Calls {
    /// Whether nothing is open.
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// How many answers have been sent.
    pub(super) fn answers(&self) -> u32 {
        self.answered
    }

    /// Takes on the call that was received last; false if no well-behaved worker would have made it.
    pub(super) fn begin(
        &mut self,
        connection: &Connection,
        id: u32,
        call: BoxFuture<'static, HostResult>,
    ) -> io::Result<bool> {
        let bytes = connection.last_frame();
        if self.open.len() >= MAX_OPEN_CALLS
            || self.bytes + bytes > MAX_OPEN_BYTES
            || self.handles.contains_key(&id)
        {
            return Ok(false);
        }
        if self.answers.is_none() {
            self.answers = Some(send_answers(connection.sender()?));
        }
        let (handle, registration) = AbortHandle::new_pair();
        self.handles.insert(id, Open { handle, bytes });
        self.bytes += bytes;
        self.open.push(Abortable::new(call, registration).map(move |result| (id, result)).boxed());
        Ok(true)
    }

    /// Drops a call that nobody waits for any more.
    pub(super) fn withdraw(&mut self, id: u32) {
        if let Some(open) = self.handles.remove(&id) {
            self.bytes -= open.bytes;
            open.handle.abort();
        }
    }

    /// Withdraws what is open, and waits until the answers that are under way have gone: one that is cut off
    /// in the middle would be in the way of the next message.
    pub(super) async fn finish(&mut self) {
        self.open.clear();
        self.handles.clear();
        self.bytes = 0;
        if let Some((sender, mut task)) = self.answers.take() {
            drop(sender);
            // It ends with its channel; whether it could send is noticed by whoever sends next.
            let _ended = task.join_next().await;
        }
    }

    /// Waits for the next answer and for room to send it. Safe to cancel: no answer is taken before there
    /// is room for it.
    pub(super) async fn pass_on(&mut self) {
        let Some((sender, _)) = &self.answers else { return };
        // Fails if the worker is gone, which is noticed by whoever receives from it.
        let Ok(room) = sender.reserve().await else { return std::future::pending().await };
        let Some((id, result)) = self.open.next().await else { return };
        if let Ok(result) = result {
            if let Some(open) = self.handles.remove(&id) {
                self.bytes -= open.bytes;
            }
            self.answered = self.answered.wrapping_add(1);
            room.send(ToWorker::Answer { id, result });
        }
    }
}

fn send_answers(connection: Connection) -> (mpsc::Sender<ToWorker>, JoinSet<()>) {
    let (sender, mut answers) = mpsc::channel(MAX_UNREAD);
    let mut task = JoinSet::new();
    task.spawn(async move {
        while let Some(answer) = answers.recv().await {
            if connection.send(&answer, &[]).await.is_err() {
                return;
            }
        }
    });
    (sender, task)
}
