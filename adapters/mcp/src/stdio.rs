//! Standard input and output: a message on each line.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read, Write},
    os::fd::OwnedFd,
    thread,
    time::Duration,
};

use bytes::Bytes;
use rmcp::{ServerHandler, ServiceExt as _, model::ServerJsonRpcMessage, service::ServerInitializeError};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::{
    link::{Inbox, Incoming, Link},
    message::{self, NoMessage},
    outbox::{Frame, Outbox},
};

/// How long a client may take to read what is left for it when the connection ends.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// How the protocol is to be spoken over standard input and output.
#[derive(Debug, Clone, Copy)]
pub struct StdioOptions {
    /// The longest message, in bytes.
    pub max_message: usize,
}

/// The two streams of the protocol, for it alone.
#[derive(Debug)]
pub struct Standard {
    input: File,
    output: File,
}

/// Why the protocol cannot be spoken.
#[derive(Debug, thiserror::Error)]
pub enum StdioError {
    /// The streams cannot be had.
    #[error("standard input and output cannot be used")]
    Streams(#[source] io::Error),
    /// The client began in a way that is none.
    #[error("the client's first message is none to begin with")]
    Handshake(#[source] Box<ServerInitializeError>),
}

impl Standard {
    /// Takes standard input and output away from everything else in this process: what is printed goes to
    /// standard error from now on, and there is nothing to be read. To be called before anything is started
    /// that inherits them.
    ///
    /// # Errors
    /// If one of the streams is closed.
    pub fn claim() -> Result<Self, StdioError> {
        Self::taken().map_err(StdioError::Streams)
    }

    /// Other streams in their place.
    pub fn of(input: OwnedFd, output: OwnedFd) -> Self {
        Self { input: input.into(), output: output.into() }
    }

    fn taken() -> io::Result<Self> {
        /// The first descriptor that is not one of the standard streams.
        const FIRST: i32 = 3;
        let input = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), FIRST)?;
        let output = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdout(), FIRST)?;
        rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
        rustix::stdio::dup2_stdout(rustix::stdio::stderr())?;
        Ok(Self::of(input, output))
    }
}

/// Speaks the protocol until the client closes its end or `shutdown` is cancelled. Calls that wait for a run
/// then have a few seconds to end; after that they are withdrawn, and their runs cancelled. Whoever wants
/// runs to end by themselves shuts them down before it cancels `shutdown`.
///
/// # Errors
/// If the client begins in a way that is none.
pub async fn serve_stdio<H: ServerHandler>(
    handler: H,
    standard: Standard,
    options: StdioOptions,
    shutdown: CancellationToken,
) -> Result<(), StdioError> {
    let ended = shutdown.child_token();
    let (outbox, frames) = Outbox::new(None);
    let (link, inbox) = Link::new(outbox, line, ended.clone());
    let Standard { input, output } = standard;
    // Threads of our own, and not the runtime's: reading standard input cannot be interrupted, and the
    // runtime would wait for it in the end.
    thread::spawn(move || read(BufReader::new(input), options.max_message, &inbox));
    let (written, all_written) = oneshot::channel();
    thread::spawn(move || {
        write(output, frames);
        // Nobody waits any more if it took too long.
        let _in_time = written.send(());
    });
    let served = match handler.serve_with_ct(link, ended).await {
        Ok(running) => {
            if let Err(error) = running.waiting().await {
                tracing::error!(error = &error as &dyn std::error::Error, "the connection broke down");
            }
            Ok(())
        }
        Err(ServerInitializeError::ConnectionClosed(_) | ServerInitializeError::Cancelled) => Ok(()),
        Err(error) => Err(StdioError::Handshake(Box::new(error))),
    };
    if tokio::time::timeout(LAST_WORDS, all_written).await.is_err() {
        tracing::warn!("the client has not read everything");
    }
    served
}

fn line(message: &ServerJsonRpcMessage) -> Bytes {
    let mut line = serde_json::to_vec(message).unwrap_or_default();
    line.push(b'\n');
    line.into()
}

/// Reads messages until there are no more, or nobody wants them.
fn read(mut input: impl BufRead, max: usize, inbox: &Inbox) {
    loop {
        let incoming = match next_line(&mut input, max) {
            Ok(Line::End) => return,
            Ok(Line::TooLong) => Incoming::NoMessage(NoMessage::too_long(max)),
            Ok(Line::Text(text)) if text.trim_ascii().is_empty() => continue,
            Ok(Line::Text(text)) => match message::decode(&text) {
                Ok(message) => Incoming::Message(Box::new(message)),
                Err(no_message) => Incoming::NoMessage(no_message),
            },
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "standard input cannot be read");
                return;
            }
        };
        if inbox.blocking_send(incoming).is_err() {
            return;
        }
    }
}

/// What was found where a line was expected.
#[derive(Debug, PartialEq, Eq)]
enum Line {
    Text(Vec<u8>),
    TooLong,
    End,
}

fn next_line(input: &mut impl BufRead, max: usize) -> io::Result<Line> {
    let mut line = Vec::new();
    let limit = (max as u64).saturating_add(1);
    input.by_ref().take(limit).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Ok(Line::End);
    }
    if line.len() as u64 == limit && !line.ends_with(b"\n") {
        skip_line(input)?;
        return Ok(Line::TooLong);
    }
    Ok(Line::Text(line))
}

fn skip_line(input: &mut impl BufRead) -> io::Result<()> {
    loop {
        let available = input.fill_buf()?;
        let (length, ended) = match available.iter().position(|byte| *byte == b'\n') {
            Some(position) => (position + 1, true),
            None => (available.len(), available.is_empty()),
        };
        input.consume(length);
        if ended {
            return Ok(());
        }
    }
}

/// Writes messages until there are no more, or nobody reads them.
fn write(mut output: impl Write, mut frames: mpsc::Receiver<Frame>) {
    while let Some(frame) = frames.blocking_recv() {
        if let Err(error) = output.write_all(&frame.bytes) {
            tracing::warn!(error = &error as &dyn std::error::Error, "standard output cannot be written");
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_bounded() {
        let mut input = "one\n\ntoo long\nnext\n12345\n123456\nrest".as_bytes();
        let mut lines = Vec::new();
        loop {
            match next_line(&mut input, 5).expect("memory can be read") {
                Line::End => break,
                Line::TooLong => lines.push("-".to_owned()),
                Line::Text(text) => lines.push(String::from_utf8(text).expect("it is text")),
            }
        }
        assert_eq!(lines, ["one\n", "\n", "-", "next\n", "12345\n", "-", "rest"]);
    }
}
