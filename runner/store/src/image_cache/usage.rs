//! Which images there are and when they were used.

use std::{
    collections::HashMap,
    fs::File,
    sync::Weak,
    time::{Duration, SystemTime},
};

use stasis_core::{ByteSize, HeapId};

use crate::{identity::Identity, sealed::SealedHeader};

/// How exactly other processes need to know when an image was used.
const TOUCH_INTERVAL: Duration = Duration::from_secs(60);

/// The bookkeeping of one cache directory, as this process knows it.
#[derive(Debug)]
pub(super) struct Usage {
    budget: u64,
    total: u64,
    entries: HashMap<HeapId, Entry>,
}

#[derive(Debug)]
struct Entry {
    size: u64,
    last_used: SystemTime,
    touched: SystemTime,
    known: Option<Known>,
}

/// An image that this process has verified.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) identity: Identity,
    pub(super) header: SealedHeader,
    /// The file, while somebody holds it.
    pub(super) file: Weak<File>,
}

impl Usage {
    pub(super) fn new(budget: ByteSize) -> Self {
        Self { budget: budget.get(), total: 0, entries: HashMap::new() }
    }

    pub(super) fn known(&self, id: HeapId) -> Option<Known> {
        self.entries.get(&id)?.known.clone()
    }

    /// Notes that an image is used; says whether it is time to tell other processes.
    pub(super) fn used(&mut self, known: Known, now: SystemTime) -> bool {
        let (id, size) = (known.header.id, known.header.image_len);
        let touched = self.take(id).map_or(now, |entry| entry.touched);
        let overdue = now.duration_since(touched).is_ok_and(|age| age > TOUCH_INTERVAL);
        let touched = if overdue { now } else { touched };
        self.insert(id, Entry { size, last_used: now, touched, known: Some(known) });
        overdue
    }

    pub(super) fn forget(&mut self, id: HeapId) {
        self.take(id);
    }

    pub(super) fn fits(&self, incoming: u64) -> bool {
        self.total.saturating_add(incoming) <= self.budget
    }

    /// Takes over what is in the directory: id, size, and time of the last use that was written down.
    pub(super) fn update(&mut self, found: Vec<(HeapId, u64, SystemTime)>) {
        let mut before = std::mem::take(&mut self.entries);
        self.total = 0;
        for (id, size, touched) in found {
            let entry = match before.remove(&id) {
                Some(entry) => Entry { size, last_used: entry.last_used.max(touched), touched, ..entry },
                None => Entry { size, last_used: touched, touched, known: None },
            };
            self.insert(id, entry);
        }
    }

    /// What to remove so that `incoming` fits: the least recently used first, and none that is held.
    /// A tenth of the budget is made free, so that not each new image makes us look.
    pub(super) fn victims(&self, incoming: u64) -> Vec<HeapId> {
        let mut idle: Vec<_> = self.entries.iter().filter(|(_, entry)| !entry.is_held()).collect();
        idle.sort_by_key(|(id, entry)| (entry.last_used, **id));
        let target = self.budget - self.budget / 10;
        let mut total = self.total.saturating_add(incoming);
        let excess = idle.into_iter().take_while(|(_, entry)| {
            let over = total > target;
            total = total.saturating_sub(entry.size);
            over
        });
        excess.map(|(id, _)| *id).collect()
    }

    fn take(&mut self, id: HeapId) -> Option<Entry> {
        let entry = self.entries.remove(&id)?;
        self.total -= entry.size;
        Some(entry)
    }

    fn insert(&mut self, id: HeapId, entry: Entry) {
        self.total += entry.size;
        self.entries.insert(id, entry);
    }
}

impl Entry {
    fn is_held(&self) -> bool {
        self.known.as_ref().is_some_and(|known| known.file.strong_count() > 0)
    }
}
