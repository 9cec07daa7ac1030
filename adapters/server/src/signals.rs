//! Being asked to stop.

use std::future::pending;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// 128 and the number of SIGINT, as shells have it.
const INTERRUPTED: i32 = 130;

/// Resolves when the process is asked to end: by an interrupt, or as service managers do it. Asked once
/// more, it ends at once.
pub(crate) async fn stop() {
    let mut requests = Requests::listen();
    requests.next().await;
    // The same listeners go on: what is asked before others were there would be missed.
    tokio::spawn(async move {
        requests.next().await;
        std::process::exit(INTERRUPTED);
    });
}

/// Resolves when the process is interrupted while a script runs, which it is up to that script's run to heed. Interrupted
/// once more, or when the script has ended and its state is being saved, the process ends.
pub(crate) fn interrupt(script_ended: CancellationToken) -> impl Future<Output = ()> {
    let (asked, heeded) = (CancellationToken::new(), CancellationToken::new());
    let cancel = {
        let (asked, heeded) = (asked.clone(), heeded.clone());
        async move {
            asked.cancelled().await;
            heeded.cancel();
        }
    };
    tokio::spawn(async move {
        // Without a handler the signal ends the process by itself.
        let Ok(mut interrupts) = signal(SignalKind::interrupt()) else { return };
        tokio::select! {
            _ = interrupts.recv() => asked.cancel(),
            () = script_ended.cancelled() => {}
        }
        let too_late = async {
            script_ended.cancelled().await;
            if heeded.is_cancelled() || !asked.is_cancelled() {
                pending().await
            }
        };
        tokio::select! {
            _ = interrupts.recv() => {}
            () = too_late => {}
        }
        std::process::exit(INTERRUPTED);
    });
    cancel
}

/// What asks the process to end. Without a handler the signal does so by itself.
struct Requests {
    interrupts: Option<Signal>,
    terminations: Option<Signal>,
}

impl Requests {
    fn listen() -> Self {
        let listen = |kind| signal(kind).ok();
        Self { interrupts: listen(SignalKind::interrupt()), terminations: listen(SignalKind::terminate()) }
    }

    async fn next(&mut self) {
        let wait = async |signal: &mut Option<Signal>| match signal {
            Some(signal) => {
                signal.recv().await;
            }
            None => pending().await,
        };
        tokio::select! {
            () = wait(&mut self.interrupts) => {}
            () = wait(&mut self.terminations) => {}
        }
    }
}
