//! What is on its way to a client.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

/// Messages that may be on their way.
const MESSAGES: usize = 32;
/// Bytes that may be on their way, or one message.
const BYTES: u32 = 4 << 20;

/// Where a service leaves its messages. Holds a bounded number of them, and of bytes.
#[derive(Debug, Clone)]
pub(crate) struct Outbox {
    frames: mpsc::Sender<Frame>,
    room: Arc<Semaphore>,
    patience: Option<Duration>,
}

/// A message as it is written. The room that it takes is free again when it is dropped.
#[derive(Debug)]
pub(crate) struct Frame {
    /// Its bytes.
    pub(crate) bytes: Bytes,
    _room: OwnedSemaphorePermit,
}

/// A message that did not find its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UndeliveredError {
    /// Nobody reads any more.
    #[error("the client is gone")]
    Gone,
    /// The client has not read for too long.
    #[error("the client does not read")]
    Stuck,
}

impl Outbox {
    /// An outbox, and where its messages come out. Whoever sends waits for room, but not longer than
    /// `patience`.
    pub(crate) fn new(patience: Option<Duration>) -> (Self, mpsc::Receiver<Frame>) {
        let (frames, written) = mpsc::channel(MESSAGES);
        (Self { frames, room: Arc::new(Semaphore::new(BYTES as usize)), patience }, written)
    }

    /// Leaves a message.
    ///
    /// # Errors
    /// If nobody is going to read it.
    pub(crate) async fn send(&self, bytes: Bytes) -> Result<(), UndeliveredError> {
        let leave = async {
            let size = u32::try_from(bytes.len()).unwrap_or(BYTES).clamp(1, BYTES);
            let room = self.room.clone().acquire_many_owned(size).await;
            let room = room.map_err(|_| UndeliveredError::Gone)?;
            self.frames.send(Frame { bytes, _room: room }).await.map_err(|_| UndeliveredError::Gone)
        };
        match self.patience {
            None => leave.await,
            Some(patience) => {
                tokio::time::timeout(patience, leave).await.unwrap_or(Err(UndeliveredError::Stuck))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(bytes: usize) -> Bytes {
        vec![0; bytes].into()
    }

    #[tokio::test]
    async fn a_client_that_does_not_read_holds_little_and_not_for_long() {
        let (outbox, mut frames) = Outbox::new(Some(Duration::from_millis(50)));
        // One message may be larger than all the room, and no other goes with it.
        outbox.send(message(2 * BYTES as usize)).await.expect("there is room");
        assert_eq!(outbox.send(message(1)).await, Err(UndeliveredError::Stuck));
        assert_eq!(frames.recv().await.map(|frame| frame.bytes.len()), Some(2 * BYTES as usize));
        for _ in 0..MESSAGES {
            outbox.send(message(1)).await.expect("there is room again");
        }
        assert_eq!(outbox.send(message(1)).await, Err(UndeliveredError::Stuck));
        drop(frames);
        assert_eq!(outbox.send(message(1)).await, Err(UndeliveredError::Gone));
    }

    #[tokio::test]
    async fn who_has_all_the_time_waits_for_room() {
        let (outbox, mut frames) = Outbox::new(None);
        outbox.send(message(BYTES as usize)).await.expect("there is room");
        let waiting = outbox.send(message(1));
        let reading = async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            frames.recv().await.map(|frame| frame.bytes.len())
        };
        assert_eq!(tokio::join!(waiting, reading), (Ok(()), Some(BYTES as usize)));
    }
}
