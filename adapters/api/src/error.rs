//! Why a call failed, for the one who made it.

use std::time::Duration;

use stasis_core::{
    EngineError, OutputRangeError, ParseDigestError, ParseExecutionIdError, RefError, RequestError,
    SessionNameError, TagsError,
};
use stasis_executions::{CancelError, FailureKind, SubmitError};

/// A call that failed. `Display` is for the caller, and says nothing that is not its business.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// In what way.
    pub kind: ErrorKind,
    /// Why, and what to do.
    pub message: String,
}

/// In what way a call failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// What was sent is not acceptable, now or later.
    BadInput,
    /// What it is about is not there.
    NotFound,
    /// It is too late for that, or somebody else was faster.
    Conflict,
    /// What it is about is there and cannot be used.
    Unusable,
    /// There is too much to do.
    QueueFull {
        /// When it is worth trying again.
        retry_after: Duration,
    },
    /// A store cannot be reached, or the server is being stopped.
    Unavailable,
    /// We failed.
    Internal,
}

impl ApiError {
    pub(crate) fn new(kind: ErrorKind, message: impl ToString) -> Self {
        Self { kind, message: message.to_string() }
    }

    /// What was sent is not acceptable.
    pub fn bad_input(message: impl ToString) -> Self {
        Self::new(ErrorKind::BadInput, message)
    }
}

impl From<FailureKind> for ErrorKind {
    fn from(failure: FailureKind) -> Self {
        match failure {
            FailureKind::Absent => Self::NotFound,
            FailureKind::Unusable => Self::Unusable,
            FailureKind::Unavailable => Self::Unavailable,
            FailureKind::Internal => Self::Internal,
        }
    }
}

impl From<SubmitError> for ApiError {
    fn from(error: SubmitError) -> Self {
        let message = error.to_string();
        match error {
            SubmitError::QueueFull { retry_after } => {
                Self::new(ErrorKind::QueueFull { retry_after }, message)
            }
            SubmitError::ShuttingDown => Self::new(ErrorKind::Unavailable, message),
            SubmitError::NoHeap(_) => Self::new(ErrorKind::NotFound, message),
            SubmitError::Engine(error) => error.into(),
            SubmitError::Refs(error) => error.into(),
        }
    }
}

impl From<EngineError> for ApiError {
    fn from(error: EngineError) -> Self {
        let kind = match &error {
            EngineError::Absent(_) => ErrorKind::NotFound,
            EngineError::Unusable { .. } => ErrorKind::Unusable,
            EngineError::Full(_) | EngineError::Unavailable(_) => ErrorKind::Unavailable,
            EngineError::NotSaved(_) | EngineError::Failed(_) => ErrorKind::Internal,
        };
        Self::new(kind, error)
    }
}

impl From<RefError> for ApiError {
    fn from(error: RefError) -> Self {
        let kind = match &error {
            RefError::Conflict => ErrorKind::Conflict,
            RefError::Full(_) | RefError::Unavailable(_) => ErrorKind::Unavailable,
            RefError::Damaged(_) => ErrorKind::Internal,
        };
        Self::new(kind, error)
    }
}

impl From<CancelError> for ApiError {
    fn from(error: CancelError) -> Self {
        let kind = match error {
            CancelError::Absent(_) => ErrorKind::NotFound,
            CancelError::Ended | CancelError::Elsewhere => ErrorKind::Conflict,
            CancelError::Refs(error) => return error.into(),
        };
        Self::new(kind, error)
    }
}

macro_rules! bad_input {
    ($($error:ty),*) => {$(
        impl From<$error> for ApiError {
            fn from(error: $error) -> Self {
                Self::bad_input(error)
            }
        }
    )*};
}

bad_input!(
    OutputRangeError,
    ParseDigestError,
    ParseExecutionIdError,
    RequestError,
    SessionNameError,
    TagsError
);
