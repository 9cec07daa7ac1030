//! Runs work that waits for a disk where it does not hold up the async threads.

use std::panic;

/// Runs `work` on tokio's blocking threads. A panic in it goes on in the caller; `None` if the server is
/// shutting down.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => Some(result),
        Err(error) => match error.try_into_panic() {
            Ok(payload) => panic::resume_unwind(payload),
            Err(_) => None,
        },
    }
}
