//! What a running script prints, on its way to the store.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use stasis_core::{ExecutionId, ExecutionLog, OutputLength, RefError, ref_store::Batch};
use tokio::sync::Notify;

/// How long text may wait for more, so that many short lines become one write, and a short run's text goes
/// with its record.
const DELAY: Duration = Duration::from_millis(20);
/// The most that is written at once, in bytes; all its chunks fit into one commit.
const AT_ONCE: usize = 1 << 20;

/// Text that was printed: first here, then in the store.
#[derive(Debug, Default)]
pub(crate) struct Output {
    state: Mutex<State>,
    /// There is something to write, or nothing will come any more.
    changed: Notify,
    /// Held while something is written.
    writing: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    pending: String,
    written: OutputLength,
}

impl Output {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a text as it was printed.
    pub(crate) fn print(&self, prefix: &str, text: &str) {
        let mut state = self.lock();
        let first = state.pending.is_empty();
        for part in [prefix, text, "\n"] {
            state.pending.push_str(part);
        }
        if first {
            self.changed.notify_one();
        }
    }

    /// Everything that was printed.
    pub(crate) fn length(&self) -> OutputLength {
        let state = self.lock();
        state.written.plus(&state.pending)
    }

    /// What of it is durable.
    pub(crate) fn durable_length(&self) -> OutputLength {
        self.lock().written
    }

    /// Writes what is printed, until the future is dropped or the store fails.
    pub(crate) async fn write(&self, log: &ExecutionLog, id: ExecutionId) -> Result<(), RefError> {
        loop {
            self.changed.notified().await;
            tokio::time::sleep(DELAY).await;
            while self.write_some(log, id).await? {}
        }
    }

    /// Writes all but what fits into one commit, and returns the batch that writes that.
    pub(crate) async fn rest(&self, log: &ExecutionLog, id: ExecutionId) -> Result<Batch, RefError> {
        while self.lock().pending.len() > AT_ONCE {
            self.write_some(log, id).await?;
        }
        // What is being written is not to be committed after a batch that has more under the same key.
        let _turn = self.writing.lock().await;
        let state = self.lock();
        Ok(log.printing(id, state.written, &state.pending))
    }

    /// Writes some of what is pending; says whether there was anything.
    async fn write_some(&self, log: &ExecutionLog, id: ExecutionId) -> Result<bool, RefError> {
        let _turn = self.writing.lock().await;
        let (batch, length) = {
            let state = self.lock();
            let length = state.pending.floor_char_boundary(AT_ONCE);
            (log.printing(id, state.written, &state.pending[..length]), length)
        };
        if length == 0 {
            return Ok(false);
        }
        log.commit(batch).await?;
        let mut state = self.lock();
        let rest = state.pending.split_off(length);
        let text = std::mem::replace(&mut state.pending, rest);
        state.written = state.written.plus(&text);
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use stasis_core::{OutputRange, ref_store::MemoryRefStore};

    use super::*;

    #[tokio::test]
    async fn what_is_printed_is_written_and_what_is_left_goes_with_the_record() {
        let log = ExecutionLog::new(Arc::new(MemoryRefStore::default()), "here");
        let (output, id) = (Output::default(), ExecutionId::new());
        let read = async || {
            let all = OutputRange::Bytes { offset: 0, limit: OutputRange::MAX_BYTES };
            log.output(id, all).await.expect("a page").data
        };
        output.print("", "one");
        output.print("[WARN] ", "two");
        let is_there = async {
            while read().await != "one\n[WARN] two\n" {
                tokio::time::sleep(DELAY / 10).await;
            }
        };
        tokio::select! {
            written = output.write(&log, id) => written.expect("the store works"),
            () = is_there => {}
        }
        output.print("", "three");
        assert_eq!(output.length(), OutputLength { bytes: 21, lines: 3 });
        for _ in 0..2 {
            log.commit(output.rest(&log, id).await.expect("a batch")).await.expect("commit");
            assert_eq!(read().await, "one\n[WARN] two\nthree\n");
        }
    }

    #[tokio::test]
    async fn much_text_is_written_in_parts() {
        let log = ExecutionLog::new(Arc::new(MemoryRefStore::default()), "here");
        let (output, id) = (Output::default(), ExecutionId::new());
        output.print("", &"€".repeat(AT_ONCE));
        let batch = output.rest(&log, id).await.expect("a batch");
        assert!(batch.len() <= stasis_core::ref_store::MAX_BATCH);
        log.commit(batch).await.expect("commit");
        assert_eq!(log.output_length(id).await.expect("length"), output.length());
    }
}
