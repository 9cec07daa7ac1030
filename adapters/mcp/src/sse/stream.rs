//! The stream of events of one session.

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{Stream, stream};
use rmcp::model::ServerJsonRpcMessage;
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::DropGuard;

use super::sessions::Membership;
use crate::outbox::Frame;

/// How long a client may go without reading while there is something for it.
pub(crate) const STUCK_AFTER: Duration = Duration::from_secs(30);
/// How often something is sent when there is nothing to say.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// A comment: clients skip it.
const NOTHING: Bytes = Bytes::from_static(b": keep-alive\n\n");

/// A message as an event. JSON that is written so has no line ends in it.
pub(crate) fn event(message: &ServerJsonRpcMessage) -> Bytes {
    let mut event = b"event: message\ndata: ".to_vec();
    // The type can be written as JSON, and memory does not fail.
    serde_json::to_writer(&mut event, message).unwrap_or_default();
    event.extend_from_slice(b"\n\n");
    event.into()
}

/// What a session's client is going to read. The session ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Events {
    first: Option<Bytes>,
    frames: Frames,
    _membership: Membership,
    _ended: DropGuard,
}

/// The messages that are not read yet.
#[derive(Debug, Clone)]
pub(crate) struct Frames(Arc<Mutex<mpsc::Receiver<Frame>>>);

impl Frames {
    /// Gives up what a client has not read that does not read any more. Nothing holds its stream then, which
    /// is only noticed when the client is.
    pub(crate) fn discard(&self) {
        // Whoever holds the lock waits for a message, so that there is none.
        if let Ok(mut frames) = self.0.try_lock() {
            frames.close();
            while frames.try_recv().is_ok() {}
        }
    }
}

impl Events {
    pub(crate) fn new(
        first: Bytes,
        frames: mpsc::Receiver<Frame>,
        membership: Membership,
        ended: DropGuard,
    ) -> Self {
        let frames = Frames(Arc::new(Mutex::new(frames)));
        Self { first: Some(first), frames, _membership: membership, _ended: ended }
    }

    /// What is not read yet.
    pub(crate) fn frames(&self) -> Frames {
        self.frames.clone()
    }

    /// The body of the answer; ends when the session does.
    pub(crate) fn into_stream(self) -> impl Stream<Item = Result<Bytes, Infallible>> {
        stream::unfold(self, |mut events| async move {
            let bytes = events.next().await?;
            Some((Ok(bytes), events))
        })
    }

    async fn next(&mut self) -> Option<Bytes> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        let mut frames = self.frames.0.lock().await;
        match tokio::time::timeout(KEEP_ALIVE, frames.recv()).await {
            Ok(frame) => frame.map(|frame| frame.bytes),
            Err(_) => Some(NOTHING),
        }
    }
}
