//! The processes that are started: the zygote, from which all others are forked, and the one that boots V8 to make
//! the base image or, where nothing can be frozen, to be what runs are forked from.

use std::{
    fs::File,
    os::fd::{AsFd, AsRawFd, OwnedFd},
};

use stasis_image::{Loader, ThawRequest};

use super::{
    Becomes, Channel, EXIT_BROKEN, EXIT_NORMAL, allocator,
    channel::files,
    end,
    lifecycle::{self, Forked, fork_child},
    run, sandbox,
};
use crate::{
    engine::Preloading,
    protocol::{CodePart, FromWorker, Purpose, ToWorker, VERSION},
};

/// Descriptors from this one on are the zygote's own; below are the channel and two that go nowhere.
const FIRST_OWN_DESCRIPTOR: u32 = 3;

/// A small process that holds nothing but the program's files. It is sandboxed before it does anything,
/// and so is whatever it becomes: thawed code, which a hostile script may have written, never runs
/// outside of the sandbox.
pub(crate) fn zygote() -> ! {
    let Ok(loader) = Loader::new() else { end(EXIT_BROKEN) };
    let large_pages = sandbox::forbid_large_pages();
    let layers = sandbox::enter();
    let channel = Channel;
    channel.send(&FromWorker::Ready { version: VERSION, layers, large_pages });
    loop {
        let (message, descriptors) = channel.receive();
        let ToWorker::Thaw { base, code, purpose } = message else { end(EXIT_BROKEN) };
        match fork_child() {
            Ok(Forked::Parent(child)) => {
                drop(descriptors);
                channel.send_with(&FromWorker::Forked, &[child.as_fd()]);
            }
            Ok(Forked::Child) => thaw(&loader, base, code, purpose, descriptors),
            Err(error) => channel.send(&FromWorker::NotForked(error.to_string())),
        }
    }
}

fn thaw(
    loader: &Loader,
    base: Option<[u8; 32]>,
    code: Option<Vec<CodePart>>,
    purpose: Purpose,
    mut descriptors: Vec<OwnedFd>,
) -> ! {
    sandbox::die_with_parent();
    let code_file = if code.is_some() { descriptors.pop().map(File::from) } else { None };
    let base_file = if base.is_some() { descriptors.pop().map(File::from) } else { None };
    let Some([socket, image]) = files::<2>(descriptors) else { end(EXIT_BROKEN) };
    if Channel.replace(socket.into()).is_err() {
        end(EXIT_BROKEN);
    }
    let code: Option<Vec<_>> = code.map(|parts| parts.into_iter().map(Into::into).collect());
    let request = ThawRequest {
        image: &image,
        base: base.zip(base_file.as_ref()),
        code: code.as_deref().zip(code_file.as_ref()),
        paging: purpose.into(),
        close_from: FIRST_OWN_DESCRIPTOR,
    };
    let error = lifecycle::thaw(loader, &request);
    Channel.send(&FromWorker::NotThawed(error.to_string()));
    end(EXIT_NORMAL)
}

/// Boots V8 from the start-up snapshot, and then waits like every other worker.
pub(crate) fn boot(preloading: Preloading, becomes: Becomes) -> ! {
    allocator::take_large_pieces();
    let large_pages = sandbox::forbid_large_pages();
    let layers = sandbox::enter_to_boot(preloading, becomes);
    if becomes == Becomes::BaseImage {
        allocator::take_large_page();
    }
    let mut engine = crate::engine::Engine::boot(Channel, preloading);
    Channel.send(&FromWorker::Ready { version: VERSION, layers, large_pages });
    run::serve(&mut engine)
}

/// The child of a template: a run.
pub(crate) fn become_run(socket: OwnedFd) {
    sandbox::die_with_parent();
    debug_assert!(socket.as_raw_fd() >= FIRST_OWN_DESCRIPTOR as i32, "the lower three are taken");
    if Channel.replace(socket).is_err() {
        end(EXIT_BROKEN);
    }
}
