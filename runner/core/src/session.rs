//! Sessions: named logs of runs.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    ExecutionId, HeapId, RefError, RefStore, Timestamp,
    ref_store::{Batch, Entry, Key, Order, Scan, Start},
    text::{self, StoredText},
};

/// The name of a session: 1 to 256 bytes, no control characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SessionName(String);

impl SessionName {
    /// The longest name, in bytes.
    pub const MAX_LEN: usize = 256;

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A text that cannot be the name of a session.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a session's name has 1 to {max} bytes and no control characters", max = SessionName::MAX_LEN)]
pub struct SessionNameError;

impl FromStr for SessionName {
    type Err = SessionNameError;

    fn from_str(text: &str) -> Result<Self, SessionNameError> {
        let fits = (1..=Self::MAX_LEN).contains(&text.len());
        if fits && !text.chars().any(char::is_control) {
            Ok(Self(text.to_owned()))
        } else {
            Err(SessionNameError)
        }
    }
}

impl fmt::Display for SessionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One completed run of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionEntry {
    /// 0, 1, 2… in the order in which the runs completed.
    pub index: u64,
    /// What the run started from.
    pub input_heap: Option<HeapId>,
    /// What it left.
    pub output_heap: HeapId,
    /// What it was asked to run.
    pub code: String,
    /// When it completed.
    pub timestamp: Timestamp,
}

/// What is stored of an entry; its index is its key.
#[derive(Debug, Serialize, Deserialize)]
struct StoredEntry {
    input_heap: Option<HeapId>,
    output_heap: HeapId,
    code: StoredText,
    timestamp: Timestamp,
}

/// Where a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionPosition {
    /// How many entries it has, which is the next one's index.
    pub length: u64,
    /// What its last run left.
    pub latest: Option<HeapId>,
}

/// The sessions in a store.
#[derive(Debug, Clone)]
pub struct Sessions {
    refs: Arc<dyn RefStore>,
}

/// Every session's name is a sort key here; the value is empty.
const NAMES: &str = "sessions";

impl Sessions {
    /// The sessions that are kept in `refs`.
    pub fn new(refs: Arc<dyn RefStore>) -> Self {
        Self { refs }
    }

    /// Where a session stands; a session that nobody has used has no entries.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn position(&self, session: &SessionName) -> Result<SessionPosition, RefError> {
        let partition = partition(session);
        let last = Scan { partition: &partition, start: Start::First, order: Order::Descending, limit: 1 };
        match self.refs.scan(last).await?.pop() {
            None => Ok(SessionPosition { length: 0, latest: None }),
            Some(entry) => {
                let index = index_of(&entry)?;
                let stored: StoredEntry = text::decode(&entry.value)?;
                Ok(SessionPosition { length: index + 1, latest: Some(stored.output_heap) })
            }
        }
    }

    /// A batch that appends an entry, if the session still is as long as the entry's index says. `run`
    /// owns what of the entry is too long to be in it; that part is stored at once and does nothing by
    /// itself.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn appending(
        &self,
        session: &SessionName,
        entry: &SessionEntry,
        run: ExecutionId,
    ) -> Result<Batch, RefError> {
        let code = text::store(&*self.refs, code_partition(run), &entry.code).await?;
        let stored = StoredEntry {
            input_heap: entry.input_heap,
            output_heap: entry.output_heap,
            code,
            timestamp: entry.timestamp,
        };
        let key = Key::new(partition(session), entry.index.to_be_bytes());
        let mut batch = Batch::default();
        batch.require(key.clone(), None);
        batch.put(key, text::encode(&stored));
        if entry.index == 0 {
            batch.put(Key::new(NAMES, session.as_str()), "");
        }
        Ok(batch)
    }

    /// Names in ascending order of bytes, those after `after`, at most `limit`.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn names(
        &self,
        after: Option<&SessionName>,
        limit: usize,
    ) -> Result<Vec<SessionName>, RefError> {
        let start = after.map_or(Start::First, |name| Start::After(name.0.as_bytes()));
        let scan = Scan { partition: NAMES, start, order: Order::Ascending, limit };
        let name = |entry: Entry| String::from_utf8(entry.sort).map(SessionName).map_err(text::damaged);
        self.refs.scan(scan).await?.into_iter().map(name).collect()
    }

    /// Entries from index `from` on, in order, at most `limit`.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn entries(
        &self,
        session: &SessionName,
        from: u64,
        limit: usize,
    ) -> Result<Vec<SessionEntry>, RefError> {
        let (partition, from) = (partition(session), from.to_be_bytes());
        let scan = Scan { partition: &partition, start: Start::At(&from), order: Order::Ascending, limit };
        let mut entries = Vec::new();
        for entry in self.refs.scan(scan).await? {
            let stored: StoredEntry = text::decode(&entry.value)?;
            entries.push(SessionEntry {
                index: index_of(&entry)?,
                input_heap: stored.input_heap,
                output_heap: stored.output_heap,
                code: text::load(&*self.refs, stored.code).await?,
                timestamp: stored.timestamp,
            });
        }
        Ok(entries)
    }
}

fn partition(session: &SessionName) -> String {
    format!("session/{session}")
}

fn code_partition(run: ExecutionId) -> String {
    format!("code/{run}")
}

fn index_of(entry: &Entry) -> Result<u64, RefError> {
    let bytes = entry.sort.as_slice().try_into().map_err(text::damaged)?;
    Ok(u64::from_be_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ref_store::MemoryRefStore;

    #[test]
    fn names_are_bounded_and_printable() {
        let check = |text: &str, expect: bool| assert_eq!(text.parse::<SessionName>().is_ok(), expect);
        check("my-project", true);
        check("mein Projekt äöü 🦀", true);
        check("../../etc", true);
        check(&"x".repeat(256), true);
        check(&"x".repeat(257), false);
        check("", false);
        check("a\nb", false);
        check("a\0", false);
    }

    fn entry(index: u64, code: &str) -> SessionEntry {
        SessionEntry {
            index,
            input_heap: None,
            output_heap: HeapId::of(code.as_bytes()),
            code: code.to_owned(),
            timestamp: Timestamp::now(),
        }
    }

    #[tokio::test]
    async fn entries_are_appended_without_gaps() {
        let refs = Arc::new(MemoryRefStore::default());
        let sessions = Sessions::new(refs.clone());
        let name: SessionName = "s".parse().expect("a name");
        let append = async |entry: &SessionEntry| {
            let batch = sessions.appending(&name, entry, ExecutionId::new()).await.expect("a batch");
            refs.commit(batch).await
        };
        let long = "x".repeat(1 << 20);
        let written = [entry(0, "a"), entry(1, &long), entry(2, "c")];
        for (length, entry) in (0..).zip(&written) {
            assert_eq!(sessions.position(&name).await.expect("position").length, length);
            append(entry).await.expect("it is the next");
            assert!(matches!(append(entry).await, Err(RefError::Conflict)));
        }
        assert_eq!(sessions.entries(&name, 0, 10).await.expect("entries"), written);
        assert_eq!(sessions.entries(&name, 1, 1).await.expect("entries"), written[1..2]);
        assert_eq!(sessions.entries(&name, 3, 1).await.expect("entries"), []);
        let latest = sessions.position(&name).await.expect("position").latest;
        assert_eq!(latest, Some(written[2].output_heap));
    }

    #[tokio::test]
    async fn names_are_paged_in_order() {
        let refs = Arc::new(MemoryRefStore::default());
        let sessions = Sessions::new(refs.clone());
        let names: Vec<SessionName> = ["a", "a/b", "b"].map(|name| name.parse().expect("a name")).into();
        for name in names.iter().rev() {
            let batch = sessions.appending(name, &entry(0, "x"), ExecutionId::new()).await;
            refs.commit(batch.expect("a batch")).await.expect("it is new");
        }
        assert_eq!(sessions.names(None, 10).await.expect("names"), names);
        assert_eq!(sessions.names(Some(&names[0]), 1).await.expect("names"), names[1..2]);
    }
}
