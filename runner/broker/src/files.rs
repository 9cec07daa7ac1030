//! Files, for scripts: each operation is put to the policy with the path that it really concerns, and done to
//! exactly that.
//!
//! 1. [`script_path`] checks and splits what the script wrote.
//! 2. [`resolve`] follows links, to find the path that is meant.
//! 3. [`forbidden`] refuses what no policy can allow; then the policy is asked.
//! 4. [`place`] opens what was decided upon, folder by folder and never through a link, and the operation is
//!    done by descriptor. Swapping a file or folder for a link in between leads to an error, nowhere else.
//!
//! Two operations concern more than the path that the policy sees: a recursive `rm` removes what is below
//! (links themselves, never what they point to, and nothing that is mounted there), and a recursive `mkdir`
//! makes missing folders above. Hard links cannot be told from files: one in an allowed folder is allowed,
//! wherever its other names are.

mod content;
mod error;
mod facts;
mod folder;
mod forbidden;
mod limits;
mod place;
mod question;
mod remove;
mod resolve;
mod script_path;

use std::{path::PathBuf, sync::Arc};

use futures::{FutureExt as _, future::BoxFuture};
use rustix::io::Errno;
use stasis_core::host::{FileCall, HostAnswer, HostResult};
use stasis_policy::{Decision, Policy};
use tokio::sync::Semaphore;

use self::{
    error::FileError,
    forbidden::Forbidden,
    limits::Usage,
    place::Place,
    question::Question,
    resolve::{Found, Resolved, resolve},
};

use crate::blocking::blocking;

pub use limits::FileLimits;

/// Most threads that wait for disks at the same time, over all runs.
const MAX_CONCURRENT: usize = 64;

/// Does with files what the policy allows.
#[derive(Debug)]
pub struct FileBroker {
    shared: Arc<Shared>,
}

/// How files are served.
#[derive(Debug, Clone, Default)]
pub struct FileOptions {
    /// What each run may do.
    pub limits: FileLimits,
    /// Folders that no policy can open: where the server keeps its keys and data.
    pub off_limits: Vec<PathBuf>,
}

/// One run's side of a [`FileBroker`].
#[derive(Debug)]
pub struct FileRun {
    run: Arc<Run>,
}

#[derive(Debug)]
struct Shared {
    policy: Arc<dyn Policy>,
    limits: FileLimits,
    forbidden: Forbidden,
    threads: Arc<Semaphore>,
}

#[derive(Debug)]
struct Run {
    shared: Arc<Shared>,
    usage: Usage,
    slots: Arc<Semaphore>,
}

impl FileBroker {
    /// Serves files as `policy` allows.
    pub fn new(policy: Arc<dyn Policy>, options: FileOptions) -> Self {
        let forbidden = Forbidden::new(&options.off_limits);
        let threads = Arc::new(Semaphore::new(MAX_CONCURRENT));
        Self { shared: Arc::new(Shared { policy, limits: options.limits, forbidden, threads }) }
    }

    /// Serves one run. How much it does is counted until this is dropped.
    pub fn attend(&self) -> FileRun {
        let shared = Arc::clone(&self.shared);
        let slots = Arc::new(Semaphore::new(shared.limits.concurrent));
        FileRun { run: Arc::new(Run { shared, usage: Usage::default(), slots }) }
    }
}

impl FileRun {
    /// Does something with a file, if the policy allows it. Dropping the future withdraws the question; what
    /// was decided already may still be done.
    pub fn call(&self, call: FileCall) -> BoxFuture<'static, HostResult> {
        Arc::clone(&self.run).carry_out(call).boxed()
    }
}

impl Run {
    async fn carry_out(self: Arc<Self>, call: FileCall) -> HostResult {
        let question = Arc::new(Question::of(&call)?);
        let told = |error: FileError| error.told(&question);
        self.count(&call).map_err(told)?;
        let _slot = self.slots.acquire().await.expect("the semaphore is never closed");

        let targets = {
            let question = Arc::clone(&question);
            self.in_thread(move || Targets::of(&question)).await.map_err(told)?
        };
        targets.refuse_forbidden(&self.shared.forbidden, &question).map_err(told)?;
        let input = question.input(&targets.path, targets.destination.as_ref());
        if let Decision::Denied(denial) = self.shared.policy.decide(&input).await {
            return Err(question.denied(&denial));
        }
        let run = Arc::clone(&self);
        self.in_thread(move || run.act(&call, &targets)).await.map_err(told)
    }

    /// Counts what is known of a call beforehand.
    fn count(&self, call: &FileCall) -> Result<(), FileError> {
        self.usage.count_operation(&self.shared.limits)?;
        if let FileCall::WriteFile { content, .. } | FileCall::AppendFile { content, .. } = call {
            self.usage.count_bytes(content.len() as u64, &self.shared.limits)?;
        }
        Ok(())
    }

    /// Does what was allowed.
    fn act(&self, call: &FileCall, targets: &Targets) -> Result<HostAnswer, FileError> {
        let limits = &self.shared.limits;
        match call {
            FileCall::ReadFile { .. } => {
                content::read(&targets.place("open")?, &self.usage, limits).map(HostAnswer::Content)
            }
            FileCall::WriteFile { content, .. } => {
                content::write(&targets.place("open")?, content).map(|()| HostAnswer::Done)
            }
            FileCall::AppendFile { content, .. } => {
                content::append(&targets.place("open")?, content).map(|()| HostAnswer::Done)
            }
            FileCall::ReadFolder { .. } => {
                folder::read_folder(&targets.place("scandir")?, limits).map(HostAnswer::Names)
            }
            FileCall::Stat { .. } => facts::facts(&targets.place("stat")?).map(HostAnswer::Facts),
            FileCall::MakeFolder { recursive, .. } => {
                make_folder(targets, *recursive).map(|()| HostAnswer::Done)
            }
            FileCall::Remove { recursive, force, .. } => {
                let removed =
                    targets.place("rm").and_then(|place| remove::remove(&place, *recursive, limits));
                match removed {
                    Err(error) if *force && error.is_absence() => Ok(HostAnswer::Done),
                    other => other.map(|()| HostAnswer::Done),
                }
            }
            FileCall::Rename { .. } => rename(targets).map(|()| HostAnswer::Done),
            FileCall::CopyFile { .. } => {
                let (from, to) = (targets.place("copyfile")?, targets.destination_place("copyfile")?);
                content::copy(&from, &to, &self.usage, limits).map(|()| HostAnswer::Done)
            }
            FileCall::Exists { .. } => {
                let found = targets.place("stat").and_then(|place| facts::facts(&place));
                Ok(HostAnswer::Exists(found.is_ok()))
            }
        }
    }

    /// Runs what waits for a disk where it does not hold up others, and not too many at once.
    async fn in_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, FileError> + Send + 'static,
    ) -> Result<T, FileError> {
        let threads = Arc::clone(&self.shared.threads);
        let permit = threads.acquire_owned().await.expect("the semaphore is never closed");
        let work = move || {
            // It goes on when nobody waits for it any more, and counts as long as it does.
            let _permit = permit;
            work()
        };
        let shutting_down = FileError::System { errno: Errno::IO, call: "open" };
        blocking(work).await.unwrap_or(Err(shutting_down))
    }
}

/// Where the paths of a question lead.
#[derive(Debug)]
struct Targets {
    path: Resolved,
    destination: Option<Resolved>,
}

impl Targets {
    fn of(question: &Question) -> Result<Self, FileError> {
        let path = resolve(question.path(), question.last_link())?;
        let destination =
            question.destination().map(|path| resolve(path, question.last_link())).transpose()?;
        Ok(Self { path, destination })
    }

    fn refuse_forbidden(&self, forbidden: &Forbidden, question: &Question) -> Result<(), FileError> {
        forbidden.check(&self.path, question.reach())?;
        self.destination.as_ref().map_or(Ok(()), |path| forbidden.check(path, question.reach()))
    }

    fn place(&self, call: &'static str) -> Result<Place, FileError> {
        place_of(&self.path, call)
    }

    fn destination_place(&self, call: &'static str) -> Result<Place, FileError> {
        let destination = self.destination.as_ref().expect("operations with a destination resolve it");
        place_of(destination, call)
    }
}

fn place_of(resolved: &Resolved, call: &'static str) -> Result<Place, FileError> {
    match resolved.found {
        Found::Unreachable(errno) => Err(FileError::System { errno, call }),
        Found::Present(_) | Found::Absent => Place::open(resolved, call),
    }
}

fn make_folder(targets: &Targets, recursive: bool) -> Result<(), FileError> {
    const CALL: &str = "mkdir";
    if !recursive {
        return targets.place(CALL)?.make_folder(CALL);
    }
    match targets.path.found {
        Found::Unreachable(errno) if errno != Errno::NOENT => Err(FileError::System { errno, call: CALL }),
        Found::Unreachable(_) | Found::Present(_) | Found::Absent => {
            let place = Place::open_making_folders(&targets.path, CALL)?;
            match place.make_folder(CALL) {
                Err(error @ FileError::System { errno: Errno::EXIST, .. }) => {
                    place.open_folder(CALL).map(drop).map_err(|_| error)
                }
                other => other,
            }
        }
    }
}

fn rename(targets: &Targets) -> Result<(), FileError> {
    const CALL: &str = "rename";
    let (from, to) = (targets.place(CALL)?, targets.destination_place(CALL)?);
    rustix::fs::renameat(from.folder(), from.name(), to.folder(), to.name()).map_err(FileError::in_call(CALL))
}
