//! What is kept, as the database's key-value pairs.

use std::{
    any::Any,
    collections::HashMap,
    fmt,
    panic::{self, AssertUnwindSafe},
    sync::{PoisonError, RwLock, RwLockReadGuard},
};

use bytes::Bytes;
use sled::{Batch, IVec, Tree};
use stasis_core::ref_store::{Entry, Key, MAX_VALUE, Order, RefError, Scan};

use super::key::{self, KeyTooLong};

/// The most of a value that is kept in one pair. Together with [`SEGMENT`] it keeps every page of the
/// database within its log; see there.
const PART: usize = 32 << 10;

/// The size of the segments of the database's log.
///
/// A page that exceeds a quarter of a segment goes to a file of its own, which the database never
/// syncs. No page of ours does: a leaf has about 16 pairs of a key (3 KiB) and a part, an inner page
/// about 256 keys.
pub(super) const SEGMENT: usize = 4 << 20;
const _: () = assert!(24 * (PART + (4 << 10)) < SEGMENT / 4 && 300 * 3200 < SEGMENT / 4);
const _: () = assert!(MAX_VALUE / PART <= u8::MAX as usize);

/// New values by key; none, if the key is to have no value.
pub(super) type Changes = HashMap<Key, Option<Bytes>>;

/// What the database could not do.
#[derive(Debug, thiserror::Error)]
pub(super) enum EntriesError {
    #[error("the database failed")]
    Database(#[from] sled::Error),
    #[error("the database panicked: {0}")]
    Panicked(String),
    #[error("a value is not whole")]
    Torn,
    #[error(transparent)]
    KeyTooLong(#[from] KeyTooLong),
    #[error("a value of {0} bytes is too long")]
    ValueTooLong(usize),
}

impl From<EntriesError> for RefError {
    fn from(error: EntriesError) -> Self {
        match error {
            EntriesError::Database(sled::Error::Corruption { .. })
            | EntriesError::Panicked(_)
            | EntriesError::Torn => Self::Damaged(Box::new(error)),
            EntriesError::Database(_) | EntriesError::KeyTooLong(_) | EntriesError::ValueTooLong(_) => {
                Self::Unavailable(Box::new(error))
            }
        }
    }
}

/// See the module.
///
/// The first pair of an entry has the number of its further parts in front of the value. Readers share
/// the lock; changes are made while nobody reads, so that a scan sees them all or none. (The database
/// promises that of single reads only.) The lock is not held while the disk is waited for.
pub(super) struct Entries {
    tree: RwLock<Tree>,
}

impl Entries {
    pub(super) fn new(tree: Tree) -> Self {
        Self { tree: RwLock::new(tree) }
    }

    pub(super) fn get(&self, key: &Key) -> Result<Option<Bytes>, EntriesError> {
        // There is nothing under what cannot be a key.
        let Ok(at) = key::of_entry(key) else { return Ok(None) };
        unpanicked(|| {
            let tree = self.read();
            tree.get(&at)?.map(|first| whole(&tree, &at, &first)).transpose()
        })
    }

    pub(super) fn scan(&self, scan: &Scan<'_>) -> Result<Vec<Entry>, EntriesError> {
        let Some(range) = key::range(scan) else { return Ok(Vec::new()) };
        unpanicked(|| {
            let tree = self.read();
            let pairs = tree.range(range);
            let entry = |pair: sled::Result<(IVec, IVec)>| {
                let (at, first) = pair?;
                let sort = key::sort_of(scan.partition, &at).to_vec();
                Ok(Entry { sort, value: whole(&tree, &at, &first)? })
            };
            match scan.order {
                Order::Ascending => pairs.take(scan.limit).map(entry).collect(),
                Order::Descending => pairs.rev().take(scan.limit).map(entry).collect(),
            }
        })
    }

    /// The number of the last group that was applied.
    pub(super) fn last_group(&self) -> Result<u64, EntriesError> {
        unpanicked(|| match self.read().get(key::GROUP)? {
            Some(number) => {
                number.as_ref().try_into().map(u64::from_be_bytes).map_err(|_| EntriesError::Torn)
            }
            None => Ok(0),
        })
    }

    /// Makes all changes of a group at once; they may not be on the disk yet. There is one caller at a
    /// time.
    pub(super) fn apply(&self, group: u64, changes: &Changes) -> Result<(), EntriesError> {
        unpanicked(|| {
            let mut pairs = Batch::default();
            pairs.insert(&key::GROUP, &group.to_be_bytes());
            for (key, value) in changes {
                self.put_pairs(key, value.as_deref(), &mut pairs)?;
            }
            Ok(self.tree.write().unwrap_or_else(PoisonError::into_inner).apply_batch(pairs)?)
        })
    }

    /// Hands everything to the operating system. It is durable once the file is synced, too.
    pub(super) fn flush(&self) -> Result<(), EntriesError> {
        unpanicked(|| Ok(self.read().flush().map(drop)?))
    }

    #[cfg(test)]
    pub(super) fn pairs(&self) -> usize {
        self.read().len()
    }

    fn put_pairs(&self, key: &Key, value: Option<&[u8]>, pairs: &mut Batch) -> Result<(), EntriesError> {
        let at = key::of_entry(key)?;
        let old_parts = match self.read().get(&at)? {
            Some(first) => further_parts(&first)?.0,
            None => 0,
        };
        let new_parts = match value {
            Some(value) => put_value(&at, value, pairs)?,
            None => {
                pairs.remove(at.as_slice());
                0
            }
        };
        for number in new_parts..old_parts {
            pairs.remove(key::of_part(&at, number));
        }
        Ok(())
    }

    fn read(&self) -> RwLockReadGuard<'_, Tree> {
        self.tree.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Entries {
    /// Says nothing of the content: the database's own `Debug` prints all of it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Entries").finish_non_exhaustive()
    }
}

/// Refuses what [`Entries::apply`] could not store.
pub(super) fn check(key: &Key, value: &[u8]) -> Result<(), EntriesError> {
    key::of_entry(key)?;
    if value.len() > MAX_VALUE { Err(EntriesError::ValueTooLong(value.len())) } else { Ok(()) }
}

/// Adds the pairs of a value; returns the number of its further parts.
fn put_value(at: &[u8], value: &[u8], pairs: &mut Batch) -> Result<u8, EntriesError> {
    let (first, rest) = value.split_at(value.len().min(PART));
    let further = rest.len().div_ceil(PART).try_into();
    let further: u8 = further.map_err(|_| EntriesError::ValueTooLong(value.len()))?;
    pairs.insert(at, [&[further], first].concat());
    for (number, part) in (0..further).zip(rest.chunks(PART)) {
        pairs.insert(key::of_part(at, number), part);
    }
    Ok(further)
}

/// The value whose first pair this is.
fn whole(tree: &Tree, at: &[u8], first: &[u8]) -> Result<Bytes, EntriesError> {
    let (further, first) = further_parts(first)?;
    if further == 0 {
        return Ok(Bytes::copy_from_slice(first));
    }
    let mut value = first.to_vec();
    for number in 0..further {
        value.extend_from_slice(&tree.get(key::of_part(at, number))?.ok_or(EntriesError::Torn)?);
    }
    Ok(value.into())
}

fn further_parts(first: &[u8]) -> Result<(u8, &[u8]), EntriesError> {
    first.split_first().map(|(further, first)| (*further, first)).ok_or(EntriesError::Torn)
}

/// Turns a panic into an error: the database asserts much of what it finds in its file, and a damaged
/// file must not take the server's tasks along. What panicked is not used again: a failed change stops
/// the store, and a failed read left nothing behind.
pub(super) fn unpanicked<T>(work: impl FnOnce() -> Result<T, EntriesError>) -> Result<T, EntriesError> {
    panic::catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|payload| Err(EntriesError::Panicked(message_of(&*payload))))
}

fn message_of(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref().copied()).unwrap_or("without a message").to_owned()
}
