//! What is stored of executions: their records and what they print.

mod output;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use output::{OutputPage, OutputRange, OutputRangeError};

use crate::{
    ExecutionId, ExecutionRecord, HeapId, OutputLength, RefError, RefStore, SessionName, Status, Timestamp,
    ref_store::{Batch, Entry, Key, MAX_BATCH, Order, Scan, Start},
    text::{self, StoredText},
};

/// The executions in a store.
///
/// A record is written when an execution is asked for, and once more when it has ended. In between, its
/// name is on a list of its server, so that after a crash the server finds what it had not finished.
#[derive(Debug, Clone)]
pub struct ExecutionLog {
    refs: Arc<dyn RefStore>,
    /// The list of executions that this server has not finished.
    unfinished: String,
}

/// Records; the sort key is the execution's id, so that the newest is the last.
const RECORDS: &str = "executions";

/// What is stored of a record; its id is its key.
#[derive(Debug, Serialize, Deserialize)]
struct StoredRecord {
    status: Status,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    result: Option<StoredText>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<StoredText>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    heap: Option<HeapId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    heap_error: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    session: Option<SessionName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    session_index: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    session_error: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    started_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    completed_at: Option<Timestamp>,
    #[serde(default)]
    output: OutputLength,
}

impl StoredRecord {
    fn summary(self, id: ExecutionId) -> ExecutionSummary {
        ExecutionSummary {
            id,
            status: self.status,
            session_error: self.session_error,
            started_at: self.started_at,
            completed_at: self.completed_at,
            output: self.output,
        }
    }
}

/// A record without its long texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutionSummary {
    /// Its name.
    pub id: ExecutionId,
    /// Whether and how it has ended.
    pub status: Status,
    /// Why the session has no entry of it although the script returned.
    pub session_error: Option<String>,
    /// When its script was started.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
    /// How much it printed.
    pub output: OutputLength,
}

impl From<&ExecutionRecord> for ExecutionSummary {
    fn from(record: &ExecutionRecord) -> Self {
        Self {
            id: record.id,
            status: record.status,
            session_error: record.session_error.clone(),
            started_at: record.started_at,
            completed_at: record.completed_at,
            output: record.output,
        }
    }
}

/// Which end of the list comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListOrder {
    /// The newest.
    NewestFirst,
    /// The oldest.
    OldestFirst,
}

impl ExecutionLog {
    /// The executions that are kept in `refs`; `server` is the name of the server that adds to them.
    pub fn new(refs: Arc<dyn RefStore>, server: &str) -> Self {
        Self { refs, unfinished: format!("unfinished/{server}") }
    }

    /// Notes an execution that has not ended.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn begin(&self, record: &ExecutionRecord) -> Result<(), RefError> {
        let mut batch = Batch::default();
        let stored = stored(record, None, None);
        batch.put(record_key(record.id), text::encode(&stored));
        batch.put(Key::new(&*self.unfinished, *record.id.as_bytes()), "");
        self.refs.commit(batch).await
    }

    /// A batch that notes how an execution has ended. Texts that are too long to be in it are stored at
    /// once.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn finishing(&self, record: &ExecutionRecord) -> Result<Batch, RefError> {
        let store = async |name: &str, text: &Option<String>| match text {
            Some(text) => text::store(&*self.refs, text_partition(name, record.id), text).await.map(Some),
            None => Ok(None),
        };
        let (result, error) = (store("result", &record.result).await?, store("error", &record.error).await?);
        let mut batch = Batch::default();
        batch.put(record_key(record.id), text::encode(&stored(record, result, error)));
        batch.delete(Key::new(&*self.unfinished, *record.id.as_bytes()));
        Ok(batch)
    }

    /// Commits a batch of [`ExecutionLog::finishing`], with whatever was added to it.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn commit(&self, batch: Batch) -> Result<(), RefError> {
        self.refs.commit(batch).await
    }

    /// An execution's record.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn record(&self, id: ExecutionId) -> Result<Option<ExecutionRecord>, RefError> {
        let Some(stored) = self.stored(id).await? else { return Ok(None) };
        let load = async |text: Option<StoredText>| match text {
            Some(text) => text::load(&*self.refs, text).await.map(Some),
            None => Ok(None),
        };
        Ok(Some(ExecutionRecord {
            id,
            status: stored.status,
            result: load(stored.result).await?,
            error: load(stored.error).await?,
            heap: stored.heap,
            heap_error: stored.heap_error,
            session: stored.session,
            session_index: stored.session_index,
            session_error: stored.session_error,
            started_at: stored.started_at,
            completed_at: stored.completed_at,
            output: stored.output,
        }))
    }

    /// The same without its texts, which may be long.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn summary(&self, id: ExecutionId) -> Result<Option<ExecutionSummary>, RefError> {
        Ok(self.stored(id).await?.map(|stored| stored.summary(id)))
    }

    async fn stored(&self, id: ExecutionId) -> Result<Option<StoredRecord>, RefError> {
        let value = self.refs.get(&record_key(id)).await?;
        value.as_deref().map(text::decode).transpose()
    }

    /// Executions beyond `after` in the given order, at most `limit`.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn list(
        &self,
        order: ListOrder,
        after: Option<ExecutionId>,
        limit: usize,
    ) -> Result<Vec<ExecutionSummary>, RefError> {
        let after = after.map(|id| *id.as_bytes());
        let start = after.as_ref().map_or(Start::First, |id| Start::After(id));
        let order = match order {
            ListOrder::NewestFirst => Order::Descending,
            ListOrder::OldestFirst => Order::Ascending,
        };
        let found = self.refs.scan(Scan { partition: RECORDS, start, order, limit }).await?;
        let summary = |entry: Entry| {
            let stored: StoredRecord = text::decode(&entry.value)?;
            Ok(stored.summary(id_of(&entry)?))
        };
        found.into_iter().map(summary).collect()
    }

    /// Ends, with this error, the executions that this server had not finished when it was last
    /// stopped; returns how many there were.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn fail_unfinished(&self, error: &str) -> Result<usize, RefError> {
        let mut count = 0;
        loop {
            let unfinished = self.first_of(&self.unfinished, MAX_BATCH).await?;
            if unfinished.is_empty() {
                return Ok(count);
            }
            for entry in &unfinished {
                let id = id_of(entry)?;
                let record = self.record(id).await?;
                let mut record = record.unwrap_or_else(|| ExecutionRecord::new(id, None));
                record.status = Status::Failed;
                record.error = Some(error.to_owned());
                record.completed_at = Some(Timestamp::now());
                // What it printed since its record was written is there, and counts.
                record.output = self.output_length(id).await?;
                let batch = self.finishing(&record).await?;
                self.refs.commit(batch).await?;
                count += 1;
            }
        }
    }

    /// Removes an execution with all that it printed.
    ///
    /// # Errors
    /// If the store fails; part of it may be gone then, and it can be removed again.
    pub async fn remove(&self, id: ExecutionId) -> Result<(), RefError> {
        let parts = [
            text_partition("result", id),
            text_partition("error", id),
            output::text_partition(id),
            output::lines_partition(id),
        ];
        for partition in parts {
            loop {
                let entries = self.first_of(&partition, MAX_BATCH).await?;
                if entries.is_empty() {
                    break;
                }
                let mut batch = Batch::default();
                for entry in entries {
                    batch.delete(Key::new(&*partition, entry.sort));
                }
                self.refs.commit(batch).await?;
            }
        }
        let mut batch = Batch::default();
        batch.delete(record_key(id));
        self.refs.commit(batch).await
    }

    async fn first_of(&self, partition: &str, limit: usize) -> Result<Vec<Entry>, RefError> {
        self.refs.scan(Scan { partition, start: Start::First, order: Order::Ascending, limit }).await
    }
}

fn stored(record: &ExecutionRecord, result: Option<StoredText>, error: Option<StoredText>) -> StoredRecord {
    StoredRecord {
        status: record.status,
        result,
        error,
        heap: record.heap,
        heap_error: record.heap_error.clone(),
        session: record.session.clone(),
        session_index: record.session_index,
        session_error: record.session_error.clone(),
        started_at: record.started_at,
        completed_at: record.completed_at,
        output: record.output,
    }
}

fn record_key(id: ExecutionId) -> Key {
    Key::new(RECORDS, *id.as_bytes())
}

fn text_partition(name: &str, id: ExecutionId) -> String {
    format!("{name}/{id}")
}

fn id_of(entry: &Entry) -> Result<ExecutionId, RefError> {
    let id = ExecutionId::from_bytes(&entry.sort);
    id.ok_or_else(|| RefError::Damaged("a sort key that is no execution id".into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ref_store::MemoryRefStore;

    fn log(refs: &Arc<MemoryRefStore>) -> ExecutionLog {
        ExecutionLog::new(refs.clone(), "here")
    }

    #[tokio::test]
    async fn a_record_comes_back_as_it_was() {
        let log = log(&Arc::default());
        let id = ExecutionId::new();
        assert_eq!(log.record(id).await.expect("record"), None);
        let mut record = ExecutionRecord::new(id, "s".parse().ok());
        log.begin(&record).await.expect("begin");
        assert_eq!(log.record(id).await.expect("record"), Some(record.clone()));

        record.status = Status::Completed;
        record.result = Some("r".repeat(1 << 20));
        record.error = Some("e".repeat(1 << 20));
        record.heap = Some(HeapId::of(b"heap"));
        record.heap_error = Some("none".to_owned());
        record.session_index = Some(7);
        record.session_error = Some("none".to_owned());
        record.started_at = Some(Timestamp::now());
        record.completed_at = Some(Timestamp::now());
        record.output = OutputLength { bytes: 3, lines: 1 };
        let batch = log.finishing(&record).await.expect("a batch");
        log.commit(batch).await.expect("commit");
        assert_eq!(log.record(id).await.expect("record"), Some(record));
    }

    #[tokio::test]
    async fn lists_are_paged_from_either_end() {
        let log = log(&Arc::default());
        let ids: Vec<ExecutionId> = (0..5).map(|_| ExecutionId::new()).collect();
        for id in &ids {
            log.begin(&ExecutionRecord::new(*id, None)).await.expect("begin");
        }
        let check = async |order, after, limit, expect: &[ExecutionId]| {
            let found = log.list(order, after, limit).await.expect("list");
            assert_eq!(found.iter().map(|summary| summary.id).collect::<Vec<_>>(), expect);
        };
        check(ListOrder::OldestFirst, None, 10, &ids).await;
        check(ListOrder::OldestFirst, Some(ids[1]), 2, &ids[2..4]).await;
        check(ListOrder::NewestFirst, None, 2, &[ids[4], ids[3]]).await;
        check(ListOrder::NewestFirst, Some(ids[3]), 2, &[ids[2], ids[1]]).await;
    }

    #[tokio::test]
    async fn what_was_interrupted_has_failed_and_what_ended_has_not() {
        let refs = Arc::new(MemoryRefStore::default());
        let log = log(&refs);
        let (going, ended) = (ExecutionId::new(), ExecutionId::new());
        for id in [going, ended] {
            log.begin(&ExecutionRecord::new(id, None)).await.expect("begin");
        }
        let mut record = ExecutionRecord::new(ended, None);
        record.status = Status::Cancelled;
        log.commit(log.finishing(&record).await.expect("a batch")).await.expect("commit");
        log.commit(log.printing(going, OutputLength::default(), "a\nb\n")).await.expect("output");

        let elsewhere = ExecutionLog::new(refs.clone(), "elsewhere");
        assert_eq!(elsewhere.fail_unfinished("gone").await.expect("nothing"), 0);
        assert_eq!(log.fail_unfinished("gone").await.expect("one"), 1);
        assert_eq!(log.fail_unfinished("gone").await.expect("nothing"), 0);
        let failed = log.record(going).await.expect("record").expect("it is there");
        assert_eq!((failed.status, failed.error.as_deref()), (Status::Failed, Some("gone")));
        assert_eq!(failed.output, OutputLength { bytes: 4, lines: 2 });
        assert_eq!(log.record(ended).await.expect("record").expect("it is there").status, Status::Cancelled);
    }

    #[tokio::test]
    async fn what_is_removed_leaves_nothing() {
        let refs = Arc::new(MemoryRefStore::default());
        let log = log(&refs);
        let mut record = ExecutionRecord::new(ExecutionId::new(), None);
        record.result = Some("r".repeat(1 << 20));
        let mut length = OutputLength::default();
        for _ in 0..300 {
            log.commit(log.printing(record.id, length, "line\n")).await.expect("output");
            length = length.plus("line\n");
        }
        log.commit(log.finishing(&record).await.expect("a batch")).await.expect("commit");
        log.remove(record.id).await.expect("remove");
        assert_eq!(refs.len(), 0);
    }
}
