//! The one thread that writes.

use std::{
    io,
    sync::{Arc, OnceLock},
    thread::{self, JoinHandle},
};

use stasis_core::ref_store::{Batch, RefError};
use tokio::sync::{mpsc, oneshot};

use super::{
    disk::Disk,
    entries::{Changes, Entries, EntriesError},
    group::{Group, size_of},
};

/// The most batches that are committed together, and the most that may wait.
const MAX_GROUP: usize = 256;
/// A group that is this large takes no more batches.
const MAX_GROUP_BYTES: usize = 4 << 20;

/// What readers and the writer share.
#[derive(Debug)]
pub(super) struct Database {
    pub(super) entries: Entries,
    pub(super) disk: Box<dyn Disk>,
    /// Set once, when what was written could not be made durable. A failed sync cannot be repeated:
    /// the kernel may have dropped what it could not write, and a second sync would then succeed.
    pub(super) failure: OnceLock<Arc<WriteError>>,
}

impl Database {
    /// Refuses all work after a failure.
    pub(super) fn check(&self) -> Result<(), RefError> {
        match self.failure.get() {
            Some(cause) => Err(RefError::Unavailable(Box::new(Stopped(Arc::clone(cause))))),
            None => Ok(()),
        }
    }

    fn make_durable(&self, group: u64, changes: &Changes) -> Result<(), WriteError> {
        self.entries.apply(group, changes)?;
        self.entries.flush()?;
        self.disk.sync()?;
        Ok(self.disk.note_durable(group)?)
    }
}

/// Why a group could not be made durable.
#[derive(Debug, thiserror::Error)]
pub(super) enum WriteError {
    #[error("the changes could not be written")]
    Write(#[from] EntriesError),
    #[error("the changes could not be synced")]
    Sync(#[from] io::Error),
}

#[derive(Debug, thiserror::Error)]
#[error("the session store has stopped after a failed write; it has to be opened anew")]
struct Stopped(#[source] Arc<WriteError>);

#[derive(Debug, thiserror::Error)]
#[error("the session store's writer has ended")]
struct Ended;

#[derive(Debug)]
struct Request {
    batch: Batch,
    answer: oneshot::Sender<Result<(), RefError>>,
}

/// Hands batches to the thread, and ends it when dropped.
#[derive(Debug)]
pub(super) struct Writer {
    requests: Option<mpsc::Sender<Request>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread. `last_group` is the number of the last group that was written.
    pub(super) fn start(database: Arc<Database>, last_group: u64) -> io::Result<Self> {
        let (requests, waiting) = mpsc::channel(MAX_GROUP);
        let work = move || write_groups(&database, last_group, waiting);
        let thread = thread::Builder::new().name("ref-store".to_owned()).spawn(work)?;
        Ok(Self { requests: Some(requests), thread: Some(thread) })
    }

    /// Commits a batch. It is committed or not, also if nobody waits for the end.
    pub(super) async fn commit(&self, batch: Batch) -> Result<(), RefError> {
        let ended = || RefError::Unavailable(Box::new(Ended));
        let requests = self.requests.as_ref().ok_or_else(ended)?;
        let (answer, answered) = oneshot::channel();
        requests.send(Request { batch, answer }).await.map_err(|_| ended())?;
        answered.await.map_err(|_| ended())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Without senders the thread ends after what it has been sent.
        drop(self.requests.take());
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the session store's writer has panicked");
        }
    }
}

fn write_groups(database: &Database, last_group: u64, mut waiting: mpsc::Receiver<Request>) {
    let mut number = last_group;
    while let Some(first) = waiting.blocking_recv() {
        number += 1;
        for (answer, result) in commit_together(database, number, group_of(first, &mut waiting)) {
            // Whoever asked may be gone; the batch is committed all the same.
            drop(answer.send(result));
        }
    }
}

/// A request and those that wait behind it.
fn group_of(first: Request, waiting: &mut mpsc::Receiver<Request>) -> Vec<Request> {
    let mut bytes = size_of(&first.batch);
    let mut group = vec![first];
    while group.len() < MAX_GROUP && bytes < MAX_GROUP_BYTES {
        let Ok(next) = waiting.try_recv() else { break };
        bytes += size_of(&next.batch);
        group.push(next);
    }
    group
}

type Answer = (oneshot::Sender<Result<(), RefError>>, Result<(), RefError>);

/// Judges requests one after the other, and makes what holds durable with one sync. Conflicts, too, are
/// known only then: what they were judged against may be a change of the same group.
fn commit_together(database: &Database, number: u64, requests: Vec<Request>) -> Vec<Answer> {
    // Where the disk does not say how much room it has, it will say that it is full.
    let room = database.disk.room().unwrap_or(u64::MAX);
    let mut group = Group::new(&database.entries, room);
    let mut answers: Vec<Answer> = requests
        .into_iter()
        .map(|Request { batch, answer }| (answer, database.check().and_then(|()| group.add(batch))))
        .collect();
    let changes = group.into_changes();
    if !changes.is_empty()
        && let Err(error) = database.make_durable(number, &changes)
    {
        tracing::error!(error = &error as &dyn std::error::Error, "the session store has stopped");
        database.failure.get_or_init(|| Arc::new(error));
        for (_, result) in &mut answers {
            *result = database.check();
        }
    }
    answers
}
