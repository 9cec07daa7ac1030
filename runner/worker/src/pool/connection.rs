//! The server's end of a worker's socket.

use std::{
    collections::VecDeque,
    io::{self, IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::fd::{BorrowedFd, OwnedFd},
};

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};
use tokio::io::{Interest, unix::AsyncFd};

use crate::protocol::{
    FrameError, FromWorker, HEADER_BYTES, MAX_DESCRIPTORS, ToWorker, decode, encode, payload_length,
};

/// Bytes asked of the kernel at a time.
const CHUNK: usize = 16 << 10;

/// What can go wrong between server and worker.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectionError {
    /// The worker closed its end: it exited, or was killed.
    #[error("the worker is gone")]
    Gone,
    /// The same, and it had not read all that it was sent.
    #[error("the worker is gone and had not read what it was sent")]
    Unread,
    #[error("the worker broke the protocol")]
    Protocol(#[from] FrameError),
    #[error("the worker's socket failed")]
    Socket(#[source] io::Error),
}

impl From<io::Error> for ConnectionError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::Gone,
            // What Linux reports of a Unix socket that was closed with messages in it.
            io::ErrorKind::ConnectionReset => Self::Unread,
            _ => Self::Socket(error),
        }
    }
}

/// A socket to one worker. Everything that arrives is bounded before it is kept.
#[derive(Debug)]
pub(super) struct Connection {
    socket: AsyncFd<OwnedFd>,
    /// Longest payload that is accepted.
    max: usize,
    /// Size of the frame that was taken last.
    last: usize,
    received: Vec<u8>,
    descriptors: VecDeque<OwnedFd>,
}

impl Connection {
    /// A connection, and the end that is for the worker.
    pub(super) fn pair(max: usize) -> io::Result<(Self, OwnedFd)> {
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
        rustix::io::ioctl_fionbio(&ours, true)?;
        #[expect(
            deprecated,
            reason = "an OwnedFd keeps its descriptor, which the new function wants promised"
        )]
        let socket = AsyncFd::with_interest(ours, Interest::READABLE | Interest::WRITABLE)?;
        Ok((Self { socket, max, last: 0, received: Vec::new(), descriptors: VecDeque::new() }, theirs))
    }

    /// A second handle to the same socket, to send with while the first one receives.
    pub(super) fn sender(&self) -> io::Result<Self> {
        let socket = self.socket.get_ref().try_clone()?;
        #[expect(
            deprecated,
            reason = "an OwnedFd keeps its descriptor, which the new function wants promised"
        )]
        let socket = AsyncFd::with_interest(socket, Interest::WRITABLE)?;
        Ok(Self { socket, max: 0, last: 0, received: Vec::new(), descriptors: VecDeque::new() })
    }

    pub(super) fn set_max(&mut self, max: usize) {
        self.max = max;
    }

    /// Sends a message with descriptors.
    pub(super) async fn send(
        &self,
        message: &ToWorker,
        descriptors: &[BorrowedFd<'_>],
    ) -> Result<(), ConnectionError> {
        self.send_frame(&encode(message), descriptors).await
    }

    /// Sends a message that is encoded already.
    pub(super) async fn send_frame(
        &self,
        frame: &[u8],
        descriptors: &[BorrowedFd<'_>],
    ) -> Result<(), ConnectionError> {
        let mut rest = frame;
        let mut attached = descriptors;
        while !rest.is_empty() {
            let sent = self
                .socket
                .async_io(Interest::WRITABLE, |socket| {
                    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
                    let mut ancillary = SendAncillaryBuffer::new(&mut space);
                    if !attached.is_empty() {
                        ancillary.push(SendAncillaryMessage::ScmRights(attached));
                    }
                    Ok(sendmsg(socket, &[IoSlice::new(rest)], &mut ancillary, SendFlags::NOSIGNAL)?)
                })
                .await?;
            rest = &rest[sent..];
            attached = &[];
        }
        Ok(())
    }

    /// The next message. Safe to cancel: what has arrived is kept.
    pub(super) async fn receive(&mut self) -> Result<FromWorker, ConnectionError> {
        loop {
            if let Some(message) = self.take_message()? {
                return Ok(message);
            }
            let Self { socket, received, descriptors, .. } = self;
            let read = socket
                .async_io(Interest::READABLE, |socket| receive_chunk(socket, received, descriptors))
                .await?;
            if read == 0 {
                return Err(ConnectionError::Gone);
            }
        }
    }

    /// Size of the frame of the message that was received last.
    pub(super) fn last_frame(&self) -> usize {
        self.last
    }

    /// The descriptor that came with a message.
    pub(super) fn take_descriptor(&mut self) -> Option<OwnedFd> {
        self.descriptors.pop_front()
    }

    fn take_message(&mut self) -> Result<Option<FromWorker>, ConnectionError> {
        let Some((header, rest)) = self.received.split_first_chunk::<HEADER_BYTES>() else { return Ok(None) };
        let length = payload_length(*header, self.max)?;
        let Some(payload) = rest.get(..length) else { return Ok(None) };
        let message = decode(payload)?;
        self.last = HEADER_BYTES + length;
        self.received.drain(..self.last);
        Ok(Some(message))
    }
}

pub(super) fn receive_chunk(
    socket: &OwnedFd,
    received: &mut Vec<u8>,
    descriptors: &mut VecDeque<OwnedFd>,
) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut chunk = [0; CHUNK];
    let read = recvmsg(socket, &mut [IoSliceMut::new(&mut chunk)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
    received.extend_from_slice(&chunk[..read.bytes]);
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(arrived) = message {
            descriptors.extend(arrived);
        }
    }
    // No message comes with more, and none is sent before the last one was taken: a worker that does so is only
    // filling our table.
    descriptors.truncate(MAX_DESCRIPTORS);
    Ok(read.bytes)
}
