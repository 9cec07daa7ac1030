//! References in an embedded database.

mod disk;
mod entries;
mod folder_lock;
mod group;
mod key;
mod open;
#[cfg(test)]
mod tests;
mod writer;

use std::{
    path::Path,
    sync::{Arc, OnceLock},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use stasis_core::ref_store::{Batch, Entry, Key, RefError, RefStore, Scan};

pub use self::open::OpenError;
use self::{
    disk::{Disk, FileDisk},
    writer::{Database, Writer},
};

/// The longest that a commit may take, those before it included: a thousand times what it takes on a disk that works.
const PATIENCE: Duration = Duration::from_secs(60);

/// Keeps references in a folder, in a database of the `sled` crate that one process uses at a time.
///
/// * **Durable.** The database by itself does not sync its file in a way that survives a loss of power;
///   this store does, before it acknowledges. Batches that wait at the same time share one sync: a
///   thread of the store judges them one after the other, and writes what holds as one atomic change.
/// * **Order.** A reader may see a commit up to one sync before it is durable. Everything is written to
///   one log in the order in which it became visible: whatever was committed on the strength of such a
///   reading is durable only together with what was read. A conflict is told only once the state that it
///   was judged against is durable.
/// * **Failures.** When a write or a sync fails, or does not end within a minute, it is unknown what is
///   durable, and trying again cannot tell. The store then does nothing more, reads included: each call fails with
///   [`RefError::Unavailable`] until the store is opened anew. That a disk is full is told before
///   anything is changed ([`RefError::Full`]); deleting is still possible then.
/// * **Dropping** a `commit` before its end leaves open whether it is made, and does no other harm.
///   Dropping the store waits for what was asked of it, and lets go of the folder; if writing does not end,
///   the folder is let go of with the process.
///
/// It needs a Tokio runtime with time. Reads happen where they are called: they take microseconds, unless the
/// database's cache has to be filled from the disk. Values are bounded by [`MAX_VALUE`], keys by [`MAX_PARTITION`] and [`MAX_SORT`];
/// longer ones are refused. How much may be waiting is bounded, too: `commit` then waits to be taken.
///
/// [`MAX_VALUE`]: stasis_core::ref_store::MAX_VALUE
/// [`MAX_PARTITION`]: stasis_core::ref_store::MAX_PARTITION
/// [`MAX_SORT`]: stasis_core::ref_store::MAX_SORT
#[derive(Debug)]
pub struct SledRefStore {
    // In the order in which they are dropped.
    writer: Writer,
    database: Arc<Database>,
}

impl SledRefStore {
    /// Opens the store, creating the folder (for our user only) if it is not there.
    ///
    /// # Errors
    /// [`OpenError::Locked`] if another process has it open, [`OpenError::Damaged`] if its content is not
    /// what was written, and others if the folder cannot be used.
    pub fn open(folder: &Path) -> Result<Self, OpenError> {
        Self::open_on(folder, |disk| Box::new(disk), PATIENCE)
    }

    fn open_on(
        folder: &Path,
        disk: impl FnOnce(FileDisk) -> Box<dyn Disk>,
        patience: Duration,
    ) -> Result<Self, OpenError> {
        let opened = open::open(folder)?;
        let (entries, disk, _lock) = (opened.entries, disk(opened.disk), opened.lock);
        let database = Arc::new(Database { entries, disk, failure: OnceLock::new(), _lock });
        let writer = Writer::start(Arc::clone(&database), opened.group, patience);
        Ok(Self { writer: writer.map_err(OpenError::io(folder))?, database })
    }
}

#[async_trait]
impl RefStore for SledRefStore {
    async fn get(&self, key: &Key) -> Result<Option<Bytes>, RefError> {
        self.database.check()?;
        Ok(self.database.entries.get(key)?)
    }

    async fn scan(&self, scan: Scan<'_>) -> Result<Vec<Entry>, RefError> {
        self.database.check()?;
        Ok(self.database.entries.scan(&scan)?)
    }

    async fn commit(&self, batch: Batch) -> Result<(), RefError> {
        self.writer.commit(batch).await
    }
}
