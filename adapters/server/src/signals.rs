//! Being asked to stop.

use tokio::signal::unix::{SignalKind, signal};

/// Resolves when the process is asked to end: by an interrupt, or as service managers do it. Asked once
/// more, it ends at once.
pub(crate) async fn stop() {
    either().await;
    tokio::spawn(async {
        either().await;
        // 128 and the number of SIGINT, as shells have it.
        std::process::exit(130);
    });
}

async fn either() {
    let wait = async |kind| match signal(kind) {
        Ok(mut signal) => {
            signal.recv().await;
        }
        // Without handlers the signal ends the process by itself.
        Err(_) => std::future::pending().await,
    };
    tokio::select! {
        () = wait(SignalKind::interrupt()) => {}
        () = wait(SignalKind::terminate()) => {}
    }
}
