//! How much a run may do with files, and how much it has done.

use std::sync::atomic::{AtomicU64, Ordering};

use rustix::io::Errno;
use stasis_core::host::MAX_CONTENT_BYTES;

/// What a run may do with files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileLimits {
    /// Most bytes of a file that are read, written or copied at once.
    pub file_bytes: u64,
    /// Most operations of a run.
    pub operations: u64,
    /// Most bytes that a run reads, writes and copies altogether.
    pub total_bytes: u64,
    /// Most names that are read from a folder; also the most that are removed at once.
    pub entries: usize,
    /// Most folders inside each other that are removed at once.
    pub depth: usize,
    /// Most operations of a run that go on at the same time; others wait.
    pub concurrent: usize,
}

impl Default for FileLimits {
    fn default() -> Self {
        Self {
            file_bytes: MAX_CONTENT_BYTES as u64,
            operations: 10_000,
            total_bytes: 1 << 30,
            entries: 100_000,
            depth: 64,
            concurrent: 16,
        }
    }
}

/// A limit that was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LimitError {
    #[error("at most {0} bytes are read, written or copied at once")]
    FileBytes(u64),
    #[error("a run has at most {0} file operations")]
    Operations(u64),
    #[error("a run reads, writes and copies at most {0} bytes altogether")]
    TotalBytes(u64),
    #[error("at most {0} names of a folder are read or removed at once")]
    Entries(usize),
    #[error("folders that are removed can be at most {0} levels deep")]
    Depth(usize),
}

impl LimitError {
    /// The error of the operating system that comes closest.
    pub(crate) fn errno(self) -> Errno {
        match self {
            Self::FileBytes(_) | Self::Entries(_) => Errno::FBIG,
            Self::Operations(_) | Self::TotalBytes(_) => Errno::DQUOT,
            Self::Depth(_) => Errno::NAMETOOLONG,
        }
    }
}

/// What a run has done so far.
#[derive(Debug, Default)]
pub(crate) struct Usage {
    operations: AtomicU64,
    bytes: AtomicU64,
}

impl Usage {
    /// Counts an operation that is about to begin.
    pub(crate) fn count_operation(&self, limits: &FileLimits) -> Result<(), LimitError> {
        match spend(&self.operations, 1, limits.operations) {
            true => Ok(()),
            false => Err(LimitError::Operations(limits.operations)),
        }
    }

    /// Counts the bytes of one file.
    pub(crate) fn count_bytes(&self, bytes: u64, limits: &FileLimits) -> Result<(), LimitError> {
        if bytes > limits.file_bytes {
            return Err(LimitError::FileBytes(limits.file_bytes));
        }
        match spend(&self.bytes, bytes, limits.total_bytes) {
            true => Ok(()),
            false => Err(LimitError::TotalBytes(limits.total_bytes)),
        }
    }
}

/// Adds to a counter, unless it would go past its limit.
fn spend(counter: &AtomicU64, amount: u64, limit: u64) -> bool {
    let add = |spent: u64| spent.checked_add(amount).filter(|sum| *sum <= limit);
    counter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).is_ok()
}
