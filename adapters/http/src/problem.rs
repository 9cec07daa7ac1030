//! Errors as answers.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use stasis_api::{ApiError, ErrorKind, Failure};

/// An error with its status.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    retry_after: Option<u64>,
    message: String,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, message: impl ToString) -> Self {
        Self { status, retry_after: None, message: message.to_string() }
    }
}

/// The status for an error of this kind.
pub(crate) const fn status(kind: ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::BadInput => StatusCode::BAD_REQUEST,
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::Conflict => StatusCode::CONFLICT,
        ErrorKind::Unusable => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorKind::QueueFull { .. } => StatusCode::TOO_MANY_REQUESTS,
        ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl From<ApiError> for Problem {
    fn from(error: ApiError) -> Self {
        let retry_after = match error.kind {
            ErrorKind::QueueFull { retry_after } => Some(retry_after.as_secs().max(1)),
            ErrorKind::Unavailable => Some(1),
            ErrorKind::BadInput
            | ErrorKind::NotFound
            | ErrorKind::Conflict
            | ErrorKind::Unusable
            | ErrorKind::Internal => None,
        };
        Self { status: status(error.kind), retry_after, message: error.message }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(Failure { error: self.message })).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
