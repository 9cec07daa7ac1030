//! The one thread that writes.

use std::{
    io,
    pin::pin,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use stasis_core::ref_store::{Batch, RefError};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use super::{
    disk::Disk,
    entries::{Changes, Entries, EntriesError},
    folder_lock::FolderLock,
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
    /// The right to use it: given up last, and by a writer that hangs, never.
    pub(super) _lock: FolderLock,
}

impl Database {
    /// What is first is the cause of what follows.
    fn stop(&self, cause: WriteError) {
        self.failure.get_or_init(|| {
            tracing::error!(error = &cause as &dyn std::error::Error, "the session store has stopped");
            Arc::new(cause)
        });
    }

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
    /// Of a disk that is gone; or of the database, which waits without end for threads of its own, also for one
    /// whose write has failed meanwhile (sled 0.34, `make_stable_inner`).
    #[error("writing has not ended within {0:?}")]
    Stalled(Duration),
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
    database: Arc<Database>,
    requests: Option<mpsc::Sender<Request>>,
    thread: Option<JoinHandle<()>>,
    /// Is closed when the thread ends.
    ended: Mutex<Receiver<()>>,
    patience: Duration,
}

impl Writer {
    /// Starts the thread. `last_group` is the number of the last group that was written; no commit takes longer
    /// than `patience`.
    pub(super) fn start(database: Arc<Database>, last_group: u64, patience: Duration) -> io::Result<Self> {
        let (requests, waiting) = mpsc::channel(MAX_GROUP);
        let (end, ended) = channel();
        let writes = Arc::clone(&database);
        let work = move || {
            let _end: Sender<()> = end;
            write_groups(&writes, last_group, waiting);
        };
        let thread = thread::Builder::new().name("ref-store".to_owned()).spawn(work)?;
        let (requests, thread, ended) = (Some(requests), Some(thread), Mutex::new(ended));
        Ok(Self { database, requests, thread, ended, patience })
    }

    /// Commits a batch. It is committed or not, also if nobody waits for the end.
    pub(super) async fn commit(&self, batch: Batch) -> Result<(), RefError> {
        /// Time in which this whole process is stopped counts as one of so many parts at most.
        const PARTS: u32 = 8;
        let mut end = pin!(self.commit_in_thread(batch));
        for _ in 0..PARTS {
            if let Ok(result) = timeout(self.patience / PARTS, &mut end).await {
                return result;
            }
        }
        self.database.stop(WriteError::Stalled(self.patience));
        self.database.check()
    }

    async fn commit_in_thread(&self, batch: Batch) -> Result<(), RefError> {
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
        let stalls = matches!(self.database.failure.get().map(AsRef::as_ref), Some(WriteError::Stalled(_)));
        let patience = if stalls { Duration::ZERO } else { self.patience };
        let ended = self.ended.get_mut().unwrap_or_else(PoisonError::into_inner).recv_timeout(patience);
        if ended == Err(RecvTimeoutError::Timeout) {
            tracing::error!("the session store's writer is left behind: writing does not end");
        } else if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
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
        database.stop(error);
        for (_, result) in &mut answers {
            *result = database.check();
        }
    }
    answers
}
