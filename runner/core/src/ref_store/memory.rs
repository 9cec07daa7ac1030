//! A store that forgets.

use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use bytes::Bytes;

use super::{Batch, Change, Entry, Key, Order, RefError, RefStore, Scan, Start};

/// Keeps everything in memory, for servers that keep nothing: what it holds is gone with the process.
#[derive(Debug, Default)]
pub struct MemoryRefStore {
    entries: Mutex<BTreeMap<Key, Bytes>>,
}

impl MemoryRefStore {
    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Key, Bytes>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl RefStore for MemoryRefStore {
    async fn get(&self, key: &Key) -> Result<Option<Bytes>, RefError> {
        Ok(self.lock().get(key).cloned())
    }

    async fn scan(&self, scan: Scan<'_>) -> Result<Vec<Entry>, RefError> {
        let key = |sort: &[u8]| Key::new(scan.partition, sort);
        // The first key of the next partition: nothing lies between a name and the name with a zero.
        let end = Bound::Excluded(Key::new(format!("{}\0", scan.partition), []));
        let entries = self.lock();
        let entry = |(key, value): (&Key, &Bytes)| Entry { sort: key.sort.clone(), value: value.clone() };
        Ok(match scan.order {
            Order::Ascending => {
                let start = match scan.start {
                    Start::First => Bound::Included(key(&[])),
                    Start::At(sort) => Bound::Included(key(sort)),
                    Start::After(sort) => Bound::Excluded(key(sort)),
                };
                entries.range((start, end)).take(scan.limit).map(entry).collect()
            }
            Order::Descending => {
                let start = match scan.start {
                    Start::First => end,
                    Start::At(sort) => Bound::Included(key(sort)),
                    Start::After(sort) => Bound::Excluded(key(sort)),
                };
                let range = (Bound::Included(key(&[])), start);
                entries.range(range).rev().take(scan.limit).map(entry).collect()
            }
        })
    }

    async fn commit(&self, batch: Batch) -> Result<(), RefError> {
        let mut entries = self.lock();
        let present = |key| entries.get(key).map(AsRef::as_ref);
        if !batch.conditions.iter().all(|condition| condition.holds(present(condition.key()))) {
            return Err(RefError::Conflict);
        }
        for change in batch.changes {
            match change {
                Change::Put(key, value) => entries.insert(key, value),
                Change::Delete(key) => entries.remove(&key),
            };
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ref_store::conformance;

    #[tokio::test]
    async fn keeps_the_contract() {
        conformance::all(std::sync::Arc::new(MemoryRefStore::default())).await;
    }
}
