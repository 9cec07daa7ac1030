//! The worker's end of the socket. Blocking: a worker has nothing else to do.

use std::{
    fs::File,
    io::{self, IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    net::{
        RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
        SendFlags, recvmsg, sendmsg,
    },
};

use super::{EXIT_BROKEN, EXIT_NORMAL, end};
use crate::protocol::{
    FromWorker, HEADER_BYTES, MAX_DESCRIPTORS, MAX_TO_WORKER, ToWorker, decode, encode, payload_length,
};

/// The socket to the server, always standard input: the one descriptor that every worker has.
///
/// A worker that cannot talk to its server has no purpose, so failures end the process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Channel;

impl Channel {
    fn socket(self) -> BorrowedFd<'static> {
        rustix::stdio::stdin()
    }

    /// Sends a message.
    pub(crate) fn send(self, message: &FromWorker) {
        self.send_with(message, &[]);
    }

    /// Sends a message with descriptors.
    pub(crate) fn send_with(self, message: &FromWorker, descriptors: &[BorrowedFd<'_>]) {
        self.send_frame(&encode(message), descriptors);
    }

    /// Sends a message that is encoded already.
    pub(crate) fn send_frame(self, frame: &[u8], descriptors: &[BorrowedFd<'_>]) {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() {
            ancillary.push(SendAncillaryMessage::ScmRights(descriptors));
        }
        let mut rest = frame;
        while !rest.is_empty() {
            match sendmsg(self.socket(), &[IoSlice::new(rest)], &mut ancillary, SendFlags::NOSIGNAL) {
                Ok(sent) => {
                    rest = &rest[sent..];
                    ancillary.clear();
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => end(EXIT_NORMAL),
            }
        }
    }

    /// Waits for the next message.
    pub(crate) fn receive(self) -> (ToWorker, Vec<OwnedFd>) {
        let mut header = [0; HEADER_BYTES];
        let descriptors = self.read_start(&mut header);
        let Ok(length) = payload_length(header, MAX_TO_WORKER) else { end(EXIT_BROKEN) };
        let mut payload = vec![0; length];
        self.read_exactly(&mut payload);
        match decode(&payload) {
            Ok(message) => (message, descriptors),
            Err(_) => end(EXIT_BROKEN),
        }
    }

    /// Whether a message is waiting, after at most `timeout` (forever without one).
    pub(crate) fn wait(self, timeout: Option<Duration>) -> bool {
        let socket = self.socket();
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        let mut poll_fds = [PollFd::new(&socket, PollFlags::IN)];
        matches!(poll(&mut poll_fds, timeout.as_ref()), Ok(ready) if ready > 0)
    }

    /// Reads a frame's header, and the descriptors that came with it.
    fn read_start(self, header: &mut [u8; HEADER_BYTES]) -> Vec<OwnedFd> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let buffers = &mut [IoSliceMut::new(header)];
        let received = loop {
            match recvmsg(self.socket(), buffers, &mut ancillary, RecvFlags::CMSG_CLOEXEC) {
                Err(rustix::io::Errno::INTR) => {}
                Ok(received) if received.bytes > 0 => break received.bytes,
                Ok(_) | Err(_) => end(EXIT_NORMAL),
            }
        };
        let descriptors = ancillary
            .drain()
            .filter_map(|message| match message {
                RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
                _ => None,
            })
            .flatten()
            .collect();
        self.read_exactly(&mut header[received..]);
        descriptors
    }

    fn read_exactly(self, mut buffer: &mut [u8]) {
        while !buffer.is_empty() {
            match rustix::io::read(self.socket(), &mut *buffer) {
                Ok(read) if read > 0 => buffer = &mut buffer[read..],
                Err(rustix::io::Errno::INTR) => {}
                Ok(_) | Err(_) => end(EXIT_NORMAL),
            }
        }
    }

    /// Makes another socket the channel.
    pub(crate) fn replace(self, socket: OwnedFd) -> io::Result<()> {
        rustix::stdio::dup2_stdin(socket.as_fd())?;
        Ok(())
    }
}

/// The descriptors of a message as files, if there are as many as there should be.
pub(crate) fn files<const N: usize>(descriptors: Vec<OwnedFd>) -> Option<[File; N]> {
    let files: Vec<File> = descriptors.into_iter().map(File::from).collect();
    files.try_into().ok()
}
