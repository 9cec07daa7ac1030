//! Worker processes that wait: the zygote and the templates. Each can be asked to fork.

use std::{
    fs::File,
    io,
    os::fd::{AsFd, OwnedFd},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use rustix::process::Signal;
use stasis_image::CodeCopy;
use stasis_store::MappableImage;

use super::{
    PoolError,
    child::{Child, Exit},
    connection::{Connection, ConnectionError},
    large_code::parts_of,
    spawner, within,
};
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

impl Forked {
    /// How the process ended, which has closed its socket. One that goes on all the same is killed.
    pub(super) async fn end(&self) -> Result<Exit, PoolError> {
        /// A process that ends closes its descriptors after it has given back its memory: little is left to do.
        const MOMENT: Duration = Duration::from_secs(2);
        let ended = tokio::time::timeout(MOMENT, self.child.wait()).await;
        ended
            .unwrap_or_else(|_| {
                self.child.kill();
                Ok(Exit::Signal(Signal::KILL.as_raw()))
            })
            .map_err(PoolError::System)
    }

    /// Waits until the process, which was thawed, has started its script.
    pub(super) async fn started(&mut self) -> Result<(), PoolError> {
        match self.connection.receive().await {
            Ok(FromWorker::Started) => Ok(()),
            Ok(other) => Err(PoolError::unexpected(&other)),
            Err(ConnectionError::Gone | ConnectionError::Unread) => Err(self.died_early().await?),
            Err(error) => Err(error.into()),
        }
    }

    /// Why the process ended, which had not started its script.
    pub(super) async fn died_early(&self) -> Result<PoolError, PoolError> {
        Ok(match self.end().await? {
            Exit::Status(stasis_image::RESTORE_FAILED) => {
                PoolError::NotMapped("the system refused memory or a mapping".to_owned())
            }
            exit => PoolError::NotStarted(format!("it ended with {exit:?} before it started its script")),
        })
    }
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
    /// One that becomes the process in `images`, and runs the script `first` if there is one.
    pub(super) fn thaw(images: &ImagePair, code: Option<&CodeCopy>, first: Option<&'a ToWorker>) -> Self {
        let base = images.base.as_ref();
        let message = ToWorker::Thaw {
            base: base.map(|base| *base.id().as_bytes()),
            code: code.map(parts_of),
            purpose: match first {
                Some(ToWorker::Run(job)) => Purpose::Run { cpu_seconds: job.cpu_seconds },
                _ => Purpose::Template,
            },
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
    /// Starts a zygote that runs what has this `fingerprint`. Also tells how it is boxed in.
    pub(super) async fn zygote(
        program: &WorkerProgram,
        fingerprint: [u8; 32],
    ) -> Result<(Self, Layers), PoolError> {
        let (mut connection, theirs) = Connection::pair(MAX_MESSAGE).map_err(PoolError::System)?;
        let child = spawner::start(program, theirs).await.map_err(PoolError::Start)?;
        match connection.receive().await? {
            FromWorker::Ready { version: VERSION, layers, large_pages, fingerprint: its } => {
                if its != fingerprint {
                    return Err(PoolError::ProgramReplaced);
                }
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

    /// Nobody asks it again.
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
    pub(super) async fn fork(
        self: &Arc<Self>,
        job: &ToWorker,
        patience: Duration,
    ) -> Result<Forked, PoolError> {
        self.ask(&ToWorker::Fork, Some(job), Vec::new(), patience).await
    }

    /// Has a template fork a child that is told later what to do.
    pub(super) async fn fork_spare(self: &Arc<Self>, patience: Duration) -> Result<Forked, PoolError> {
        self.ask(&ToWorker::Fork, None, Vec::new(), patience).await
    }

    /// Has a template fork children that get their scripts later: so many, or fewer, but at least one. To be called
    /// where nobody stops waiting.
    pub(super) async fn fork_spares(
        &self,
        count: usize,
        patience: Duration,
    ) -> Result<Vec<Forked>, PoolError> {
        let pairs = (0..count.min(MAX_DESCRIPTORS)).map(|_| Connection::pair(MAX_MESSAGE));
        let pairs: Vec<_> = pairs.collect::<Result<_, _>>().map_err(PoolError::System)?;
        let (connections, theirs): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        let order = encode(&ToWorker::Fork);
        let making = within(patience, self.make_children(&order, theirs, &[]));
        let children = making.await.inspect_err(|error| self.heed(error))?;
        let forked = connections.into_iter().zip(children);
        Ok(forked.map(|(connection, child)| Forked { connection, child }).collect())
    }

    /// Has the zygote fork a child.
    pub(super) async fn make(
        self: &Arc<Self>,
        order: &Order<'_>,
        patience: Duration,
    ) -> Result<Forked, PoolError> {
        self.ask(&order.message, order.first, order.files.clone(), patience).await
    }

    /// Sends an order together with the child's socket, takes the child's descriptor, and sees to it that the child
    /// gets `first`. Each may take as long as `patience`. A process that does not answer as it should is given up.
    ///
    /// The exchange is finished whether or not the caller goes on waiting for it: an answer that nobody
    /// took would be taken for that to the next order. A child that nobody wants any more is
    /// killed.
    async fn ask(
        self: &Arc<Self>,
        order: &ToWorker,
        first: Option<&ToWorker>,
        files: Vec<Arc<File>>,
        patience: Duration,
    ) -> Result<Forked, PoolError> {
        // A first message that does not fit into the socket's buffer must wait for its reader.
        let (early, late) = match first.map(encode) {
            Some(frame) if frame.len() > SURE_TO_FIT => (None, Some(frame)),
            other => (other, None),
        };
        let (waiting, order) = (self.clone(), encode(order));
        let exchange = tokio::spawn(async move {
            let exchange = waiting.exchange(&order, early.as_deref(), &files);
            within(patience, exchange).await.inspect_err(|error| waiting.heed(error))
        });
        let ended = exchange.await;
        let forked = ended.unwrap_or_else(|error| Err(PoolError::Worker(error.to_string())))?;
        if let Some(frame) = late {
            // Whether it can be sent is the child's affair, not its parent's.
            let sending = async { Ok(forked.connection.send_frame(&frame, &[]).await) };
            if within(patience, sending).await?.is_err() {
                return Err(forked.died_early().await?);
            }
        }
        Ok(forked)
    }

    async fn exchange(
        &self,
        order: &[u8],
        early: Option<&[u8]>,
        files: &[Arc<File>],
    ) -> Result<Forked, PoolError> {
        let (connection, theirs): (Connection, OwnedFd) =
            Connection::pair(MAX_MESSAGE).map_err(PoolError::System)?;
        if let Some(frame) = early {
            connection.send_frame(frame, &[]).await?;
        }
        let children = self.make_children(order, vec![theirs], files).await?;
        let child = children.into_iter().next().ok_or(PoolError::NoDescriptor)?;
        Ok(Forked { connection, child })
    }

    /// Gives this process up, if an error says that it failed.
    fn heed(&self, error: &PoolError) {
        if matches!(error, PoolError::Worker(_) | PoolError::Slow(_) | PoolError::NoDescriptor) {
            self.give_up();
        }
    }

    /// Sends an order with a socket for each child that is to be made, and takes the children that were: at least
    /// one.
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
                let children: Result<Vec<_>, _> = pidfds.map(Child::from_pidfd).collect();
                let children = children.map_err(|error| PoolError::Worker(error.to_string()))?;
                if children.is_empty() { Err(PoolError::NoDescriptor) } else { Ok(children) }
            }
            FromWorker::NotForked(why) => Err(PoolError::NotForked(why)),
            other => Err(PoolError::unexpected(&other)),
        }
    }
}

/// Bytes that a socket's buffer takes even where an administrator made buffers small.
const SURE_TO_FIT: usize = 32 << 10;
