//! An engine without V8, for the tests of everything above it.

use std::{
    collections::HashSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use futures::{
    StreamExt as _,
    channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded},
    future::{BoxFuture, Either, pending, select},
};

use super::{Engine, EngineError, Finished, Job, RunEvents, Timings};
use crate::{ConsoleLevel, HeapId, HostCall, Outcome, RunHost, StopReason, ThrownError};

/// Does what the code says, a word and a text on each line:
///
/// | line | what happens |
/// |---|---|
/// | `print TEXT` | `console.log(TEXT)` |
/// | `return TEXT` | the run returns |
/// | `throw TEXT` | the run throws |
/// | `stop memory`, `stop deadline` | the run is ended from outside |
/// | `import URL` | asks the host for the module; throws what it refuses |
/// | `wait` | waits until [`FakeEngine::release`] is called, or the run is cancelled |
/// | `unsaved` | when the run returns, its state cannot be saved |
/// | `fail` | the engine fails |
///
/// A script that ends otherwise returns `undefined`. The heap that a run leaves depends on the heap it
/// started from and on its code, and on nothing else.
#[derive(Debug)]
pub struct FakeEngine {
    heaps: Mutex<HashSet<HeapId>>,
    release: UnboundedSender<()>,
    released: futures::lock::Mutex<UnboundedReceiver<()>>,
}

impl Default for FakeEngine {
    fn default() -> Self {
        let (release, released) = unbounded();
        Self { heaps: Mutex::default(), release, released: futures::lock::Mutex::new(released) }
    }
}

impl FakeEngine {
    /// Lets one run that waits go on; if none does, the next one that would.
    pub fn release(&self) {
        // The receiver is ours.
        let _sent = self.release.unbounded_send(());
    }

    /// Forgets a heap, as if its store had lost it.
    pub fn lose(&self, heap: HeapId) {
        self.heaps().remove(&heap);
    }

    fn heaps(&self) -> MutexGuard<'_, HashSet<HeapId>> {
        self.heaps.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, job: &Job) -> HeapId {
        let heap = HeapId::of(format!("{:?} {}", job.start.heap(), job.code).as_bytes());
        self.heaps().insert(heap);
        heap
    }

    async fn wait(&self) {
        if self.released.lock().await.next().await.is_none() {
            pending::<()>().await;
        }
    }
}

#[async_trait]
impl Engine for FakeEngine {
    async fn run(
        &self,
        job: &Job,
        events: &mut dyn RunEvents,
        host: &mut dyn RunHost,
        mut cancel: BoxFuture<'_, ()>,
    ) -> Result<Finished, EngineError> {
        if let Some(heap) = job.start.heap()
            && !self.has_heap(heap).await?
        {
            return Err(EngineError::Absent(heap));
        }
        let mut saved = true;
        let mut outcome = Outcome::Returned("undefined".to_owned());
        for line in job.code.lines() {
            let (word, text) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
            outcome = match word {
                "print" => {
                    events.console(ConsoleLevel::Log, text);
                    continue;
                }
                "unsaved" => {
                    saved = false;
                    continue;
                }
                "import" => match host.call(HostCall::LoadModule(text.to_owned())).await {
                    Ok(_) => continue,
                    Err(refusal) => {
                        Outcome::Threw(ThrownError { message: refusal.message, stack: String::new() })
                    }
                },
                "wait" => match select(Box::pin(self.wait()), &mut cancel).await {
                    Either::Left(_) => continue,
                    Either::Right(_) => Outcome::Stopped(StopReason::Cancelled),
                },
                "return" => Outcome::Returned(text.to_owned()),
                "throw" => Outcome::Threw(ThrownError { message: text.to_owned(), stack: String::new() }),
                "stop" if text == "memory" => Outcome::Stopped(StopReason::Memory),
                "stop" => Outcome::Stopped(StopReason::Deadline),
                "fail" => return Err(EngineError::Failed("told to".into())),
                _ => continue,
            };
            break;
        }
        events.ended();
        let heap = (job.keep && matches!(outcome, Outcome::Returned(_))).then(|| {
            if saved { Ok(self.keep(job)) } else { Err(EngineError::NotSaved("told not to".to_owned())) }
        });
        Ok(Finished { outcome, heap, timings: Timings::default() })
    }

    async fn has_heap(&self, heap: HeapId) -> Result<bool, EngineError> {
        Ok(self.heaps().contains(&heap))
    }
}
