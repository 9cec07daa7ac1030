//! The port behind which small mutable state is kept: sessions, tags, executions and their output.

mod batch;
pub mod conformance;
mod memory;

use std::{error::Error, fmt};

use async_trait::async_trait;
use bytes::Bytes;

pub use batch::{Batch, Change, Condition};
pub use memory::MemoryRefStore;

/// Keeps small values under ordered keys, and changes several of them at once or none.
///
/// It is the least that sessions, tags and executions need, and no more than a replicated log, an
/// embedded database and a table in the cloud can all promise:
///
/// * `commit` is atomic, and durable once it has returned: it survives a crash of this process and of
///   the machine, unless the implementation says that it keeps nothing.
/// * Commits are linearizable: conditions are judged against every commit that has returned before.
/// * `get` and `scan` see whole commits, and every commit that returned before they were called.
#[async_trait]
pub trait RefStore: fmt::Debug + Send + Sync {
    /// The value under a key.
    async fn get(&self, key: &Key) -> Result<Option<Bytes>, RefError>;

    /// Entries of one partition in the order of their sort keys, at most `scan.limit`.
    async fn scan(&self, scan: Scan<'_>) -> Result<Vec<Entry>, RefError>;

    /// Makes all changes of the batch if all its conditions hold.
    ///
    /// # Errors
    /// [`RefError::Conflict`] if one does not hold; nothing was changed. After any other error the
    /// batch may or may not have been committed.
    async fn commit(&self, batch: Batch) -> Result<(), RefError>;
}

/// The largest value that every implementation takes, in bytes. (An item of DynamoDB ends at 400 KB.)
pub const MAX_VALUE: usize = 256 << 10;
/// The most conditions and changes that every implementation takes in one batch. (A transaction of
/// DynamoDB ends at 100 items.)
pub const MAX_BATCH: usize = 100;
/// The longest partition name and the longest sort key, in bytes. (DynamoDB: 2,048 and 1,024.)
pub const MAX_PARTITION: usize = 2048;
/// See [`MAX_PARTITION`].
pub const MAX_SORT: usize = 1024;

/// Where a value is kept: entries of one partition are together and in the order of `sort`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// What belongs together.
    pub partition: String,
    /// The order within.
    pub sort: Vec<u8>,
}

impl Key {
    /// A key of these two parts.
    pub fn new(partition: impl Into<String>, sort: impl Into<Vec<u8>>) -> Self {
        Self { partition: partition.into(), sort: sort.into() }
    }
}

/// One entry of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its sort key.
    pub sort: Vec<u8>,
    /// Its value.
    pub value: Bytes,
}

/// Which entries of a partition are wanted.
#[derive(Debug, Clone, Copy)]
pub struct Scan<'a> {
    /// The partition.
    pub partition: &'a str,
    /// Where to begin.
    pub start: Start<'a>,
    /// Which way to go.
    pub order: Order,
    /// When to stop.
    pub limit: usize,
}

/// Where a scan begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start<'a> {
    /// With the first entry in the scan's order.
    First,
    /// With this sort key, or the next one in the scan's order.
    At(&'a [u8]),
    /// With the next one after this sort key in the scan's order.
    After(&'a [u8]),
}

/// The order of a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The smallest sort key first.
    Ascending,
    /// The largest sort key first.
    Descending,
}

/// What a store of references could not do.
#[derive(Debug, thiserror::Error)]
pub enum RefError {
    /// A condition of the batch does not hold. Nothing was changed.
    #[error("the state has changed meanwhile")]
    Conflict,
    /// There is no room. Nothing was changed.
    #[error("the session store is full")]
    Full(#[source] Box<dyn Error + Send + Sync>),
    /// What is stored cannot be understood.
    #[error("the session store is damaged")]
    Damaged(#[source] Box<dyn Error + Send + Sync>),
    /// Anything else; trying again may help.
    #[error("the session store is unavailable")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
}
