//! The zygote: the one process that is started. All others are forked, from it or from each other: those that thaw
//! an image, and the one that boots V8 to make the base image or, where nothing can be frozen, to be what runs are
//! forked from. Forked, that one finds the program mapped and relocated, which would take a fifth of its time.

use std::{
    fs::File,
    os::fd::{AsFd, AsRawFd, OwnedFd},
};

use stasis_image::{Loader, ThawError, ThawRequest, interpose};

use super::{
    Channel, EXIT_BROKEN, EXIT_NORMAL, allocator,
    channel::files,
    end,
    lifecycle::{self, Forked, fork_child},
    run, sandbox,
};
use crate::{
    engine::Engine,
    protocol::{Becomes, Boot, CodePart, FromWorker, Purpose, ToWorker, VERSION},
};

/// Descriptors from this one on are the zygote's own; below are the channel and two that go nowhere.
pub(crate) const FIRST_OWN_DESCRIPTOR: u32 = 3;

/// A small process that holds nothing but the program's files. It is sandboxed before it does anything,
/// and so is whatever its children become: thawed code, which a hostile script may have written, never runs
/// outside of the sandbox.
pub(crate) fn zygote() -> ! {
    let Ok(loader) = Loader::new() else { end(EXIT_BROKEN) };
    let large_pages = sandbox::forbid_large_pages();
    let layers = sandbox::enter();
    let channel = Channel;
    let fingerprint = loader.fingerprint();
    channel.send(&FromWorker::Ready { version: VERSION, layers, large_pages, fingerprint });
    sandbox::prepare_runs();
    loop {
        let (message, descriptors) = channel.receive();
        if !matches!(message, ToWorker::Thaw { .. } | ToWorker::Boot(_)) {
            end(EXIT_BROKEN);
        }
        match fork_child() {
            Ok(Forked::Parent(child)) => {
                drop(descriptors);
                channel.send_with(&FromWorker::Forked, &[child.as_fd()]);
            }
            Ok(Forked::Child) => {
                sandbox::die_with_parent();
                match message {
                    ToWorker::Thaw { base, code, purpose } => thaw(&loader, base, code, purpose, descriptors),
                    ToWorker::Boot(how) => {
                        // Not to be part of what it becomes.
                        drop(loader);
                        boot(how, descriptors)
                    }
                    _ => end(EXIT_BROKEN),
                }
            }
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
    if let Purpose::Run { cpu_seconds } = purpose {
        sandbox::expect_run(cpu_seconds);
    }
    say_why_not(lifecycle::thaw(loader, &request))
}

/// Tells the server why an image cannot be thawed, and ends.
pub(crate) fn say_why_not(error: ThawError) -> ! {
    let why = error.to_string();
    Channel.send(&match error {
        ThawError::NoRoom | ThawError::System(_) => FromWorker::NotMapped(why),
        ThawError::Image(_)
        | ThawError::OtherBuild { .. }
        | ThawError::OtherProcessor(_)
        | ThawError::OtherBase
        | ThawError::Unlike
        | ThawError::Unsupported => FromWorker::NotThawed(why),
    });
    end(EXIT_NORMAL)
}

/// What V8's heap takes until it has booted, half of it for what can only be read.
const V8_BOOT_BYTES: usize = 4 << 20;

/// Boots V8 from the start-up snapshot, and then waits like every other worker.
fn boot(how: Boot, descriptors: Vec<OwnedFd>) -> ! {
    let Some([socket]) = files::<1>(descriptors) else { end(EXIT_BROKEN) };
    if Channel.replace(socket.into()).is_err() {
        end(EXIT_BROKEN);
    }
    allocator::take_large_pieces();
    if how.becomes == Becomes::BaseImage {
        // What is forked is better off with small ones.
        allocator::take_large_page();
        interpose::map_ahead(V8_BOOT_BYTES);
    }
    let mut engine = Engine::boot(Channel, how.preloads);
    interpose::unmap_rest();
    Channel.send(&FromWorker::Booted);
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
