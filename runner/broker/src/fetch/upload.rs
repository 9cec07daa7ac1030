//! A request's body that comes in pieces: from the script through a short queue to the client.

use std::sync::Arc;

use bytes::Bytes;
use futures::stream;
use reqwest::Body;
use tokio::sync::{Notify, mpsc};

use crate::outbound::UnfinishedBody;

/// Pieces that wait for the server. One is enough to keep the connection busy while the script makes the
/// next one.
const QUEUED_PIECES: usize = 1;

/// What the script sends.
#[derive(Debug)]
pub(super) enum Part {
    Piece(Bytes),
    /// Without this, the body is not complete, and the server must not take it for that.
    End,
}

/// Makes the queue.
pub(super) fn channel() -> (mpsc::Sender<Part>, Upload) {
    let (sender, parts) = mpsc::channel(QUEUED_PIECES);
    (sender, Upload { parts, progress: Arc::default() })
}

/// The end of the queue that the client reads.
#[derive(Debug)]
pub(super) struct Upload {
    parts: mpsc::Receiver<Part>,
    progress: Arc<Notify>,
}

impl Upload {
    /// Told whenever the server has taken a piece.
    pub(super) fn progress(&self) -> Arc<Notify> {
        Arc::clone(&self.progress)
    }

    pub(super) fn into_body(self) -> Body {
        Body::wrap_stream(stream::unfold(Some(self), |upload| async {
            let mut upload = upload?;
            let part = upload.parts.recv().await;
            upload.progress.notify_one();
            match part {
                Some(Part::Piece(piece)) => Some((Ok(piece), Some(upload))),
                Some(Part::End) => None,
                None => Some((Err(UnfinishedBody), None)),
            }
        }))
    }
}
