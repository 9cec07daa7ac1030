//! Which executions are forgotten.

use std::time::Duration;

use stasis_core::{ExecutionLog, ListOrder, RefError, Timestamp};

/// How long executions are remembered: the first bound that is reached counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// The most that are kept.
    pub count: u64,
    /// The longest that one is kept after it has ended.
    pub age: Duration,
    /// The most output that is kept of all together, in bytes.
    pub output_bytes: u64,
}

impl Retention {
    /// Ten thousand, a week, a gibibyte.
    pub const DEFAULT: Self =
        Self { count: 10_000, age: Duration::from_secs(7 * 24 * 3600), output_bytes: 1 << 30 };
}

/// How often old executions are looked for.
const INTERVAL: Duration = Duration::from_secs(10);
/// How many are looked at a time.
const PAGE: usize = 256;

/// Removes what is too old or too much, again and again.
pub(crate) async fn keep_clean(log: ExecutionLog, retention: Retention) {
    loop {
        tokio::time::sleep(INTERVAL).await;
        if let Err(error) = clean(&log, retention).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "old executions cannot be removed");
        }
    }
}

/// Removes what is too old or too much; what has not ended stays.
pub(crate) async fn clean(log: &ExecutionLog, retention: Retention) -> Result<u64, RefError> {
    let horizon = Timestamp::now().minus(retention.age);
    let (mut kept, mut bytes, mut removed) = (0, 0_u64, 0);
    let mut after = None;
    loop {
        let page = log.list(ListOrder::NewestFirst, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(removed) };
        after = Some(last.id);
        for execution in page {
            bytes = bytes.saturating_add(execution.output.bytes);
            let old = execution.completed_at.is_some_and(|at| at < horizon);
            let too_much = kept >= retention.count || bytes > retention.output_bytes;
            if execution.status.is_terminal() && (old || too_much) {
                log.remove(execution.id).await?;
                removed += 1;
            } else {
                kept += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use stasis_core::{ExecutionId, ExecutionRecord, OutputLength, Status, ref_store::MemoryRefStore};

    use super::*;

    const ALL: Retention = Retention { count: 100, age: Duration::from_secs(60), output_bytes: 1000 };

    /// Keeps ten executions of 10 bytes each, the newest of which is going on; says which are left.
    async fn check(retention: Retention, seconds_ago: u64, expect: &[usize]) {
        let log = ExecutionLog::new(Arc::new(MemoryRefStore::default()), "here");
        let mut ids = Vec::new();
        for n in 0..10 {
            let mut record = ExecutionRecord::new(ExecutionId::new(), None);
            log.begin(&record).await.expect("begin");
            record.output = OutputLength { bytes: 10, lines: 1 };
            record.status = Status::Completed;
            record.completed_at = Some(Timestamp::now().minus(Duration::from_secs(seconds_ago)));
            if n != 9 {
                log.commit(log.finishing(&record).await.expect("a batch")).await.expect("commit");
            }
            ids.push(record.id);
        }
        clean(&log, retention).await.expect("clean");
        let left = log.list(ListOrder::OldestFirst, None, 100).await.expect("list");
        let left: Vec<usize> =
            left.iter().filter_map(|kept| ids.iter().position(|id| *id == kept.id)).collect();
        assert_eq!(left, expect);
    }

    #[tokio::test]
    async fn the_oldest_go_first_and_what_is_going_on_stays() {
        check(ALL, 0, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]).await;
        check(ALL, 61, &[9]).await;
        check(Retention { count: 3, ..ALL }, 0, &[7, 8, 9]).await;
        check(Retention { count: 0, ..ALL }, 0, &[9]).await;
        check(Retention { output_bytes: 45, ..ALL }, 0, &[5, 6, 7, 8, 9]).await;
    }
}
