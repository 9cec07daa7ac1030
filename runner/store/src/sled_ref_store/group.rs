//! Batches that are committed together.

use bytes::Bytes;
use stasis_core::ref_store::{Batch, Change, Key, RefError};

use super::entries::{self, Changes, Entries, EntriesError};

/// What must be left on the disk for more to be stored: room for what the database moves about when it
/// changes anything, deletes included.
const RESERVE: u64 = 32 << 20;

/// Too little room.
#[derive(Debug, thiserror::Error)]
#[error("{room} bytes are left on the disk, {needed} are needed")]
struct NoRoom {
    room: u64,
    needed: u64,
}

/// Batches that hold one after the other, and have yet to be applied.
#[derive(Debug)]
pub(super) struct Group<'a> {
    entries: &'a Entries,
    changes: Changes,
    room: u64,
    bytes: u64,
}

impl<'a> Group<'a> {
    /// No batches yet, on a disk with this much room.
    pub(super) fn new(entries: &'a Entries, room: u64) -> Self {
        Self { entries, changes: Changes::new(), room, bytes: 0 }
    }

    /// Adds a batch, if its conditions hold after the earlier ones of the group.
    pub(super) fn add(&mut self, batch: Batch) -> Result<(), RefError> {
        let bytes = self.check_sizes(&batch)?;
        for condition in &batch.conditions {
            if !condition.holds(self.present(condition.key())?.as_deref()) {
                return Err(RefError::Conflict);
            }
        }
        self.bytes += bytes;
        self.changes.extend(batch.changes.into_iter().map(|change| match change {
            Change::Put(key, value) => (key, Some(value)),
            Change::Delete(key) => (key, None),
        }));
        Ok(())
    }

    pub(super) fn into_changes(self) -> Changes {
        self.changes
    }

    /// Refuses what cannot be stored; returns how much is to be stored.
    fn check_sizes(&self, batch: &Batch) -> Result<u64, RefError> {
        let mut bytes = 0;
        for change in &batch.changes {
            match change {
                Change::Put(key, value) => {
                    entries::check(key, value)?;
                    bytes += size_of_put(key, value) as u64;
                }
                Change::Delete(key) => entries::check(key, &[])?,
            }
        }
        let needed = self.bytes + bytes + RESERVE;
        if bytes > 0 && needed > self.room {
            return Err(RefError::Full(Box::new(NoRoom { room: self.room, needed })));
        }
        Ok(bytes)
    }

    fn present(&self, key: &Key) -> Result<Option<Bytes>, EntriesError> {
        match self.changes.get(key) {
            Some(value) => Ok(value.clone()),
            None => self.entries.get(key),
        }
    }
}

/// About how much of a disk a batch takes.
pub(super) fn size_of(batch: &Batch) -> usize {
    let size = |change: &Change| match change {
        Change::Put(key, value) => size_of_put(key, value),
        Change::Delete(key) => key.partition.len() + key.sort.len(),
    };
    batch.changes.iter().map(size).sum()
}

fn size_of_put(key: &Key, value: &Bytes) -> usize {
    key.partition.len() + key.sort.len() + value.len() + 1
}
