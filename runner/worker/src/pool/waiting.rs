//! Worker processes that wait: the zygote and the templates. Each can be asked to fork.

use std::{
    fs::File,
    io,
    os::fd::{AsFd, OwnedFd},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use stasis_image::CodeCopy;
use stasis_store::MappableImage;

use super::{PoolError, child::Child, connection::Connection, large_code::parts_of, spawner};
use crate::{
    Layers,
    pool::WorkerProgram,
    protocol::{Boot, FromWorker, MAX_DESCRIPTORS, Purpose, ToWorker, VERSION, encode},
};

/// Longest message of a process that runs no script.
const MAX_MESSAGE: usize = 64 << 10;

/// A process that waits to be told to fork.
#[derive(Debug)]
pub(super) struct Waiting {
    connection: tokio::sync::Mutex<Connection>,
    child: Child,
    gone: AtomicBool,
    large_pages: bool,
}

/// An image together with the base image it refers to.
#[derive(Debug, Clone)]
pub(super) struct ImagePair {
    pub(super) image: MappableImage,
    pub(super) base: Option<MappableImage>,
}

/// A child that was just forked, with the connection to it.
#[derive(Debug)]
pub(super) struct Forked {
    pub(super) connection: Connection,
    pub(super) child: Child,
}

/// A child that the zygote is asked for.
#[derive(Debug)]
pub(super) struct Order<'a> {
    message: ToWorker,
    /// What waits in the child's socket.
    first: Option<&'a ToWorker>,
    files: Vec<Arc<File>>,
}

impl<'a> Order<'a> {
    /// One that becomes the process in `images`.
    pub(super) fn thaw(images: &ImagePair, code: Option<&CodeCopy>, first: Option<&'a ToWorker>) -> Self {
        let base = images.base.as_ref();
        let message = ToWorker::Thaw {
            base: base.map(|base| *base.id().as_bytes()),
            code: code.map(parts_of),
            // A child that is given a script at once forks no more.
            purpose: if first.is_some() { Purpose::Run } else { Purpose::Template },
        };
        let images = [Some(&images.image), base].into_iter().flatten();
        let files = images.map(MappableImage::file).chain(code.map(CodeCopy::memory));
        Self { message, first, files: files.cloned().collect() }
    }

    /// One that becomes the process in an image without a base, and runs a script to show which of its pages that
    /// uses.
    pub(super) fn probe(image: File, job: &'a ToWorker) -> Self {
        let message = ToWorker::Thaw { base: None, code: None, purpose: Purpose::Probe };
        Self { message, first: Some(job), files: vec![Arc::new(image)] }
    }
}

impl Order<'_> {
    /// One that boots V8, and says so when it has.
    pub(super) fn boot(how: Boot) -> Self {
        Self { message: ToWorker::Boot(how), first: None, files: Vec::new() }
    }
}

impl Waiting {
    /// Starts a zygote. Also tells how it is boxed in.
    pub(super) async fn zygote(program: &WorkerProgram) -> Result<(Self, Layers), PoolError> {
        let (mut connection, theirs) = Connection::pair(MAX_MESSAGE).map_err(PoolError::System)?;
        let child = spawner::start(program, theirs).await.map_err(PoolError::Start)?;
        match connection.receive().await? {
            FromWorker::Ready { version: VERSION, layers, large_pages } => {
                Ok((Self { large_pages, ..Self::new(connection, child) }, layers))
            }
            other => Err(PoolError::unexpected(&other)),
        }
    }

    fn new(connection: Connection, child: Child) -> Self {
        Self { connection: connection.into(), child, gone: AtomicBool::new(false), large_pages: false }
    }

    /// Of the zygote: whether what it makes can have large pages where they are asked for.
    pub(super) fn has_large_pages(&self) -> bool {
        self.large_pages
    }

    /// Whether it was found not to answer any more.
    pub(super) fn is_gone(&self) -> bool {
        self.gone.load(Relaxed)
    }

    /// To be called when it did not answer as it should: nobody asks it again.
    pub(super) fn give_up(&self) {
        self.gone.store(true, Relaxed);
        self.child.kill();
    }

    /// Bytes of memory that it has written to.
    pub(super) fn own_bytes(&self) -> io::Result<u64> {
        self.child.own_bytes()
    }

    /// Makes a template of a process that waits.
    pub(super) fn template(forked: Forked) -> Self {
        Self::new(forked.connection, forked.child)
    }

    /// Has a template fork a child for a script.
    pub(super) async fn fork(self: &Arc<Self>, job: &ToWorker) -> Result<Forked, PoolError> {
        self.ask(&ToWorker::Fork, Some(job), Vec::new()).await
    }

    /// Has a template fork children that get their scripts later: so many, or fewer, but at least one. To be called
    /// where nobody stops waiting.
    pub(super) async fn fork_spares(&self, count: usize) -> Result<Vec<Forked>, PoolError> {
        let pairs = (0..count.min(MAX_DESCRIPTORS)).map(|_| Connection::pair(MAX_MESSAGE));
        let pairs: Vec<_> = pairs.collect::<Result<_, _>>().map_err(PoolError::System)?;
        let (connections, theirs): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        let children = self.make_children(&encode(&ToWorker::Fork), theirs, &[]).await?;
        if children.is_empty() {
            return Err(PoolError::NoDescriptor);
        }
        let forked = connections.into_iter().zip(children);
        Ok(forked.map(|(connection, child)| Forked { connection, child }).collect())
    }

    /// Has the zygote fork a child.
    pub(super) async fn make(self: &Arc<Self>, order: &Order<'_>) -> Result<Forked, PoolError> {
        self.ask(&order.message, order.first, order.files.clone()).await
    }

    /// Sends an order together with the child's socket, in which `first` already waits, and takes the
    /// child's descriptor.
    ///
    /// The exchange is finished whether or not the caller goes on waiting for it: an answer that nobody
    /// took would be taken for that to the next order. A child that nobody wants any more is
    /// killed.
    async fn ask(
        self: &Arc<Self>,
        order: &ToWorker,
        first: Option<&ToWorker>,
        files: Vec<Arc<File>>,
    ) -> Result<Forked, PoolError> {
        let (waiting, order, first) = (self.clone(), encode(order), first.map(encode));
        let exchange = tokio::spawn(async move { waiting.exchange(&order, first.as_deref(), &files).await });
        exchange.await.unwrap_or_else(|error| Err(PoolError::Worker(error.to_string())))
    }

    async fn exchange(
        &self,
        order: &[u8],
        first: Option<&[u8]>,
        files: &[Arc<File>],
    ) -> Result<Forked, PoolError> {
        let (connection, theirs): (Connection, OwnedFd) =
            Connection::pair(MAX_MESSAGE).map_err(PoolError::System)?;
        // A first message that does not fit into the socket's buffer must wait for its reader.
        let (early, late) = match first {
            Some(frame) if frame.len() > SURE_TO_FIT => (None, Some(frame)),
            other => (other, None),
        };
        if let Some(frame) = early {
            connection.send_frame(frame, &[]).await?;
        }
        let children = self.make_children(order, vec![theirs], files).await?;
        let child = children.into_iter().next().ok_or(PoolError::NoDescriptor)?;
        if let Some(frame) = late {
            connection.send_frame(frame, &[]).await?;
        }
        Ok(Forked { connection, child })
    }

    /// Sends an order with a socket for each child that is to be made, and takes the children that were.
    async fn make_children(
        &self,
        order: &[u8],
        sockets: Vec<OwnedFd>,
        files: &[Arc<File>],
    ) -> Result<Vec<Child>, PoolError> {
        let mut parent = self.connection.lock().await;
        let files = files.iter().map(|file| file.as_fd());
        let descriptors: Vec<_> = sockets.iter().map(AsFd::as_fd).chain(files).collect();
        parent.send_frame(order, &descriptors).await?;
        drop(sockets);
        match parent.receive().await? {
            FromWorker::Forked => {
                let pidfds = std::iter::from_fn(|| parent.take_descriptor());
                pidfds.map(Child::from_pidfd).collect::<Result<_, _>>().map_err(PoolError::System)
            }
            FromWorker::NotForked(why) => Err(PoolError::NotForked(why)),
            other => Err(PoolError::unexpected(&other)),
        }
    }
}

/// Bytes that a socket's buffer takes even where an administrator made buffers small.
const SURE_TO_FIT: usize = 32 << 10;
