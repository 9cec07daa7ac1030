//! Sessions of Streamable HTTP: rmcp's, each with what its client wants of log messages, which go to the
//! stream of the request that they are about. rmcp would send them to a stream that not all clients have.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use futures::Stream;
use rmcp::{
    RoleServer,
    model::{ClientJsonRpcMessage, GetExtensions as _, RequestId, ServerJsonRpcMessage},
    service::OriginatingRequestId,
    transport::{
        Transport, WorkerTransport,
        streamable_http_server::session::{
            ServerSseMessage, SessionId, SessionManager,
            local::{LocalSessionManager, LocalSessionManagerError, LocalSessionWorker},
        },
    },
};
use tokio::sync::mpsc;

use crate::logging::Verbosity;

/// Log messages that may wait to be read with one request's stream.
const LOG_MESSAGES: usize = 32;

/// The sessions of one server.
#[derive(Debug)]
pub(crate) struct Sessions {
    local: LocalSessionManager,
    kept: Mutex<HashMap<SessionId, Arc<Session>>>,
}

/// What is kept of a session besides what rmcp keeps.
#[derive(Debug, Default)]
struct Session {
    verbosity: Verbosity,
    /// Where log messages go that are about a request.
    streams: Mutex<HashMap<RequestId, mpsc::Sender<ServerSseMessage>>>,
}

impl Sessions {
    /// Sessions that end when nothing was heard of them for `idle`.
    pub(crate) fn new(idle: Option<Duration>) -> Self {
        let mut local = LocalSessionManager::default();
        local.session_config.keep_alive = idle;
        Self { local, kept: Mutex::default() }
    }

    /// How many there are.
    pub(crate) async fn count(&self) -> usize {
        self.local.sessions.read().await.len()
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<SessionId, Arc<Session>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    fn streams(&self) -> MutexGuard<'_, HashMap<RequestId, mpsc::Sender<ServerSseMessage>>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where what is told of a request comes out until it is answered.
    fn open(&self, request: RequestId) -> mpsc::Receiver<ServerSseMessage> {
        let (stream, told) = mpsc::channel(LOG_MESSAGES);
        let mut streams = self.streams();
        streams.retain(|_, stream| !stream.is_closed());
        streams.insert(request, stream);
        told
    }

    /// The stream of the request that a message is about, if it is for that stream and rmcp does not know.
    fn stream_of(&self, message: &ServerJsonRpcMessage) -> Option<mpsc::Sender<ServerSseMessage>> {
        let ServerJsonRpcMessage::Notification(message) = message else { return None };
        let about = message.notification.extensions().get::<OriginatingRequestId>()?;
        self.streams().get(&about.0).cloned()
    }
}

impl SessionManager for Sessions {
    type Error = LocalSessionManagerError;
    type Transport = SessionTransport;

    async fn create_session(&self) -> Result<(SessionId, SessionTransport), Self::Error> {
        let (id, transport) = self.local.create_session().await?;
        let session = Arc::<Session>::default();
        self.kept().insert(id.clone(), session.clone());
        Ok((id, SessionTransport { transport, session }))
    }

    async fn initialize_session(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<ServerJsonRpcMessage, Self::Error> {
        self.local.initialize_session(id, message).await
    }

    async fn has_session(&self, id: &SessionId) -> Result<bool, Self::Error> {
        self.local.has_session(id).await
    }

    async fn close_session(&self, id: &SessionId) -> Result<(), Self::Error> {
        self.kept().remove(id);
        self.local.close_session(id).await
    }

    async fn create_stream(
        &self,
        id: &SessionId,
        mut message: ClientJsonRpcMessage,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        let session = self.kept().get(id).cloned();
        let told = match (&message, session) {
            (ClientJsonRpcMessage::Request(request), Some(session)) => {
                let told = session.open(request.id.clone());
                message.insert_extension(session.verbosity.clone());
                told
            }
            // rmcp says what is wrong.
            _ => mpsc::channel(1).1,
        };
        let stream = Box::pin(self.local.create_stream(id, message).await?);
        Ok(WithLog { told, stream, next: None, ended: false })
    }

    async fn accept_message(&self, id: &SessionId, message: ClientJsonRpcMessage) -> Result<(), Self::Error> {
        self.local.accept_message(id, message).await
    }

    async fn create_standalone_stream(
        &self,
        id: &SessionId,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        self.local.create_standalone_stream(id).await
    }

    async fn resume(
        &self,
        id: &SessionId,
        last_event_id: String,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        self.local.resume(id, last_event_id).await
    }
}

/// The service's side of a session.
pub(crate) struct SessionTransport {
    transport: WorkerTransport<LocalSessionWorker>,
    session: Arc<Session>,
}

impl Transport<RoleServer> for SessionTransport {
    type Error = <WorkerTransport<LocalSessionWorker> as Transport<RoleServer>>::Error;

    fn send(
        &mut self,
        message: ServerJsonRpcMessage,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        let sending = match self.session.stream_of(&message) {
            Some(stream) => Err((stream, ServerSseMessage::from_message(message))),
            None => Ok(self.transport.send(message)),
        };
        async move {
            match sending {
                Ok(sending) => sending.await,
                Err((stream, message)) => {
                    // A client that has left its stream does without them.
                    let _read = stream.send(message).await.is_ok();
                    Ok(())
                }
            }
        }
    }

    async fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        self.transport.receive().await
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        self.transport.close().await
    }
}

/// A request's stream with the log messages about it: those that were sent before its answer come before it.
struct WithLog<S> {
    told: mpsc::Receiver<ServerSseMessage>,
    stream: Pin<Box<S>>,
    /// What has come out of the stream, and has to wait until all is told that was sent before it.
    next: Option<ServerSseMessage>,
    ended: bool,
}

impl<S: Stream<Item = ServerSseMessage>> Stream for WithLog<S> {
    type Item = ServerSseMessage;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<ServerSseMessage>> {
        if self.next.is_none() && !self.ended {
            match self.stream.as_mut().poll_next(context) {
                Poll::Ready(Some(message)) => self.next = Some(message),
                Poll::Ready(None) => self.ended = true,
                Poll::Pending => {}
            }
        }
        if let Poll::Ready(Some(message)) = self.told.poll_recv(context) {
            return Poll::Ready(Some(message));
        }
        match self.next.take() {
            Some(message) => Poll::Ready(Some(message)),
            None if self.ended => Poll::Ready(None),
            None => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt as _;

    use super::*;

    #[tokio::test]
    async fn what_was_told_before_an_answer_comes_before_it() {
        let message = |id: &str| ServerSseMessage::priming(id, Duration::ZERO);
        let session = Session::default();
        let told = session.open(RequestId::Number(1));
        let log = session.streams()[&RequestId::Number(1)].clone();
        let (answers, stream) = futures::channel::mpsc::unbounded();
        let mut stream = WithLog { told, stream: Box::pin(stream), next: None, ended: false };
        for id in ["1", "2"] {
            log.send(message(id)).await.expect("it is read");
        }
        answers.unbounded_send(message("answer")).expect("it is read");
        drop(answers);
        let mut order = Vec::new();
        while let Some(message) = stream.next().await {
            order.extend(message.event_id);
        }
        assert_eq!(order, ["1", "2", "answer"]);
        drop(stream);
        session.open(RequestId::Number(2));
        assert!(!session.streams().contains_key(&RequestId::Number(1)), "what nobody reads is forgotten");
    }
}
