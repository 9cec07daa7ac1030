//! What every adapter offers, whatever protocol it speaks: typed calls, and the JSON forms of what goes in
//! and comes out. An adapter adds a transport and nothing else.

mod api;
mod error;
mod forms;

pub use api::{Answer, Api, DEFAULT_PAGE, MAX_WAIT};
pub use error::{ApiError, ErrorKind};
pub use forms::{
    Cancelled, Execution, ExecutionItem, ExecutionList, ExecutionStatus, Failure, HeapTags, Output,
    OutputArguments, RunArguments, SessionEntries, SessionEntry, SessionField, SessionList, TaggedHeaps,
};
