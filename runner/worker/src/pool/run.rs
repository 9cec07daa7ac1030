//! One run, from the request to the heap that it leaves.

use std::{
    fs::File,
    io,
    os::fd::AsFd,
    pin::{Pin, pin},
    time::{Duration, Instant},
};

use stasis_core::{
    ConsoleLevel, HeapId, Limits, Outcome, RunHost, StopReason, ThrownError,
    engine::{Job as RunRequest, RunEvents, StartState as Start, Timings},
};
use stasis_store::{HeapError, HeapFacts, HeapStore, MappableImage, UnixMillis};

use super::{
    Inner, Pool, PoolError,
    base_image::Base,
    calls::Calls,
    child::Exit,
    connection::ConnectionError,
    large_code::parts_of,
    templates::Advice,
    waiting::{Forked, ImagePair},
    warm::Warm,
    within,
};
use crate::{
    process::{EXIT_NORMAL, EXIT_OUT_OF_MEMORY},
    protocol::{AfterFreeze, FreezeOrder, FromWorker, Job, MAX_CALL, MAX_CONSOLE_PIECE, ToWorker},
};

/// A run that has ended.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub outcome: Outcome,
    /// The heap that it left; none if it was not to be kept or did not return. An error means that
    /// only saving failed.
    pub heap: Option<Result<HeapId, PoolError>>,
    /// Where the time went.
    pub timings: Timings,
}

/// What a run has started from.
#[derive(Debug)]
pub(super) struct Origin {
    /// What an image of the process refers to; nothing in a pool that keeps no heaps.
    base: Option<Base>,
    /// Size of the heap's own image; nothing for a fresh run.
    heap_bytes: u64,
    /// How long the process was at work in earlier runs.
    worked: Duration,
}

/// What a frame has besides the text in it.
const FRAME_OVERHEAD: usize = 1 << 10;
/// How often a run is started when workers die before they start it.
const MAX_ATTEMPTS: usize = 4;

impl Pool {
    /// Runs a script. The run ends when it returns or throws, exceeds a limit, or `cancel` resolves; if
    /// the future is dropped, it is killed.
    ///
    /// # Errors
    /// [`PoolError`] if the script could not be run at all; its state is then what it was.
    pub async fn run(
        &self,
        request: &RunRequest,
        events: &mut dyn RunEvents,
        host: &mut dyn RunHost,
        cancel: impl Future<Output = ()> + Send,
    ) -> Result<Finished, PoolError> {
        let pool = &*self.inner;
        if !pool.options.keeps_heaps && (request.keep || request.start.heap().is_some()) {
            return Err(PoolError::KeepsNoHeaps);
        }
        self.inner.count_run();
        let begun = Instant::now();
        let job = ToWorker::Run(job(request));
        let mut cancel = pin!(cancel);
        let mut attempts = 0;
        let Attempt { worker, outcome, started } = loop {
            attempts += 1;
            match self.attempt(request, &job, events, host, cancel.as_mut()).await {
                Err(PoolError::NotStarted(why))
                    if attempts < MAX_ATTEMPTS && begun.elapsed() < pool.options.patience =>
                {
                    // Whatever killed it may have killed those that wait, too.
                    pool.spares.clear();
                    tracing::debug!(why, "a worker died before it started its script");
                }
                ended => break ended?,
            }
        };
        let start = started.duration_since(begun);
        let mut timings = Timings { start, run: begun.elapsed() - start, ..Timings::default() };
        let keep = request.keep && matches!(outcome, Outcome::Returned(_));
        let heap = match worker {
            Some((worker, origin)) if keep => {
                let kept = pool.keep(worker, &origin, &request.limits, events, &mut timings).await;
                self.inner.watch_warm_processes();
                Some(kept)
            }
            Some(_) | None => {
                drop(worker);
                events.ended();
                None
            }
        };
        Ok(Finished { outcome, heap, timings })
    }

    /// Gives a script to a process and follows it to its outcome.
    async fn attempt(
        &self,
        request: &RunRequest,
        job: &ToWorker,
        events: &mut dyn RunEvents,
        host: &mut dyn RunHost,
        mut cancel: Pin<&mut (impl Future<Output = ()> + Send)>,
    ) -> Result<Attempt, PoolError> {
        let pool = &*self.inner;
        let found = tokio::select! {
            biased;
            () = &mut cancel => {
                let outcome = Outcome::Stopped(StopReason::Cancelled);
                return Ok(Attempt { worker: None, outcome, started: Instant::now() });
            }
            found = pool.worker_for(request, job) => found,
        };
        self.inner.refill_spares();
        let (mut worker, origin) = found.map_err(|error| match error {
            error @ (PoolError::Worker(_) | PoolError::Slow(_)) => PoolError::NotStarted(error.to_string()),
            other => other,
        })?;
        let started = Instant::now();
        worker.connection.set_max(longest_frame(request));
        let outcome = watch(&mut worker, &request.limits, events, host, cancel).await?;
        Ok(Attempt { worker: Some((worker, origin)), outcome, started })
    }
}

/// What came of giving a script to a process.
struct Attempt {
    /// The process, and what it has started from; none if the run was cancelled before there was one.
    worker: Option<(Forked, Origin)>,
    outcome: Outcome,
    /// When the process had the script.
    started: Instant,
}

/// What a worker is told to run.
pub(super) fn job(request: &RunRequest) -> Job {
    let limits = &request.limits;
    // The kernel's own alarm, should the server be too busy to watch the clock.
    const GRACE_SECONDS: u64 = 2;
    Job {
        name: request.name.clone(),
        code: request.code.clone(),
        heap: limits.heap.get(),
        external: limits.external.get(),
        cpu_seconds: limits.wall_clock.as_secs() + GRACE_SECONDS,
        result: limits.result.get(),
        capabilities: request.capabilities,
        keep: request.keep,
    }
}

fn longest_frame(request: &RunRequest) -> usize {
    let result = request.limits.result.get() as usize;
    result.max(MAX_CONSOLE_PIECE).max(MAX_CALL) + FRAME_OVERHEAD
}

impl Inner {
    /// A process in the wanted state that has the job, and what that state is.
    async fn worker_for(&self, request: &RunRequest, job: &ToWorker) -> Result<(Forked, Origin), PoolError> {
        let patience = self.options.patience;
        match request.start {
            Start::Fresh => {
                if let Some(spare) = self.spares.take() {
                    let sending = async { Ok(spare.connection.send(job, &[]).await?) };
                    match within(self.patience_to_fork(), sending).await {
                        Ok(()) => return Ok((spare, self.fresh().await?)),
                        Err(_) => self.spares.clear(),
                    }
                }
                let template = self.base_template().await?;
                let forked = template.fork(job, self.patience_to_fork()).await?;
                Ok((forked, self.fresh().await?))
            }
            Start::Heap(heap) => {
                let (template, is_new) = match self.templates.advise(heap) {
                    Advice::Fork(template) => (template, false),
                    Advice::Keep => {
                        let template = within(patience, self.heap_template(heap)).await?;
                        self.templates.keep(heap, template.clone());
                        (template, true)
                    }
                    Advice::Once => {
                        if let Some(worker) = within(patience, self.go_on(heap, &request.limits, job)).await?
                        {
                            return Ok(worker);
                        }
                        return within(patience, self.thaw_once(heap, job)).await;
                    }
                };
                let forked = template.fork(job, self.patience_to_fork()).await?;
                // It has forked: it is complete. It may have died since, which concerns the next run.
                if is_new && let Ok(bytes) = template.own_bytes() {
                    self.templates.weigh(heap, bytes);
                }
                Ok((forked, self.origin(&self.heaps.open(heap).await?).await?))
            }
        }
    }

    /// The process that left `heap`, if it is still there; it has the job then.
    async fn go_on(
        &self,
        heap: HeapId,
        limits: &Limits,
        job: &ToWorker,
    ) -> Result<Option<(Forked, Origin)>, PoolError> {
        let Some(Warm { worker, origin, .. }) = self.warm.take(heap, limits) else { return Ok(None) };
        let begun = Instant::now();
        worker.child.resume();
        // The heap may have been removed. Nothing of what its script does is heeded before that is known.
        match tokio::join!(worker.connection.send(job, &[]), self.heaps.contains(heap)) {
            (_, Err(error)) => Err(error.into()),
            (_, Ok(false)) => Err(HeapError::Absent(heap).into()),
            (Ok(()), Ok(true)) => {
                let worked = origin.worked + begun.elapsed();
                Ok(Some((worker, Origin { worked, ..origin })))
            }
            // It died meanwhile.
            (Err(_), Ok(true)) => Ok(None),
        }
    }

    async fn thaw_once(&self, heap: HeapId, job: &ToWorker) -> Result<(Forked, Origin), PoolError> {
        let images = self.images(heap).await?;
        let worker = match within(self.patience_to_fork(), self.overlay(&images, job)).await {
            Ok(Some(worker)) => worker,
            Ok(None) => self.thaw_alone(&images, job).await?,
            Err(error) => {
                if !matches!(error, PoolError::NotThawed(_) | PoolError::NotMapped(_)) {
                    // Whatever was wrong with the child may be wrong with those that wait, too.
                    self.spares.clear();
                }
                tracing::debug!(%heap, %error, "heap was not laid over its base image");
                // It can be thawed all the same, or that tells better why not.
                self.thaw_alone(&images, job).await?
            }
        };
        Ok((worker, self.origin(&images.image).await?))
    }

    /// Has a child of the base image's template become a heap, if that refers to the same base image.
    async fn overlay(
        &self,
        ImagePair { image, base }: &ImagePair,
        job: &ToWorker,
    ) -> Result<Option<Forked>, PoolError> {
        let (Some(base), ToWorker::Run(Job { cpu_seconds, .. })) = (base, job) else { return Ok(None) };
        if self.bases.current(self).await?.image.id() != base.id() {
            return Ok(None);
        }
        let overlay = ToWorker::Overlay { base: *base.id().as_bytes(), cpu_seconds: *cpu_seconds };
        let mut worker = match self.spares.take() {
            Some(spare) => spare,
            None => self.base_template().await?.fork_spare(self.patience_to_fork()).await?,
        };
        worker.connection.send(&overlay, &[image.file().as_fd(), base.file().as_fd()]).await?;
        worker.connection.send(job, &[]).await?;
        worker.started().await?;
        Ok(Some(worker))
    }

    /// Has a child of the zygote become a heap.
    async fn thaw_alone(&self, images: &ImagePair, job: &ToWorker) -> Result<Forked, PoolError> {
        let mut worker = self.thaw(images, Some(job)).await?;
        worker.started().await?;
        Ok(worker)
    }

    async fn fresh(&self) -> Result<Origin, PoolError> {
        let base = match self.options.keeps_heaps {
            true => Some(self.bases.current(self).await?),
            false => None,
        };
        Ok(Origin { base, heap_bytes: 0, worked: Duration::ZERO })
    }

    /// A heap with the base image that it refers to; itself, if it is one.
    async fn origin(&self, image: &MappableImage) -> Result<Origin, PoolError> {
        let base = self.bases.of(self, image).await?;
        Ok(Origin { base: Some(base), heap_bytes: image.len(), worked: Duration::ZERO })
    }

    /// Has a worker that returned freeze, and stores what it wrote.
    async fn keep(
        &self,
        mut worker: Forked,
        Origin { base, heap_bytes, worked }: &Origin,
        limits: &Limits,
        events: &mut dyn RunEvents,
        timings: &mut Timings,
    ) -> Result<HeapId, PoolError> {
        let begun = Instant::now();
        let base = base.as_ref().ok_or(PoolError::KeepsNoHeaps)?;
        let own_bytes = worker.child.own_bytes().map_err(PoolError::System)?;
        let image = self.heaps.create_image_file(own_bytes.max(*heap_bytes))?;
        let worked = *worked + timings.run;
        // Another file could still be written to by who stays; and this one, if it could be mapped to be.
        let stays = self.layers.seccomp && self.warm.wants(worked) && HeapStore::can_seal(&image);
        let then = if stays { AfterFreeze::Stay } else { AfterFreeze::End };
        within(self.options.patience, self.freeze(&mut worker, &image, Some(base), then)).await?;
        if stays && !HeapStore::seal(&image) {
            return Err(PoolError::Worker("it kept its image from being sealed".to_owned()));
        }
        timings.freeze = begun.elapsed();
        let warm = if stays {
            let heap_bytes = image.metadata().map_err(PoolError::System)?.len();
            let origin = Origin { base: Some(base.clone()), heap_bytes, worked: worked + timings.freeze };
            Some(Warm { worker, origin, limits: *limits })
        } else {
            drop(worker);
            None
        };
        events.ended();
        let facts = HeapFacts {
            base: Some(base.image.id()),
            fingerprint: stasis_core::Fingerprint::from_bytes(self.loader.fingerprint()),
            created: UnixMillis::now(),
        };
        let (id, is_new) = match &warm {
            Some(_) => self.heaps.save_new(image, facts).await?,
            None => (self.heaps.save(image, facts).await?, false),
        };
        timings.store = begun.elapsed() - timings.freeze;
        // Whoever makes the image of a heap that was there, which takes more than a script, does not get its next run.
        if let Some(warm) = warm
            && is_new
        {
            self.warm.keep(id, warm);
        }
        Ok(id)
    }

    /// Has a worker write its image, and waits until it has ended, if it is to. Without a base image, it makes
    /// one.
    pub(super) async fn freeze(
        &self,
        worker: &mut Forked,
        image: &File,
        base: Option<&Base>,
        then: AfterFreeze,
    ) -> Result<(), PoolError> {
        let (maps, pagemap) = worker.child.open_memory_maps().map_err(PoolError::System)?;
        let mut files = vec![image.as_fd(), maps.as_fd(), pagemap.as_fd()];
        files.extend(base.map(|base| base.image.file().as_fd()));
        worker.connection.send(&ToWorker::Freeze(self.freeze_order(base, then)), &files).await?;
        let frozen = loop {
            match worker.connection.receive().await {
                Ok(FromWorker::Frozen { .. }) => break true,
                Err(ConnectionError::Gone | ConnectionError::Unread) => break false,
                Ok(FromWorker::NotFrozen { write_error: Some(number), .. }) => {
                    return Err(HeapError::Io(io::Error::from_raw_os_error(number)).into());
                }
                Ok(FromWorker::NotFrozen { why, write_error: None }) => return Err(PoolError::Worker(why)),
                Ok(FromWorker::OutOfMemory) => return Err(PoolError::NoMemoryToSave),
                // What was printed and asked for in the very last moment concerns nobody.
                Ok(
                    FromWorker::Console { .. }
                    | FromWorker::Call { .. }
                    | FromWorker::Withdraw { .. }
                    | FromWorker::Sleeps { .. }
                    | FromWorker::Wakes,
                ) => {}
                Ok(other) => return Err(PoolError::unexpected(&other)),
                Err(error) => return Err(error.into()),
            }
        };
        if frozen && then == AfterFreeze::Stay {
            return Ok(());
        }
        // Only when the process has ended can nothing write to the file any more.
        match worker.end().await? {
            Exit::Status(EXIT_NORMAL) if frozen => Ok(()),
            Exit::Status(EXIT_OUT_OF_MEMORY) => Err(PoolError::NoMemoryToSave),
            other => Err(PoolError::Worker(format!("it ended with {other:?} while freezing"))),
        }
    }

    fn freeze_order(&self, base: Option<&Base>, then: AfterFreeze) -> FreezeOrder {
        let numbers = |identity: &stasis_image::FileIdentity| (identity.device, identity.inode);
        FreezeOrder {
            fingerprint: self.loader.fingerprint(),
            program: self.loader.program_files().iter().map(numbers).collect(),
            base: base.map(|base| {
                let (device, inode) = numbers(&base.identity);
                (*base.image.id().as_bytes(), device, inode)
            }),
            code: self.code.get().map(|code| {
                let (device, inode) = numbers(&code.identity());
                (device, inode, parts_of(code))
            }),
            then,
        }
    }
}

/// Follows a run to its outcome.
pub(super) async fn watch(
    worker: &mut Forked,
    limits: &Limits,
    events: &mut dyn RunEvents,
    host: &mut dyn RunHost,
    mut cancel: Pin<&mut (impl Future<Output = ()> + Send)>,
) -> Result<Outcome, PoolError> {
    let mut deadline = pin!(tokio::time::sleep(limits.wall_clock));
    let mut heard = false;
    let mut calls = Calls::default();
    let mut printed = 0;
    let mut pieces = String::new();
    loop {
        let message = tokio::select! {
            biased;
            () = &mut cancel => return Ok(Outcome::Stopped(StopReason::Cancelled)),
            () = &mut deadline => return Ok(Outcome::Stopped(StopReason::Deadline)),
            () = calls.pass_on(), if !calls.is_empty() => {
                events.wakes();
                continue;
            }
            message = worker.connection.receive() => message,
        };
        let first = !std::mem::replace(&mut heard, true);
        match message {
            Ok(FromWorker::Console { level, text, more }) => {
                printed += text.len() as u64 + 1;
                if printed > limits.console.get() {
                    return Ok(Outcome::Stopped(StopReason::Console));
                }
                pieces.push_str(&text);
                if !more {
                    events.console(console_level(level), &pieces);
                    pieces.clear();
                }
            }
            Ok(FromWorker::Call { id, call }) => {
                let begun = calls.begin(&worker.connection, id, host.call(call));
                if !begun.map_err(PoolError::System)? {
                    return Ok(Outcome::Stopped(StopReason::Crashed));
                }
            }
            Ok(FromWorker::Withdraw { id }) => calls.withdraw(id),
            // With an answer on its way it does not sleep for long, and without a call it only computes.
            Ok(FromWorker::Sleeps { answers }) if answers != calls.answers() || calls.is_empty() => {}
            Ok(FromWorker::Sleeps { .. }) => events.sleeps(),
            Ok(FromWorker::Wakes) => events.wakes(),
            Ok(FromWorker::Returned(text)) => {
                return tokio::select! {
                    () = calls.finish() => Ok(Outcome::Returned(text)),
                    // A worker that does not read what it has asked for is not ours any more.
                    () = &mut deadline => Ok(Outcome::Stopped(StopReason::Deadline)),
                };
            }
            Ok(FromWorker::Threw { message, stack }) => {
                return Ok(Outcome::Threw(ThrownError { message, stack }));
            }
            Ok(FromWorker::OutOfMemory) => return Ok(Outcome::Stopped(StopReason::Memory)),
            // A worker that does not keep to the protocol is not ours any more.
            Ok(_) | Err(ConnectionError::Protocol(_)) => return Ok(Outcome::Stopped(StopReason::Crashed)),
            Err(ConnectionError::Unread) if first => return Err(worker.died_early().await?),
            Err(ConnectionError::Gone | ConnectionError::Unread) => return crashed(worker).await,
            Err(error @ ConnectionError::Socket(_)) => return Err(error.into()),
        }
    }
}

/// What the end of a process says that did not report an outcome.
async fn crashed(worker: &Forked) -> Result<Outcome, PoolError> {
    const SIGXCPU: i32 = 24;
    let exit = worker.end().await?;
    tracing::debug!(?exit, "worker ended without an outcome");
    match exit {
        Exit::Signal(SIGXCPU) => Ok(Outcome::Stopped(StopReason::Deadline)),
        Exit::Status(EXIT_OUT_OF_MEMORY) => Ok(Outcome::Stopped(StopReason::Memory)),
        Exit::Status(_) | Exit::Signal(_) => Ok(Outcome::Stopped(StopReason::Crashed)),
    }
}

fn console_level(level: u8) -> ConsoleLevel {
    match level {
        1 => ConsoleLevel::Debug,
        2 => ConsoleLevel::Trace,
        3 => ConsoleLevel::Info,
        4 => ConsoleLevel::Warn,
        5 => ConsoleLevel::Error,
        _ => ConsoleLevel::Log,
    }
}
