//! The domain of Stasis: what a run is asked to do, how it may end, what a heap is called, and the
//! ports through which the outside is reached.
//!
//! This crate knows no V8, no sockets, no file formats and no cloud. Everything else depends on it;
//! it depends on nothing of ours.

mod blob_store;
pub mod engine;
mod execution;
mod execution_log;
mod heap_id;
pub mod host;
mod limits;
mod outcome;
pub mod ref_store;
mod runner;
mod session;
mod tags;
mod text;
mod timestamp;

pub use blob_store::{BlobInfo, BlobStore, StoreError, conformance};
pub use engine::{Engine, EngineError};
pub use execution::{ExecutionId, ExecutionRecord, OutputLength, ParseExecutionIdError, Status};
pub use execution_log::{
    ExecutionLog, ExecutionSummary, ListOrder, OutputPage, OutputRange, OutputRangeError,
};
pub use heap_id::{Digest, Fingerprint, HeapId, ParseDigestError};
pub use host::{Capabilities, Host, HostAnswer, HostCall, HostError, HostResult, NoHost, RunHost};
pub use limits::{ByteSize, Limits};
pub use outcome::{ConsoleLevel, Outcome, StopReason, ThrownError};
pub use ref_store::{RefError, RefStore};
pub use runner::{
    Recorder, Report, RequestError, RequestedRun, RunError, RunRequest, RunRules, Runner, SessionOutcome,
};
pub use session::{SessionEntry, SessionName, SessionNameError, SessionPosition, Sessions};
pub use tags::{Removal, TagIndex, Tags, TagsError};
pub use timestamp::Timestamp;
