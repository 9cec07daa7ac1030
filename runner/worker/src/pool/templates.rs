//! Templates of heaps that are resumed again and again.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use stasis_core::HeapId;

use super::waiting::Waiting;

/// How many heaps that were resumed once are remembered.
const REMEMBERED: usize = 256;

/// Least recently used goes first, for both lists.
#[derive(Debug)]
pub(super) struct Templates {
    max: usize,
    lists: Mutex<Lists>,
}

#[derive(Debug, Default)]
struct Lists {
    hot: VecDeque<(HeapId, Arc<Waiting>)>,
    seen: VecDeque<HeapId>,
}

/// What to do for a run on a heap.
#[derive(Debug)]
pub(super) enum Advice {
    /// Fork this template.
    Fork(Arc<Waiting>),
    /// Make a template: the heap was resumed before, and will be again.
    Keep,
    /// Thaw it for this run alone.
    Once,
}

impl Templates {
    pub(super) fn new(max: usize) -> Self {
        Self { max, lists: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Lists> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn count(&self) -> usize {
        self.lock().hot.len()
    }

    /// Notes that a heap is about to be resumed.
    pub(super) fn advise(&self, heap: HeapId) -> Advice {
        let mut lists = self.lock();
        lists.hot.retain(|(_, template)| !template.is_gone());
        if let Some(at) = lists.hot.iter().position(|(id, _)| *id == heap)
            && let Some(entry) = lists.hot.remove(at)
        {
            let template = entry.1.clone();
            lists.hot.push_back(entry);
            return Advice::Fork(template);
        }
        let seen = lists.seen.iter().position(|id| *id == heap);
        match seen {
            Some(at) if self.max > 0 => {
                lists.seen.remove(at);
                Advice::Keep
            }
            _ => {
                if lists.seen.len() == REMEMBERED {
                    lists.seen.pop_front();
                }
                lists.seen.push_back(heap);
                Advice::Once
            }
        }
    }

    /// Keeps a template, in the place of the one that was not used for longest.
    pub(super) fn keep(&self, heap: HeapId, template: Arc<Waiting>) {
        let mut lists = self.lock();
        while lists.hot.len() >= self.max.max(1) {
            lists.hot.pop_front();
        }
        lists.hot.push_back((heap, template));
    }

    /// Drops a template, for example because it died.
    pub(super) fn forget(&self, heap: HeapId) {
        self.lock().hot.retain(|(id, _)| *id != heap);
    }
}
