//! A connection that is a pair of queues: what rmcp calls a transport.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use rmcp::{
    ErrorData, RoleServer,
    model::{ClientJsonRpcMessage, ClientNotification, RequestId, ServerJsonRpcMessage},
    transport::Transport,
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{
    core_tasks,
    logging::Verbosity,
    message::NoMessage,
    outbox::{Outbox, UndeliveredError},
};

/// Messages that may wait for their handling.
const INCOMING: usize = 16;
/// Requests of one connection that may be without an answer.
const IN_FLIGHT: usize = 128;

/// Where what a client sends goes.
pub(crate) type Inbox = mpsc::Sender<Incoming>;

/// What a client has sent.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// A message; boxed, because a queue reserves room for many of them.
    Message(Box<ClientJsonRpcMessage>),
    /// Something else, which has to be answered.
    NoMessage(NoMessage),
}

/// One client's connection.
#[derive(Debug)]
pub(crate) struct Link {
    incoming: mpsc::Receiver<Incoming>,
    outgoing: Outbox,
    encode: fn(&ServerJsonRpcMessage) -> Bytes,
    broken: CancellationToken,
    in_flight: InFlight,
    verbosity: Verbosity,
    /// An answer of our own that is on its way out.
    answer: Option<Bytes>,
    opened: bool,
}

/// The requests without an answer.
#[derive(Debug, Clone, Default)]
struct InFlight(Arc<Mutex<HashSet<RequestId>>>);

impl InFlight {
    fn lock(&self) -> MutexGuard<'_, HashSet<RequestId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Link {
    /// A connection that writes messages with `encode`, and where what its client sends goes. `broken` is
    /// cancelled when the client does not read what it is sent.
    pub(crate) fn new(
        outgoing: Outbox,
        encode: fn(&ServerJsonRpcMessage) -> Bytes,
        broken: CancellationToken,
    ) -> (Self, Inbox) {
        let (inbox, incoming) = mpsc::channel(INCOMING);
        let (in_flight, verbosity) = (InFlight::default(), Verbosity::default());
        let link =
            Self { incoming, outgoing, encode, broken, in_flight, verbosity, answer: None, opened: false };
        (link, inbox)
    }

    /// The message, if it may be handled; otherwise its answer is left to be sent.
    fn admit(&mut self, incoming: Incoming) -> Option<ClientJsonRpcMessage> {
        let mut message = match incoming {
            Incoming::Message(message) => *message,
            Incoming::NoMessage(no_message) => {
                self.answer = Some((self.encode)(&no_message.into_answer()));
                return None;
            }
        };
        match &message {
            ClientJsonRpcMessage::Request(request) => {
                let mut in_flight = self.in_flight.lock();
                if in_flight.len() >= IN_FLIGHT {
                    let error = ErrorData::internal_error("too many requests without an answer", None);
                    let answer = ServerJsonRpcMessage::error(error, Some(request.id.clone()));
                    self.answer = Some((self.encode)(&answer));
                    return None;
                }
                in_flight.insert(request.id.clone());
                self.opened = true;
            }
            ClientJsonRpcMessage::Notification(notification) => {
                // What is cancelled gets no answer.
                if let ClientNotification::CancelledNotification(cancelled) = &notification.notification
                    && let Some(id) = &cancelled.params.request_id
                {
                    self.in_flight.lock().remove(id);
                }
            }
            ClientJsonRpcMessage::Response(_) | ClientJsonRpcMessage::Error(_) => {}
        }
        // Until the first request there is nothing that anything else could be about, and rmcp would hang
        // up.
        message.insert_extension(self.verbosity.clone());
        self.opened.then_some(message)
    }
}

impl Transport<RoleServer> for Link {
    type Error = UndeliveredError;

    fn send(
        &mut self,
        message: ServerJsonRpcMessage,
    ) -> impl Future<Output = Result<(), UndeliveredError>> + Send + 'static {
        let answered = match &message {
            ServerJsonRpcMessage::Response(response) => Some(response.id.clone()),
            ServerJsonRpcMessage::Error(error) => error.id.clone(),
            ServerJsonRpcMessage::Request(_) | ServerJsonRpcMessage::Notification(_) => None,
        };
        let (outgoing, broken, in_flight) =
            (self.outgoing.clone(), self.broken.clone(), self.in_flight.clone());
        let bytes = (self.encode)(&core_tasks::declared(message));
        async move {
            let sent = outgoing.send(bytes).await;
            if let Some(id) = answered {
                in_flight.lock().remove(&id);
            }
            if sent.is_err() {
                broken.cancel();
            }
            sent
        }
    }

    /// May be dropped at any time: what is received or sent is so only when it is ready.
    async fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        loop {
            if let Some(answer) = &self.answer {
                if self.outgoing.send(answer.clone()).await.is_err() {
                    self.broken.cancel();
                    return None;
                }
                self.answer = None;
            }
            let incoming = self.incoming.recv().await?;
            if let Some(message) = self.admit(incoming) {
                return Some(message);
            }
        }
    }

    async fn close(&mut self) -> Result<(), UndeliveredError> {
        self.incoming.close();
        Ok(())
    }
}
