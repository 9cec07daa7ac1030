//! Runs work that waits for a disk where it does not hold up the async threads.

use std::{io, panic};

/// Runs `work` on tokio's blocking threads. A panic in it goes on in the caller.
pub(crate) async fn blocking<T, E>(work: impl FnOnce() -> Result<T, E> + Send + 'static) -> Result<T, E>
where
    T: Send + 'static,
    E: From<io::Error> + Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(payload) => panic::resume_unwind(payload),
            Err(error) => Err(io::Error::other(error).into()),
        },
    }
}
