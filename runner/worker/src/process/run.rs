//! What a process with an engine does: it waits, forks when it is asked to, runs one script, and
//! freezes.

use std::os::fd::{AsFd, OwnedFd};

use stasis_image::{
    FileIdentity, FreezeBase, FreezeError, FreezeRequest, Frozen, Paging, Pause, ThawRequest,
};

use super::{
    Channel, EXIT_BROKEN, EXIT_NORMAL, allocator,
    channel::files,
    end,
    lifecycle::{self, Forked, fork_child},
    sandbox,
    zygote::{FIRST_OWN_DESCRIPTOR, become_run, say_why_not},
};
use crate::{
    engine::{CellEnd, Engine},
    protocol::{AfterFreeze, FreezeOrder, FromWorker, Job, ToWorker},
};

/// Serves until the server goes away. Goes on in thawed processes and in forked children: each of them
/// is again a process that waits.
pub(crate) fn serve(engine: &mut Engine) -> ! {
    let channel = Channel;
    let mut past = Past::Thawed;
    loop {
        let (message, descriptors) = channel.receive();
        match message {
            ToWorker::Fork => {
                if fork_for_each(descriptors) {
                    past = Past::Forked;
                }
            }
            ToWorker::Run(job) => {
                match past {
                    Past::Thawed | Past::Forked => sandbox::enter_run(),
                    Past::Frozen(pause) => pause.end(),
                }
                run(engine, job, past == Past::Thawed);
            }
            ToWorker::Freeze(order) => past = freeze_into(engine, &order, descriptors),
            ToWorker::WarmUp => {
                engine.warm_up();
                engine.prepare_base();
                channel.send(&FromWorker::WarmedUp);
            }
            ToWorker::BecomeTemplate { data } => engine.thawed(data),
            ToWorker::Preload(module) => channel.send(&FromWorker::Preloaded(engine.preload(&module))),
            // It was under way when the run ended, which was all that it concerned.
            ToWorker::Answer { .. } => {}
            ToWorker::Overlay { base, cpu_seconds } if past == Past::Forked => {
                become_heap(base, cpu_seconds, descriptors)
            }
            ToWorker::Overlay { .. } | ToWorker::Thaw { .. } | ToWorker::Boot(_) => end(EXIT_BROKEN),
        }
    }
}

/// What a process that waits has behind it.
#[derive(PartialEq, Eq)]
enum Past {
    /// It was thawed, or booted.
    Thawed,
    /// It was forked from another process that waits.
    Forked,
    /// It has run a script and frozen, and stays for another one.
    Frozen(Pause),
}

/// Forks a child for each socket, until that fails. Says whether this is one of them.
fn fork_for_each(sockets: Vec<OwnedFd>) -> bool {
    let mut children = Vec::with_capacity(sockets.len());
    let mut sockets = sockets.into_iter();
    let mut why = None;
    while let Some(socket) = sockets.next() {
        match fork_child() {
            Ok(Forked::Parent(child)) => children.push(child),
            Ok(Forked::Child) => {
                // These are the others'.
                drop((sockets, children));
                become_run(socket);
                return true;
            }
            Err(error) => {
                why = Some(error.to_string());
                break;
            }
        }
    }
    let descriptors: Vec<_> = children.iter().map(AsFd::as_fd).collect();
    match why {
        Some(why) if children.is_empty() => Channel.send(&FromWorker::NotForked(why)),
        _ => Channel.send_with(&FromWorker::Forked, &descriptors),
    }
    false
}

/// Becomes the process in an image of a heap, which waits for its script.
fn become_heap(base: [u8; 32], cpu_seconds: u64, descriptors: Vec<OwnedFd>) -> ! {
    let Some([image, base_file]) = files::<2>(descriptors) else { end(EXIT_BROKEN) };
    sandbox::expect_run(cpu_seconds);
    say_why_not(lifecycle::overlay(&ThawRequest {
        image: &image,
        base: Some((base, &base_file)),
        code: None,
        paging: Paging::OnDemand,
        close_from: FIRST_OWN_DESCRIPTOR,
    }))
}

fn run(engine: &mut Engine, job: Job, announce: bool) {
    sandbox::limit(&job, engine.data_bytes());
    allocator::begin_run();
    if announce {
        Channel.send(&FromWorker::Started);
    }
    let end_of_run = match engine.run(&job) {
        CellEnd::Returned(text) => FromWorker::Returned(text),
        CellEnd::Threw { message, stack } => FromWorker::Threw { message, stack },
    };
    let to_be_frozen = job.keep && matches!(end_of_run, FromWorker::Returned(_));
    Channel.send(&end_of_run);
    if !to_be_frozen {
        end(EXIT_NORMAL);
    }
}

/// Writes the image. Returns in a process that was thawed from it, and in this one if it is to stay.
fn freeze_into(engine: &mut Engine, order: &FreezeOrder, mut descriptors: Vec<OwnedFd>) -> Past {
    let base_file = if order.base.is_some() { descriptors.pop() } else { None };
    let Some([image, maps, pagemap]) = files::<3>(descriptors) else { end(EXIT_BROKEN) };
    if order.base.is_none() {
        engine.warm_up();
    }
    engine.prepare_to_freeze();
    if order.base.is_none() {
        engine.prepare_base();
    }
    let program: Vec<_> =
        order.program.iter().map(|&(device, inode)| FileIdentity { device, inode }).collect();
    let code = order.code.as_ref().map(|(device, inode, parts)| {
        let parts: Vec<_> = parts.iter().copied().map(Into::into).collect();
        (FileIdentity { device: *device, inode: *inode }, parts)
    });
    let request = FreezeRequest {
        image: image.as_fd(),
        maps: maps.as_fd(),
        pagemap: pagemap.as_fd(),
        fingerprint: order.fingerprint,
        program: &program,
        code: code.as_ref().map(|(identity, parts)| (*identity, &**parts)),
        base: order.base.zip(base_file.as_ref()).map(|((id, device, inode), file)| FreezeBase {
            id,
            identity: FileIdentity { device, inode },
            file: file.as_fd(),
        }),
    };
    let message = match lifecycle::freeze(&request) {
        Ok(Frozen::Thawed { data }) => {
            // These belong to the process that was frozen; here their numbers are free.
            std::mem::forget((image, maps, pagemap, base_file));
            engine.thawed(data);
            return Past::Thawed;
        }
        Ok(Frozen::Written { pages, pause }) => {
            let done = FromWorker::Frozen { pages };
            if order.then == AfterFreeze::Stay {
                Channel.send(&done);
                return Past::Frozen(pause);
            }
            done
        }
        Err(error) => FromWorker::NotFrozen { why: error.to_string(), write_error: write_error(&error) },
    };
    Channel.send(&message);
    end(EXIT_NORMAL)
}

/// The number of the error with which the kernel refused to write the image.
fn write_error(error: &FreezeError) -> Option<i32> {
    match error {
        FreezeError::Write(refusal) => refusal.raw_os_error(),
        FreezeError::Memory(_)
        | FreezeError::Unsupported
        | FreezeError::Maps
        | FreezeError::Shared
        | FreezeError::Fragmented => None,
    }
}
